// SPDX-License-Identifier: Apache-2.0

/// What `bus_watchdog` promises: it speaks once for each time of waiting without progress, in the
/// cycle in which that has lasted for `limit_i` cycles (or in which a lower limit comes); never with
/// a limit of 0. Proven by induction.
module bus_watchdog_proof (
  input logic        clk_i,
  input logic        rst_ni,
  input logic [31:0] limit_i,
  input logic        waiting_i,
  input logic        progress_i
);
  logic timeout_o;
  bus_watchdog dut (.clk_i, .rst_ni, .limit_i, .waiting_i, .progress_i, .timeout_o);

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;
  always_comb if (!started_q) assume (!rst_ni);

  logic [32:0] waited_q;  // cycles without progress
  logic        told_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || !waiting_i || progress_i) begin
      waited_q <= '0;
      told_q   <= 1'b0;
    end else begin
      waited_q <= waited_q == '1 ? waited_q : waited_q + 1'b1;
      told_q   <= told_q || timeout_o;
    end
  end

  always_comb if (started_q && rst_ni) begin
    Once_A: assert (!(told_q && timeout_o));
    InTime_A: assert (timeout_o || told_q || limit_i == '0 || waited_q < 33'(limit_i));
    NotBefore_A: assert (!timeout_o || (limit_i != '0 && waited_q >= 33'(limit_i)));

    Count_A: assert (33'(dut.count_q) == (waited_q > 33'h0ffffffff ? 33'h0ffffffff : waited_q));
    Told_A: assert (dut.told_q == told_q);
  end

  always_comb Timeout_C: cover (started_q && rst_ni && told_q && waited_q > 33'(limit_i) && limit_i > 32'd2);
endmodule
