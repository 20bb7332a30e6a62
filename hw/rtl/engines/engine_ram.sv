// SPDX-License-Identifier: Apache-2.0

/// Simple dual-port memory: one write port, one read port with a registered output that holds its
/// word while `re_i` is low. What a read in the cycle of a write to the same word gives is left to
/// the target: the engines use no such word.
module engine_ram #(
  parameter int unsigned Width = 32,
  parameter int unsigned Depth = 64,
  /// Block RAM or LUTs; the default follows the size.
  parameter bit Block = Depth > technology_pkg::RamWords && Depth * Width > technology_pkg::RamBits,
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
  if (Block) begin : gen_block
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
