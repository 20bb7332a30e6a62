// SPDX-License-Identifier: Apache-2.0

/// Read-only memory in LUTs that gives a word of each of its parts of 64 words: `data_o` shows those
/// at the place `addr_i` one clock after an edge with `en_i` high, and holds them while it is low.
/// After a reset it shows those at place 0.
///
/// For synthesis alone: it reads `RomFile` from where it runs. Places behind the last word have no
/// content.
`ifdef YOSYS
(* keep_hierarchy *)  // so the address' register stays before the memory, and abc puts no logic into it
`endif
module stream_rom_parts #(
  parameter int unsigned Width = 8,
  parameter int unsigned Depth = 128,
  /// See `stream_rom`.
  parameter RomFile = "",
  localparam int unsigned LowW = 6,
  localparam int unsigned PARTS = (Depth + (1 << LowW) - 1) >> LowW
) (
  input  logic                        clk_i,
  input  logic                        rst_ni,  // synchronous
  input  logic                        en_i,
  input  logic [LowW-1:0]             addr_i,
  output logic [PARTS-1:0][Width-1:0] data_o
);
  if (PARTS < 2) begin : gen_check
    $fatal(1, "need more than 64 words; got Depth %0d", Depth);
  end

  localparam int unsigned HighW = $clog2(PARTS);

`ifdef YOSYS
  (* rom_style = "logic" *)
`else
  (* rom_style = "distributed" *)
`endif
  logic [Width-1:0] mem [Depth];
  initial $readmemh(RomFile, mem);
  for (genvar p = 0; p < PARTS; p++) begin : gen_part
    always_ff @(posedge clk_i) begin
      if (!rst_ni) data_o[p] <= mem[{HighW'(p), LowW'(0)}];
      else if (en_i) data_o[p] <= mem[{HighW'(p), addr_i}];
    end
  end
endmodule
