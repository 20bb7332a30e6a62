// SPDX-License-Identifier: Apache-2.0

/// Product of two signed numbers in LUTs: the narrower operand in digits of -2 to 2 (Booth, radix 4),
/// each of which selects, shifts and inverts the wider one. `product_o + carry_o` is the product: an
/// inverted number lacks one, and the last of these enters the adder behind as its carry. Up to two
/// bits take no adder at all. Combinational.
module mac_digits #(
  parameter int unsigned AW = 9,
  parameter int unsigned BW = 4,
  parameter int unsigned ProductW = 12
) (
  input  logic signed [AW-1:0] a_i,
  input  logic signed [BW-1:0] b_i,
  output logic [ProductW-1:0]  product_o,
  output logic                 carry_o
);
  localparam int unsigned NARROW = AW > BW ? BW : AW;
  localparam int unsigned DIGITS = (NARROW + 1) / 2;

  logic [ProductW-1:0] wide;
  logic [2*DIGITS:0]   bits;   // of the narrow operand, a zero below them
  if (AW > BW) begin : gen_a_wide
    assign wide = ProductW'(a_i);
    assign bits = {(2 * DIGITS)'(b_i), 1'b0};
  end else begin : gen_b_wide
    assign wide = ProductW'(b_i);
    assign bits = {(2 * DIGITS)'(a_i), 1'b0};
  end

  for (genvar d = 0; d < DIGITS; d++) begin : gen_digit
    logic                once, twice, minus;
    logic [ProductW-1:0] part, total;
    assign minus = bits[2*d+2];
    assign once  = bits[2*d+1] ^ bits[2*d];
    assign twice = bits[2*d+2] ^ bits[2*d+1];   // or nothing, unless `once`
    assign part  = (((once ? wide : twice ? wide << 1 : '0) << (2 * d)) ^ {ProductW{minus}});
    if (d == 0) begin : gen_first
      assign total = part;
    end else begin : gen_add
      logic unused_lsb;
      assign {total, unused_lsb} = {gen_digit[d-1].total, 1'b1} + {part, gen_digit[d-1].minus};
    end
  end

  assign product_o = gen_digit[DIGITS-1].total;
  assign carry_o   = gen_digit[DIGITS-1].minus;
endmodule
