// SPDX-License-Identifier: Apache-2.0

/// Addresses of one block of `engine_transpose`: `Units` units of `Unit` beats. Unit i lies at
/// i * stride modulo (Units - 1) * Unit, the last one at that address itself; `stride_i` is a multiple
/// of `Unit` and of no common factor with it.
///
/// A block that was written by a stride s and is transposed leaves by s times its inner units, modulo
/// the same: in that order its places become free, and in that order the next block is written.
module transpose_walk #(
  parameter int unsigned Units = 8,
  parameter int unsigned Mark = 2,
  parameter int unsigned Unit = 1,
  localparam int unsigned ADDR_W = $clog2(Units * Unit)
) (
  input  logic              clk_i,
  input  logic              rst_ni,  // synchronous
  input  logic              step_i,
  input  logic [ADDR_W-1:0] stride_i,
  output logic [ADDR_W-1:0] addr_o,
  /// Of the beat at `addr_o`: the block's last one, and the first one of unit `Mark`.
  output logic              last_o,
  output logic              mark_o
);
  localparam logic [ADDR_W:0] LAST = (ADDR_W + 1)'((Units - 1) * Unit);
  localparam int unsigned COUNT_W = $clog2(Mark + 1);

  logic [ADDR_W-1:0]  base_q;   // where the unit begins
  logic [ADDR_W:0]    sum;
  logic [COUNT_W-1:0] left_q;   // units to the marked one
  logic               marked_q; // it has been
  logic               at_last, unit_last, unit_first;

  assign sum     = {1'b0, base_q} + {1'b0, stride_i};
  assign at_last = {1'b0, base_q} == LAST;
  assign last_o  = at_last && unit_last;
  assign mark_o  = left_q == '0 && unit_first && !marked_q;

  if (Unit == 1) begin : gen_one
    assign unit_first = 1'b1;
    assign unit_last  = 1'b1;
    assign addr_o     = base_q;
  end else begin : gen_unit
    localparam int unsigned BEAT_W = $clog2(Unit);
    logic [BEAT_W-1:0] beat_q;
    assign unit_first = beat_q == '0;
    assign unit_last  = beat_q == BEAT_W'(Unit - 1);
    assign addr_o     = base_q + ADDR_W'(beat_q);
    always_ff @(posedge clk_i) begin
      if (!rst_ni) beat_q <= '0;
      else if (step_i) beat_q <= unit_last ? '0 : beat_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      base_q   <= '0;
      left_q   <= COUNT_W'(Mark);
      marked_q <= 1'b0;
    end else if (step_i && unit_last) begin
      if (at_last) begin
        base_q   <= '0;
        left_q   <= COUNT_W'(Mark);
        marked_q <= 1'b0;
      end else begin
        base_q <= sum > LAST ? ADDR_W'(sum - LAST) : ADDR_W'(sum);
        if (left_q == '0) marked_q <= 1'b1;
        else left_q <= left_q - 1'b1;
      end
    end
  end
endmodule
