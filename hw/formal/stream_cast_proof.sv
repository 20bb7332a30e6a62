// SPDX-License-Identifier: Apache-2.0

/// What `stream_cast` promises: each lane keeps its number, read with its signedness, where the new
/// width can hold it, and its low bits where it cannot. No state: one step of induction proves it.
module stream_cast_proof #(
  parameter int unsigned Lanes = 2,
  parameter int unsigned InW = 3,
  parameter int unsigned OutW = 5,
  parameter bit          Signed = 1'b0
) (
  input logic                      clk_i,
  input logic                      rst_ni,
  input logic                      valid_i,
  input logic [Lanes-1:0][InW-1:0] data_i,
  input logic                      ready_i,
  input int unsigned               lane_i  // any lane
);
  logic                       ready_o, valid_o;
  logic [Lanes-1:0][OutW-1:0] data_o;

  stream_cast #(.Lanes(Lanes), .InW(InW), .OutW(OutW), .Signed(Signed)) dut (
    .clk_i, .rst_ni, .valid_i, .ready_o, .data_i, .valid_o, .ready_i, .data_o
  );

  // The number of a lane on either side.
  int number_in, number_out;
  always_comb begin
    number_in = Signed ? 32'(signed'(data_i[lane_i])) : signed'(32'(data_i[lane_i]));
    number_out  = Signed ? 32'(signed'(data_o[lane_i])) : signed'(32'(data_o[lane_i]));
  end

  always_comb begin
    assume (lane_i < Lanes);
    Passes_A: assert (valid_o == valid_i && ready_o == ready_i);
    SameNumber_A: assert (OutW < InW || number_out == number_in);
    LowBits_A: assert (((number_out ^ number_in) & ((1 << OutW) - 1)) == 0);
  end

  always_comb Moves_C: cover (rst_ni && valid_o && ready_i && number_in != 0);
endmodule
