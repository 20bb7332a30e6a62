// SPDX-License-Identifier: Apache-2.0

/// What `stream_interleave` promises: beats of all inputs move together, and lane `n` of input `k` is
/// lane `n * Ins + k` of the output. It has no state, so one step of induction proves it.
module stream_interleave_proof #(
  parameter int unsigned LaneW = 2,
  parameter int unsigned Lanes = 3,
  parameter int unsigned Ins   = 2
) (
  input logic                                 clk_i,
  input logic                                 rst_ni,
  input logic [Ins-1:0]                       valid_i,
  input logic [Ins-1:0][Lanes-1:0][LaneW-1:0] data_i,
  input logic                                 ready_i,
  input int unsigned                          lane_i   // any lane of the output
);
  logic [Ins-1:0]                  ready_o;
  logic                            valid_o;
  logic [Ins*Lanes-1:0][LaneW-1:0] data_o;

  stream_interleave #(.LaneW(LaneW), .Lanes(Lanes), .Ins(Ins)) dut (
    .clk_i, .rst_ni, .valid_i, .ready_o, .data_i, .valid_o, .ready_i, .data_o
  );

  always_comb begin
    assume (lane_i < Ins * Lanes);
    Together_A: assert (valid_o == &valid_i && ready_o == {Ins{valid_o && ready_i}});
    Interleaved_A: assert (data_o[lane_i] == data_i[lane_i%Ins][lane_i/Ins]);
  end

  always_comb Moves_C: cover (rst_ni && valid_o && ready_i);
endmodule
