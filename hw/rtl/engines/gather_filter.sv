// SPDX-License-Identifier: Apache-2.0

/// Passes those of every `Beats` beats that `Keep` names, and drops the others.
///
/// A beat in each cycle, no latency. Combinational: `valid_o` and `data_o` depend on the inputs, and
/// `ready_o` on `ready_i`.
module gather_filter #(
  parameter int unsigned Width = 8,
  parameter int unsigned Beats = 4,
  parameter logic [Beats-1:0] Keep = 4'b0110
) (
  input  logic             clk_i,
  input  logic             rst_ni,  // synchronous
  input  logic             valid_i,
  output logic             ready_o,
  input  logic [Width-1:0] data_i,
  output logic             valid_o,
  input  logic             ready_i,
  output logic [Width-1:0] data_o
);
  if (Width == 0 || Beats < 2 || Keep == '0) begin : gen_check
    $fatal(1, "need Width >= 1, Beats >= 2 and a beat to keep; got %0d, %0d, %b", Width, Beats, Keep);
  end

  localparam int unsigned COUNT_W = $clog2(Beats);

  logic [COUNT_W-1:0] next_q;  // number of the beat after the next one
  logic               keep_q;  // whether the next one is kept

  assign valid_o = valid_i && keep_q;
  assign ready_o = ready_i || !keep_q;
  assign data_o  = data_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      next_q <= COUNT_W'(1);
      keep_q <= Keep[0];
    end else if (valid_i && ready_o) begin
      next_q <= next_q == COUNT_W'(Beats - 1) ? '0 : next_q + 1'b1;
      keep_q <= Keep[next_q];
    end
  end
endmodule
