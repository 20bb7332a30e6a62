// SPDX-License-Identifier: Apache-2.0

/// Gives every lane another width: extended by its signedness, or cut to its low bits where the
/// values are known to fit. Wires only: no latency, all paths combinational.
module stream_cast #(
  parameter int unsigned Lanes = 4,
  parameter int unsigned InW = 8,
  parameter int unsigned OutW = 9,
  parameter bit          Signed = 1'b0
) (
  input  logic                       clk_i,
  input  logic                       rst_ni,
  input  logic                       valid_i,
  output logic                       ready_o,
  input  logic [Lanes-1:0][InW-1:0]  data_i,
  output logic                       valid_o,
  input  logic                       ready_i,
  output logic [Lanes-1:0][OutW-1:0] data_o
);
  if (Lanes == 0 || InW == 0 || OutW == 0) begin : gen_check
    $fatal(1, "need Lanes, InW, OutW > 0; got %0d, %0d, %0d", Lanes, InW, OutW);
  end

  assign valid_o = valid_i;
  assign ready_o = ready_i;

  for (genvar lane = 0; lane < int'(Lanes); lane++) begin : gen_lane
    if (OutW <= InW) begin : gen_cut
      assign data_o[lane] = data_i[lane][OutW-1:0];
    end else begin : gen_extend
      assign data_o[lane] = {{(OutW - InW){Signed & data_i[lane][InW-1]}}, data_i[lane]};
    end
  end

  // Clock and reset are there so that every stream module has the same ports.
  logic unused;
  assign unused = &{1'b0, clk_i, rst_ni, data_i};
endmodule
