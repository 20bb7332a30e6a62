// SPDX-License-Identifier: Apache-2.0

/// Simple dual-port memory: one write port, one read port with a registered output that holds its
/// word while `re_i` is low. What a read in the cycle of a write to the same word gives is left to
/// the target: the engines use no such word. Where the device has UltraRAM, large memories are in it,
/// as many words in a row as its bytes of nine bits hold.
module engine_ram #(
  parameter int unsigned Width = 32,
  parameter int unsigned Depth = 64,
  /// Block RAM or LUTs; the default follows the size.
  parameter bit Block = Depth > technology_pkg::RamWords && Depth * Width > technology_pkg::RamBits,
  parameter bit Ultra = Block && technology_pkg::UltraBits != 0 && Depth * Width >= technology_pkg::UltraBits,
  localparam int unsigned AddrW = Depth > 1 ? $clog2(Depth) : 1
) (
  input  logic             clk_i,
  input  logic             we_i,
  input  logic [AddrW-1:0] waddr_i,
  input  logic [Width-1:0] wdata_i,
  input  logic             re_i,
  input  logic [AddrW-1:0] raddr_i,
  output logic [Width-1:0] rdata_o
);
  // An attribute cannot depend on a parameter, so each style has a memory of its own.
  if (Ultra) begin : gen_ultra
    localparam int unsigned ACROSS = Width <= 9 ? 8 : Width <= 18 ? 4 : Width <= 36 ? 2 : 1;
    localparam int unsigned PART_W = $clog2(ACROSS);
    (* ram_style = "ultra", no_rw_check *)
    logic [ACROSS-1:0][Width-1:0] rows [(Depth + ACROSS - 1) / ACROSS];
    logic [ACROSS-1:0][Width-1:0] row_q;
    if (ACROSS == 1) begin : gen_alone
      assign rdata_o = row_q[0];
      always_ff @(posedge clk_i) if (we_i) rows[waddr_i] <= wdata_i;
      always_ff @(posedge clk_i) if (re_i) row_q <= rows[raddr_i];
    end else begin : gen_beside
      logic [PART_W-1:0] part_q;
      assign rdata_o = row_q[part_q];
      always_ff @(posedge clk_i) begin
        for (int p = 0; p < int'(ACROSS); p++) begin
          if (we_i && waddr_i[PART_W-1:0] == PART_W'(p)) rows[waddr_i >> PART_W][p] <= wdata_i;
        end
        if (re_i) row_q <= rows[raddr_i >> PART_W];
        if (re_i) part_q <= raddr_i[PART_W-1:0];
      end
    end
  end else if (Block) begin : gen_block
    (* ram_style = "block", no_rw_check *)
    logic [Width-1:0] mem [Depth];
    always_ff @(posedge clk_i) begin
      if (we_i) mem[waddr_i] <= wdata_i;
      if (re_i) rdata_o <= mem[raddr_i];
    end
  end else begin : gen_luts
    (* ram_style = "distributed", no_rw_check *)
    logic [Width-1:0] words [Depth];
    always_ff @(posedge clk_i) begin
      if (we_i) words[waddr_i] <= wdata_i;
      if (re_i) rdata_o <= words[raddr_i];
    end
  end
endmodule
