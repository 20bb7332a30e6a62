// SPDX-License-Identifier: Apache-2.0

/// Gives every beat of one stream to each of `Outputs` streams, eagerly: an output that is ready
/// takes the beat at once and the beat leaves the input when the last output has taken it.
/// One beat per cycle, no latency. `ready_o` depends combinationally on all of `ready_i`, `valid_o`
/// and `data_o` on `valid_i` and `data_i`; no output waits for another within a beat.
module stream_fork #(
  parameter int unsigned Width   = 8,
  parameter int unsigned Outputs = 2
) (
  input  logic               clk_i,
  input  logic               rst_ni,  // synchronous
  input  logic               valid_i,
  output logic               ready_o,
  input  logic [Width-1:0]   data_i,
  output logic [Outputs-1:0] valid_o,
  input  logic [Outputs-1:0] ready_i,
  /// Shared by all outputs.
  output logic [Width-1:0]   data_o
);
  if (Width == 0 || Outputs == 0) begin : gen_check
    $fatal(1, "need Width >= 1 and Outputs >= 1; got %0d, %0d", Width, Outputs);
  end

  logic [Outputs-1:0] taken_q;  // outputs that have the present beat already

  assign data_o  = data_i;
  assign valid_o = {Outputs{valid_i}} & ~taken_q;
  assign ready_o = &(taken_q | ready_i);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || (valid_i && ready_o)) taken_q <= '0;
    else taken_q <= taken_q | (valid_o & ready_i);
  end

`ifndef SYNTHESIS
  for (genvar k = 0; k < Outputs; k++) begin : gen_assert
    BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
        valid_o[k] && !ready_i[k] |=> valid_o[k] && $stable(data_o))
      else $error("%m: a beat of output %0d changed or vanished before it was taken", k);
  end
`endif
endmodule
