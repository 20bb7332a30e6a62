// SPDX-License-Identifier: Apache-2.0

/// Read-only memory whose words come in turn, from the first one after reset on, again and again.
/// `data_o` shows the next word one clock after an edge with `en_i` high and holds it while `en_i` is
/// low, as a `stream_rom` would whose address is a counter.
///
/// Since it is known which word comes next, a deep memory in LUTs is read ahead: the words that lie
/// 64 apart are in registers before `en_i` asks for one of them, so no path crosses all of the
/// memory. Synthesis alone sees these registers; they change nothing that can be seen outside.
`ifdef YOSYS
(* keep_hierarchy *)  // with its neighbours' logic, abc makes a ROM of up to four times the LUTs
`endif
module stream_rom_loop #(
  parameter int unsigned Width = 8,
  parameter int unsigned Depth = 16,
  /// See `stream_rom`.
  parameter RomFile = "",
  parameter bit Block = Depth > technology_pkg::RomWords && Depth * Width > technology_pkg::RomBits
) (
  input  logic             clk_i,
  input  logic             rst_ni,  // synchronous
  input  logic             en_i,
  output logic [Width-1:0] data_o
);
  localparam int unsigned AddrW = Depth > 1 ? $clog2(Depth) : 1;

  logic [AddrW-1:0] addr_q, addr_next;
  logic             last_q;   // addr_q == Depth - 1

  always_comb begin
    addr_next = addr_q;
    if (!rst_ni || (en_i && last_q)) addr_next = '0;
    else if (en_i) addr_next = addr_q + 1'b1;
  end
  always_ff @(posedge clk_i) begin
    addr_q <= addr_next;
    if (!rst_ni) last_q <= Depth == 1;
    else if (en_i) last_q <= Depth == 1 || (!last_q && addr_q == AddrW'(Depth - 2));
  end

`ifdef SYNTHESIS
  localparam int unsigned LowW = 6;
  localparam int unsigned PART = 1 << LowW;
  if (!Block && Depth > PART) begin : gen_parts
    localparam int unsigned PARTS = (Depth + PART - 1) / PART;
`ifdef YOSYS
    (* rom_style = "logic" *)
`else
    (* rom_style = "distributed" *)
`endif
    logic [Width-1:0] mem [Depth];
    logic [PARTS-1:0][Width-1:0] part_q;   // word addr_q % PART of each part
    initial $readmemh(RomFile, mem);
    for (genvar p = 0; p < PARTS; p++) begin : gen_part
      always_ff @(posedge clk_i) begin
        part_q[p] <= mem[{(AddrW - LowW)'(p), addr_next[LowW-1:0]}];
      end
    end
    always_ff @(posedge clk_i) if (en_i) data_o <= part_q[addr_q[AddrW-1:LowW]];
  end else
`endif
  begin : gen_whole
    stream_rom #(.Width(Width), .Depth(Depth), .RomFile(RomFile), .Block(Block)) u_rom (
      .clk_i,
      .en_i,
      .addr_i(addr_q),
      .data_o
    );
  end
endmodule
