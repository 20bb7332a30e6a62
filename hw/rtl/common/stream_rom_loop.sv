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

`ifdef SYNTHESIS
  localparam int unsigned LowW = 6;
  localparam int unsigned PART = 1 << LowW;
  if (!Block && Depth > PART) begin : gen_parts
    localparam int unsigned PARTS = (Depth + PART - 1) / PART;
    logic [PARTS-1:0][Width-1:0] part_q;   // of each part, the word at the place of the next one
    logic [AddrW-LowW-1:0]       high_q;   // part of the next word
    logic [AddrW-1:0]            fetch_q;  // address of the word behind the next one
    logic                        last_q;   // fetch_q == Depth - 1
    stream_rom_parts #(.Width(Width), .Depth(Depth), .RomFile(RomFile)) u_parts (
      .clk_i,
      .rst_ni,
      .en_i,
      .addr_i(fetch_q[LowW-1:0]),
      .data_o(part_q)
    );
    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        fetch_q <= AddrW'(1);
        high_q  <= '0;
        last_q  <= 1'b0;
      end else if (en_i) begin
        fetch_q <= last_q ? '0 : fetch_q + 1'b1;
        high_q  <= fetch_q[AddrW-1:LowW];
        last_q  <= !last_q && fetch_q == AddrW'(Depth - 2);
      end
      if (en_i) data_o <= part_q[high_q];
    end
  end else
`endif
  begin : gen_whole
    logic [AddrW-1:0] addr_q;
    logic             last_q;   // addr_q == Depth - 1
    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        addr_q <= '0;
        last_q <= Depth == 1;
      end else if (en_i) begin
        addr_q <= last_q ? '0 : addr_q + 1'b1;
        last_q <= Depth == 1 || (!last_q && addr_q == AddrW'(Depth - 2));
      end
    end
    stream_rom #(.Width(Width), .Depth(Depth), .RomFile(RomFile), .Block(Block)) u_rom (
      .clk_i,
      .en_i,
      .addr_i(addr_q),
      .data_o
    );
  end
endmodule
