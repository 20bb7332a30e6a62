// SPDX-License-Identifier: Apache-2.0
// Written by headrace; changes here are lost at the next compile.

/// Layer conv_2 as C++ kernels. In synthesis: the IP that hls/conv_2/run_hls.tcl makes with Vitis HLS. In simulation: these kernels
/// themselves, an iteration of a pipelined loop in each clock cycle (hls/conv_2/sim/model.cpp).
module conv_2_hls (
  input  logic clk_i,
  input  logic rst_ni,   // synchronous
  input  logic in0_valid_i,
  output logic in0_ready_o,
  input  logic [23:0] in0_data_i,
  output logic out0_valid_o,
  input  logic out0_ready_i,
  output logic [59:0] out0_data_o
);
`ifdef SYNTHESIS
  `define HEADRACE_HLS_IP
`endif
`ifdef HEADRACE_HLS_IP
  logic done, idle, ready;
  logic unused_status;
  assign unused_status = &{1'b0, done, idle, ready};
  // verilator lint_off UNUSEDSIGNAL
  logic [63:0] out0_tdata;  // whole bytes
  // verilator lint_on UNUSEDSIGNAL
  assign out0_data_o = 60'(out0_tdata);

  conv_2_ip_0 u_ip (
    .ap_clk(clk_i),
    .ap_rst_n(rst_ni),
    .ap_start(1'b1),  // frame after frame
    .ap_continue(1'b1),
    .ap_done(done),
    .ap_idle(idle),
    .ap_ready(ready),
    .in0_TVALID(in0_valid_i),
    .in0_TREADY(in0_ready_o),
    .in0_TDATA(24'(in0_data_i)),
    .out0_TVALID(out0_valid_o),
    .out0_TREADY(out0_ready_i),
    .out0_TDATA(out0_tdata)
  );
`else
  import "DPI-C" function chandle conv_2_hls_new();
  import "DPI-C" function void conv_2_hls_free(input chandle handle);
  import "DPI-C" function int conv_2_hls_clock(
    input chandle handle, input bit rst_n,
    input bit in0_valid, input bit [31:0] in0_data, output bit in0_ready,
    input bit out0_ready, output bit out0_valid, output bit [63:0] out0_data
  );

  chandle handle;
  initial handle = conv_2_hls_new();
  final conv_2_hls_free(handle);

  always_ff @(posedge clk_i) begin
    automatic int failed;
    automatic bit in0_ready;
    automatic bit out0_valid;
    // verilator lint_off UNUSEDSIGNAL
    automatic bit [63:0] out0_data;  // whole words, as DPI passes them
    // verilator lint_on UNUSEDSIGNAL
    failed = conv_2_hls_clock(
      handle, rst_ni,
      in0_valid_i, 32'(in0_data_i), in0_ready,
      out0_ready_i, out0_valid, out0_data
    );
    if (failed != 0) $fatal(1, "%m: a kernel failed");
    in0_ready_o <= in0_ready;
    out0_valid_o <= out0_valid;
    out0_data_o <= 60'(out0_data);
  end
`endif
endmodule
