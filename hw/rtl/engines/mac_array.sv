// SPDX-License-Identifier: Apache-2.0

/// Signed multiply-accumulate lanes: each lane sums the products of its `Inputs` activations and
/// weights over the beats from one with `first_i` to the one with `last_i`, then gives the sums of
/// all lanes as one output beat. Sums are exact modulo 2**AccW.
///
/// Each `Share` lanes in a row multiply the same activations; two of them share each multiplier
/// where its operands fit (25 x 18 bits in a DSP48): the weights of a pair lie ActW+WgtW bits apart in one
/// operand, and so do the two products in the result. With `LutMul` the products are sums of shifted
/// activations or weights (`mac_digits`) and take no multiplier.
///
/// Throughput: one beat per cycle. Latency: 3 + ceil(log2(Inputs)) cycles from the last beat
/// (operands, products, adder tree, accumulator). The pipeline waits while an output beat is not
/// taken: `ready_o` depends combinationally on `ready_i`.
module mac_array #(
  parameter int unsigned Lanes = 4,
  parameter int unsigned Inputs = 9,
  parameter int unsigned ActW = 8,
  parameter bit          ActSigned = 1'b0,
  parameter int unsigned WgtW = 4,
  parameter int unsigned AccW = 20,
  parameter int unsigned Share = 1,
  parameter bit          LutMul = 1'b0,
  localparam int unsigned ACT_LANES = Lanes / Share
) (
  input  logic                                       clk_i,
  input  logic                                       rst_ni,   // synchronous
  input  logic                                       valid_i,
  output logic                                       ready_o,
  input  logic                                       first_i,
  input  logic                                       last_i,
  input  logic [ACT_LANES-1:0][Inputs-1:0][ActW-1:0] act_i,
  input  logic [Lanes-1:0][Inputs-1:0][WgtW-1:0]     wgt_i,
  output logic                                       valid_o,
  input  logic                                       ready_i,
  output logic [Lanes-1:0][AccW-1:0]                 data_o
);
  localparam int unsigned LEVELS = $clog2(Inputs);
  localparam int unsigned ProductW = ActW + WgtW;
  // An unsigned activation becomes a non-negative signed number of one bit more.
  localparam int unsigned FactorW = ActSigned ? ActW : ActW + 1;
  localparam int unsigned PairW = ProductW + WgtW + 1;
  localparam bit PACK = Share > 1 && !LutMul && PairW <= technology_pkg::WideW &&
      FactorW <= technology_pkg::NarrowW;

  logic advance;
  assign advance = !valid_o || ready_i;
  assign ready_o = advance;

  // Flags travel with the data: beside the operands, the products, and each level of the tree.
  logic [LEVELS+1:0] valid_q, first_q, last_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= '0;
      valid_o <= 1'b0;
    end else if (advance) begin
      valid_q <= {valid_q[LEVELS:0], valid_i};
      valid_o <= valid_q[LEVELS+1] && last_q[LEVELS+1];
    end
    if (advance) begin
      first_q <= {first_q[LEVELS:0], first_i};
      last_q  <= {last_q[LEVELS:0], last_i};
    end
  end

  logic [Lanes-1:0][Inputs-1:0][ProductW-1:0] product;
  logic [Lanes-1:0][Inputs-1:0]               carry;

  logic signed [FactorW-1:0] factor [ACT_LANES][Inputs];
  for (genvar l = 0; l < ACT_LANES; l++) begin : gen_factor_lane
    for (genvar i = 0; i < Inputs; i++) begin : gen_factor
      if (ActSigned) begin : gen_signed
        assign factor[l][i] = signed'(act_i[l][i]);
      end else begin : gen_unsigned
        assign factor[l][i] = signed'({1'b0, act_i[l][i]});
      end
    end
  end

  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    for (genvar i = 0; i < Inputs; i++) begin : gen_input
      if (LutMul) begin : gen_digits
        logic signed [FactorW-1:0] factor_q;
        logic signed [WgtW-1:0]    weight_q;
        logic [ProductW-1:0]       product_q, part;
        logic                      carry_q, part_carry;
        mac_digits #(
          .AW(FactorW), .BW(WgtW), .ProductW(ProductW)
        ) u_product (
          .a_i      (factor_q),
          .b_i      (weight_q),
          .product_o(part),
          .carry_o  (part_carry)
        );
        always_ff @(posedge clk_i) begin
          if (advance) begin
            factor_q  <= factor[l/Share][i];
            weight_q  <= wgt_i[l][i];
            product_q <= part;
            carry_q   <= part_carry;
          end
        end
        assign product[l][i] = product_q;
        assign carry[l][i]   = carry_q;
      end else if (PACK && l % Share % 2 == 0 && l % Share + 1 < Share) begin : gen_pair
        logic signed [FactorW-1:0]    factor_q;
        logic signed [PairW-1:0]      weights_q;
        logic signed [2*ProductW-1:0] both_q;
        always_ff @(posedge clk_i) begin
          if (advance) begin
            factor_q  <= factor[l/Share][i];
            weights_q <= (PairW'(signed'(wgt_i[l+1][i])) <<< ProductW) +
                         PairW'(signed'(wgt_i[l][i]));
            both_q    <= (2 * ProductW)'(factor_q * weights_q);
          end
        end
        // A negative lower product has borrowed one from the upper: its sign gives it back.
        assign product[l][i]   = both_q[ProductW-1:0];
        assign carry[l][i]     = 1'b0;
        assign product[l+1][i] = both_q[2*ProductW-1:ProductW];
        assign carry[l+1][i]   = both_q[ProductW-1];
      end else if (!PACK || l % Share % 2 == 0) begin : gen_single
        logic signed [FactorW-1:0]  factor_q;
        logic signed [WgtW-1:0]     weight_q;
        logic signed [ProductW-1:0] product_q;
        always_ff @(posedge clk_i) begin
          if (advance) begin
            factor_q  <= factor[l/Share][i];
            weight_q  <= wgt_i[l][i];
            product_q <= ProductW'(factor_q * weight_q);
          end
        end
        assign product[l][i] = product_q;
        assign carry[l][i]   = 1'b0;
      end
    end

    mac_lane #(
      .Inputs(Inputs), .ProductW(ProductW), .AccW(AccW)
    ) u_lane (
      .clk_i,
      .en_i     (advance),
      .product_i(product[l]),
      .carry_i  (carry[l]),
      .valid_i  (valid_q[LEVELS+1]),
      .first_i  (first_q[LEVELS+1]),
      .sum_o    (data_o[l])
    );
  end
endmodule
