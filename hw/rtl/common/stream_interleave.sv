// SPDX-License-Identifier: Apache-2.0

/// Joins `Ins` streams beat by beat and interleaves their lanes: lane `n * Ins + k` of the output is
/// lane `n` of input `k`. This is a channel shuffle of the inputs' concatenation.
/// One beat per cycle, no latency. Combinational: `valid_o` depends on all of `valid_i`, and each
/// `ready_o` on `ready_i` and all of `valid_i`. Inputs of ragged pixels must be ragged alike.
module stream_interleave #(
  parameter int unsigned LaneW = 8,
  parameter int unsigned Lanes = 2,
  parameter int unsigned Ins   = 2
) (
  input  logic                                clk_i,
  input  logic                                rst_ni,  // synchronous
  input  logic [Ins-1:0]                      valid_i,
  output logic [Ins-1:0]                      ready_o,
  input  logic [Ins-1:0][Lanes-1:0][LaneW-1:0] data_i,
  output logic                                valid_o,
  input  logic                                ready_i,
  output logic [Ins*Lanes-1:0][LaneW-1:0]     data_o
);
  if (LaneW == 0 || Lanes == 0 || Ins == 0) begin : gen_check
    $fatal(1, "need LaneW >= 1, Lanes >= 1 and Ins >= 1; got %0d, %0d, %0d", LaneW, Lanes, Ins);
  end

  assign valid_o = &valid_i;
  assign ready_o = {Ins{valid_o && ready_i}};

  for (genvar n = 0; n < Lanes; n++) begin : gen_lane
    for (genvar k = 0; k < Ins; k++) begin : gen_in
      assign data_o[n*Ins+k] = data_i[k][n];
    end
  end

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`else
  logic unused_clock;
  assign unused_clock = ^{clk_i, rst_ni};
`endif
endmodule
