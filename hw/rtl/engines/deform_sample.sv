// SPDX-License-Identifier: Apache-2.0

/// The value of a tap of `engine_deform` from what its banks hold: neighbours outside the map are
/// zero, the four are interpolated, and the mask multiplies. Exact: with `FractionBits` F the result
/// is the sum of the neighbours, each times its weights 2**F - f or f of row and column, so it is
/// scaled by 2**(2F); modulo 2**DataW.
///
/// Along one axis the two neighbours a, b of even and odd place give a * 2**F + (b - a) * w, one
/// multiplier behind a pre-adder and before an adder, each with its register, as a DSP48 has them.
///
/// Steps of `en_i` from words to data: one, six more with a fraction, one more with a mask.
module deform_sample #(
  parameter int unsigned Lanes = 4,
  parameter int unsigned LaneW = 8,
  parameter bit          LaneSigned = 1'b0,
  parameter int unsigned FractionBits = 0,
  /// Bits of a mask; 0 for none.
  parameter int unsigned MaskW = 0,
  parameter bit          MaskSigned = 1'b0,
  parameter int unsigned DataW = 8,
  localparam int unsigned SPLIT = FractionBits > 0 ? 2 : 1,
  localparam int unsigned MASK_PORT = MaskW > 0 ? MaskW : 1
) (
  input  logic                                              clk_i,
  input  logic                                              en_i,
  input  logic [SPLIT-1:0][SPLIT-1:0][Lanes-1:0][LaneW-1:0] word_i,
  input  logic [SPLIT-1:0][SPLIT-1:0]                       inside_i,
  input  logic [FractionBits:0]                             wy_i,
  input  logic [FractionBits:0]                             wx_i,
  input  logic [MASK_PORT-1:0]                              mask_i,
  output logic [Lanes-1:0][DataW-1:0]                       data_o
);
  // Signed widths: a value, after one axis, after both.
  localparam int unsigned VW = LaneSigned ? LaneW : LaneW + 1;
  localparam int unsigned HW = VW + FractionBits;
  localparam int unsigned SW = HW + FractionBits;
  localparam int unsigned MASK_DELAY = FractionBits > 0 ? 7 : 1;

  // ---- neighbours, zero outside the map
  logic signed [VW-1:0] value [SPLIT][SPLIT][Lanes];
  for (genvar r = 0; r < SPLIT; r++) begin : gen_row
    for (genvar c = 0; c < SPLIT; c++) begin : gen_col
      for (genvar l = 0; l < Lanes; l++) begin : gen_lane
        always_ff @(posedge clk_i) begin
          if (en_i) begin
            if (!inside_i[r][c]) value[r][c][l] <= '0;
            else if (LaneSigned) value[r][c][l] <= VW'(signed'(word_i[r][c][l]));
            else value[r][c][l] <= VW'(word_i[r][c][l]);
          end
        end
      end
    end
  end

  // ---- interpolation
  logic signed [SW-1:0] sample [Lanes];
  if (FractionBits > 0) begin : gen_bilinear
    localparam int unsigned WW = FractionBits + 2;
    logic [1:0][FractionBits:0] wx_q;
    logic [4:0][FractionBits:0] wy_q;
    logic signed [WW-1:0]       wx, wy;
    always_ff @(posedge clk_i) begin
      if (en_i) begin
        wx_q <= {wx_q[0], wx_i};
        wy_q <= {wy_q[3:0], wy_i};
      end
    end
    assign wx = signed'({1'b0, wx_q[1]});
    assign wy = signed'({1'b0, wy_q[4]});

    for (genvar l = 0; l < Lanes; l++) begin : gen_lane
      logic signed [HW-1:0] across [2];
      for (genvar r = 0; r < 2; r++) begin : gen_across
        logic signed [VW-1:0] even_2, even_3;
        logic signed [VW:0]   diff_2;
        logic signed [HW-1:0] product_3;   // modulo 2**HW, which their sum fits
        always_ff @(posedge clk_i) begin
          if (en_i) begin
            even_2    <= value[r][0][l];
            diff_2    <= (VW + 1)'(value[r][1][l]) - (VW + 1)'(value[r][0][l]);
            even_3    <= even_2;
            product_3 <= HW'(diff_2) * HW'(wx);
            across[r] <= (HW'(even_3) <<< FractionBits) + product_3;
          end
        end
      end
      logic signed [HW-1:0] even_5, even_6;
      logic signed [HW:0]   diff_5;
      logic signed [SW-1:0] product_6;
      always_ff @(posedge clk_i) begin
        if (en_i) begin
          even_5    <= across[0];
          diff_5    <= (HW + 1)'(across[1]) - (HW + 1)'(across[0]);
          even_6    <= even_5;
          product_6 <= SW'(diff_5) * SW'(wy);
          sample[l] <= (SW'(even_6) <<< FractionBits) + product_6;
        end
      end
    end
  end else begin : gen_integer
    for (genvar l = 0; l < Lanes; l++) begin : gen_lane
      assign sample[l] = value[0][0][l];
    end
    logic unused_weights;
    assign unused_weights = &{1'b0, wy_i, wx_i};
  end

  // ---- mask
  if (MaskW > 0) begin : gen_mask
    localparam int unsigned MW = MaskSigned ? MaskW : MaskW + 1;
    logic [MASK_DELAY-1:0][MASK_PORT-1:0] mask_q;
    logic signed [MW-1:0]                 mask;
    always_ff @(posedge clk_i) begin
      if (en_i) begin
        mask_q[0] <= mask_i;
        for (int unsigned d = 1; d < MASK_DELAY; d++) mask_q[d] <= mask_q[d-1];
      end
    end
    assign mask = MaskSigned ? MW'(signed'(mask_q[MASK_DELAY-1]))
                             : MW'(mask_q[MASK_DELAY-1]);
    for (genvar l = 0; l < Lanes; l++) begin : gen_lane
      always_ff @(posedge clk_i) begin
        if (en_i) data_o[l] <= DataW'((SW + MW)'(sample[l]) * (SW + MW)'(mask));
      end
    end
  end else begin : gen_plain
    for (genvar l = 0; l < Lanes; l++) begin : gen_lane
      assign data_o[l] = DataW'(sample[l]);
    end
    logic unused_mask;
    assign unused_mask = &{1'b0, mask_i};
  end
endmodule
