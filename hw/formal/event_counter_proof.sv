// SPDX-License-Identifier: Apache-2.0

/// What `event_counter` promises: it shows the number of events up to two cycles before, in all of
/// its bits at once. Proven by induction, so across carries too.
module event_counter_proof (
  input logic clk_i,
  input logic rst_ni,
  input logic event_i
);
  logic [63:0] count_o;
  event_counter dut (.clk_i, .rst_ni, .event_i, .count_o);

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;
  always_comb if (!started_q) assume (!rst_ni);

  logic [63:0] count_q, before_q;  // events until now, and until a cycle before
  always_ff @(posedge clk_i) begin
    count_q  <= rst_ni ? count_q + 64'(event_i) : '0;
    before_q <= rst_ni ? count_q : '0;
  end

  logic [63:0] low;
  assign low = {32'h0, dut.low_q};
  always_comb if (started_q && rst_ni) begin
    Exact_A: assert (count_o == before_q);
    Halves_A: assert ({count_o[63:32], 32'h0} + {31'h0, dut.carry_q, 32'h0} + low == count_q);
    Step_A: assert (count_q == before_q || count_q == before_q + 1'b1);
  end

  always_comb Counted_C: cover (started_q && rst_ni && count_o == 64'd5);
endmodule
