// SPDX-License-Identifier: Apache-2.0

/// Adds two streams lane by lane: `data_o = a * MulA + b * MulB`, signed, modulo `2**OutW`. The
/// factors are constants, realised as the fewest shifts and additions of their signed-digit form, so
/// no DSP is used. One beat per cycle, latency 1. Combinational: each `ready_*_o` depends on
/// `ready_i` and on the valid of the other input.
module engine_add #(
  parameter int unsigned Lanes    = 2,
  parameter int unsigned InW      = 8,
  /// Bit 0: a is signed; bit 1: b is signed.
  parameter bit [1:0]    InSigned = 2'b00,
  parameter int          MulA     = 1,
  parameter int          MulB     = 1,
  /// Wide enough for every sum that occurs; the compiler knows it from the range of each input.
  parameter int unsigned OutW     = 10
) (
  input  logic                       clk_i,
  input  logic                       rst_ni,  // synchronous
  input  logic                       valid_a_i,
  output logic                       ready_a_o,
  input  logic [Lanes-1:0][InW-1:0]  data_a_i,
  input  logic                       valid_b_i,
  output logic                       ready_b_o,
  input  logic [Lanes-1:0][InW-1:0]  data_b_i,
  output logic                       valid_o,
  input  logic                       ready_i,
  output logic [Lanes-1:0][OutW-1:0] data_o
);
  if (Lanes == 0 || InW == 0 || OutW == 0) begin : gen_check
    $fatal(1, "Lanes, InW and OutW must not be 0; got %0d, %0d, %0d", Lanes, InW, OutW);
  end

  /// The digits of `factor` that equal `sign` (+1 or -1) in its non-adjacent form, one bit each.
  function automatic logic [33:0] digits(int factor, int sign);
    longint rest;
    int     digit;
    digits = '0;
    rest   = 64'(factor);
    for (int i = 0; i < 34; i++) begin
      digit = 0;
      if (rest[0]) digit = rest[1] ? -1 : 1;
      if (digit == sign) digits[i] = 1'b1;
      rest = (rest - 64'(digit)) / 2;
    end
  endfunction

  localparam logic [1:0][33:0] PLUS  = {digits(MulB, 1), digits(MulA, 1)};
  localparam logic [1:0][33:0] MINUS = {digits(MulB, -1), digits(MulA, -1)};

  typedef logic [OutW-1:0] sum_t;

  function automatic sum_t scaled(logic [InW-1:0] value, logic is_signed, logic [33:0] plus,
                                  logic [33:0] minus);
    sum_t wide;
    wide   = sum_t'({{OutW{is_signed & value[InW-1]}}, value});
    scaled = '0;
    for (int unsigned i = 0; i < 34; i++) begin
      if (plus[i]) scaled += wide << i;
      if (minus[i]) scaled -= wide << i;
    end
  endfunction

  logic advance;
  logic both;

  assign both      = valid_a_i && valid_b_i;
  assign advance   = !valid_o || ready_i;
  assign ready_a_o = advance && valid_b_i;
  assign ready_b_o = advance && valid_a_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_o <= 1'b0;
    else if (advance) valid_o <= both;
  end

  for (genvar p = 0; p < Lanes; p++) begin : gen_lane
    always_ff @(posedge clk_i) begin
      if (advance && both) begin
        data_o[p] <= scaled(data_a_i[p], InSigned[0], PLUS[0], MINUS[0]) +
                     scaled(data_b_i[p], InSigned[1], PLUS[1], MINUS[1]);
      end
    end
  end

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
