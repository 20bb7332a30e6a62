// SPDX-License-Identifier: Apache-2.0

/// AXI4-Lite slave in front of a register file: one write and one read at a time, in any order.
///
/// A write reaches the registers when address and data are there, as one cycle of `write_o`; a read
/// as one cycle of `read_o`, whose answer `read_data_i` is taken in the next one. Addresses are those
/// of words: a processor gives those of bytes, too, and says the rest with strobes. Every access is
/// answered with OKAY: an error response stops the program on a Zynq (a bus error), so the register
/// file itself keeps note of accesses to nothing. At most one access each 2 cycles.
module axi_lite_slave #(
  parameter int unsigned AddrW = 12
) (
  input  logic             clk_i,
  input  logic             rst_ni,  // synchronous

  input  logic [AddrW-1:0] s_axi_awaddr,
  input  logic             s_axi_awvalid,
  output logic             s_axi_awready,
  input  logic [31:0]      s_axi_wdata,
  input  logic [3:0]       s_axi_wstrb,
  input  logic             s_axi_wvalid,
  output logic             s_axi_wready,
  output logic [1:0]       s_axi_bresp,
  output logic             s_axi_bvalid,
  input  logic             s_axi_bready,
  input  logic [AddrW-1:0] s_axi_araddr,
  input  logic             s_axi_arvalid,
  output logic             s_axi_arready,
  output logic [31:0]      s_axi_rdata,
  output logic [1:0]       s_axi_rresp,
  output logic             s_axi_rvalid,
  input  logic             s_axi_rready,

  output logic             write_o,
  output logic [AddrW-1:0] write_addr_o,
  output logic [31:0]      write_data_o,
  output logic [31:0]      write_mask_o,  // bits whose byte is written
  output logic             read_o,
  output logic [AddrW-1:0] read_addr_o,
  input  logic [31:0]      read_data_i
);
  localparam logic [1:0] OKAY = 2'b00;

  logic             aw_held_q;
  logic             w_held_q;
  logic             ar_held_q;
  logic             reading_q;   // the answer of a read is there
  logic [3:0]       strobe_q;
  logic             unused_low;

  assign s_axi_awready = !aw_held_q;
  assign s_axi_wready  = !w_held_q;
  assign s_axi_arready = !ar_held_q;
  assign s_axi_bresp   = OKAY;
  assign s_axi_rresp   = OKAY;
  assign unused_low    = ^{s_axi_awaddr[1:0], s_axi_araddr[1:0]};

  assign write_o = aw_held_q && w_held_q && (!s_axi_bvalid || s_axi_bready);
  assign read_o  = ar_held_q && (!s_axi_rvalid || s_axi_rready);
  for (genvar b = 0; b < 4; b++) begin : gen_mask
    assign write_mask_o[8*b +: 8] = {8{strobe_q[b]}};
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      aw_held_q    <= 1'b0;
      w_held_q     <= 1'b0;
      ar_held_q    <= 1'b0;
      reading_q    <= 1'b0;
      s_axi_bvalid <= 1'b0;
      s_axi_rvalid <= 1'b0;
    end else begin
      if (s_axi_awvalid && s_axi_awready) aw_held_q <= 1'b1;
      else if (write_o) aw_held_q <= 1'b0;
      if (s_axi_wvalid && s_axi_wready) w_held_q <= 1'b1;
      else if (write_o) w_held_q <= 1'b0;
      if (s_axi_arvalid && s_axi_arready) ar_held_q <= 1'b1;
      else if (read_o) ar_held_q <= 1'b0;
      if (write_o) s_axi_bvalid <= 1'b1;
      else if (s_axi_bready) s_axi_bvalid <= 1'b0;
      reading_q <= read_o;
      if (reading_q) s_axi_rvalid <= 1'b1;
      else if (s_axi_rready) s_axi_rvalid <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (s_axi_awvalid && s_axi_awready) write_addr_o <= {s_axi_awaddr[AddrW-1:2], 2'b00};
    if (s_axi_wvalid && s_axi_wready) begin
      write_data_o <= s_axi_wdata;
      strobe_q     <= s_axi_wstrb;
    end
    if (s_axi_arvalid && s_axi_arready) read_addr_o <= {s_axi_araddr[AddrW-1:2], 2'b00};
    if (reading_q) s_axi_rdata <= read_data_i;
  end

`ifndef SYNTHESIS
  WriteResponseHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      s_axi_bvalid && !s_axi_bready |=> s_axi_bvalid)
    else $error("%m: a write response vanished before it was taken");
  ReadDataHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      s_axi_rvalid && !s_axi_rready |=> s_axi_rvalid && $stable(s_axi_rdata))
    else $error("%m: read data changed or vanished before they were taken");
`endif
endmodule
