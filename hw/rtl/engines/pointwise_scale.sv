// SPDX-License-Identifier: Apache-2.0

/// Multiplies by a constant: `product_o = value_i * Factor`, signed, modulo `2**OutW`. The fewest shifts
/// and additions of the factor's signed-digit (non-adjacent) form; no DSP. Combinational.
module pointwise_scale #(
  parameter bit signed [63:0] Factor = 64'sd3,
  parameter int unsigned      InW    = 8,
  parameter int unsigned      OutW   = 10
) (
  input  logic signed [InW-1:0]  value_i,
  output logic signed [OutW-1:0] product_o
);
  if (InW == 0 || OutW == 0 || OutW > 64) begin : gen_check
    $fatal(1, "need InW > 0 and OutW from 1 to 64; got %0d, %0d", InW, OutW);
  end

  /// The digits that equal `sign` (+1 or -1) in the factor's non-adjacent form, one bit each. Digits
  /// beyond bit 63 do not reach the product.
  function automatic logic [63:0] digits(int sign);
    logic signed [64:0] rest;
    int                 digit;
    digits = '0;
    rest   = 65'(Factor);
    for (int i = 0; i < 64; i++) begin
      digit = 0;
      if (rest[0]) digit = rest[1] ? -1 : 1;
      if (digit == sign) digits[i] = 1'b1;
      rest = (rest - 65'(digit)) >>> 1;
    end
  endfunction

  localparam logic [63:0] PLUS  = digits(1);
  localparam logic [63:0] MINUS = digits(-1);

  logic unused_value;  // bits beyond the product's
  assign unused_value = ^value_i;

  logic signed [OutW-1:0] wide;
  assign wide = OutW'(value_i);
  always_comb begin
    product_o = '0;
    for (int unsigned i = 0; i < OutW; i++) begin
      if (PLUS[i]) product_o += wide <<< i;
      if (MINUS[i]) product_o -= wide <<< i;
    end
  end
endmodule
