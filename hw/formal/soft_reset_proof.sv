// SPDX-License-Identifier: Apache-2.0

/// What `soft_reset` promises, with a bus on which bursts begin in any cycle that is neither drained
/// nor in reset, and end at any time: but for the fabric's reset, the core is reset only while
/// nothing is on the bus, for `Cycles` cycles, and after each request; and nothing else is drained.
/// Proven by induction.
module soft_reset_proof #(
  parameter int unsigned Cycles = 3
) (
  input logic clk_i,
  input logic rst_ni,
  input logic request_i,
  input logic begin_i,  // a burst, if it may
  input logic end_i     // all bursts
);
  logic drain_o, core_rst_no, busy_o, idle;

  soft_reset #(.Cycles(Cycles)) dut (
    .clk_i, .rst_ni, .request_i, .bus_idle_i(idle), .drain_o, .core_rst_no, .busy_o
  );

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;
  always_comb if (!started_q) assume (!rst_ni);

  logic        open_q;      // bursts are on the bus
  logic        pending_q;   // a reset was asked for, and the core is not in it yet
  int unsigned low_q;       // cycles for which the core has been in reset
  assign idle = !open_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      open_q    <= 1'b0;
      pending_q <= 1'b0;
      low_q     <= 0;
    end else begin
      open_q    <= (begin_i && !drain_o && core_rst_no) || (open_q && !end_i);
      pending_q <= (request_i && !busy_o) || (pending_q && core_rst_no);
      low_q     <= core_rst_no ? 0 : low_q + 1;
    end
  end

  logic waited_q;  // bursts were on the bus when the reset was asked for
  always_ff @(posedge clk_i) begin
    if (!rst_ni) waited_q <= 1'b0;
    else if (request_i && !busy_o) waited_q <= open_q;
  end

  int unsigned left;
  assign left = 32'(dut.left_q);
  always_comb if (started_q && rst_ni) begin
    NothingIsBrokenOff_A: assert (core_rst_no || !open_q);
    LongEnough_A: assert (!core_rst_no || low_q == 0 || low_q >= Cycles);
    AskedFor_A: assert (!pending_q || busy_o || !core_rst_no);
    DrainedUntilReset_A: assert (drain_o == busy_o);

    Drained_A: assert (left == 0 || !open_q);
    DrainsFirst_A: assert (!dut.drain_q || (left == 0 && core_rst_no));
    Left_A: assert (left <= Cycles && (!core_rst_no || left == 0 || left == Cycles));
    Low_A: assert (core_rst_no ? low_q <= Cycles + 1 && (low_q == 0 || left == 0) :
                                 low_q + left == Cycles || low_q + left + 1 == Cycles);
  end

  always_comb ResetBehindBursts_C: cover (started_q && rst_ni && pending_q && waited_q && !core_rst_no);
endmodule
