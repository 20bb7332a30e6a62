// SPDX-License-Identifier: Apache-2.0

/// Requantizer: `y = clip(round_half_even((acc * mul + add) / 2**Shift), Lo, Hi)` per lane, with
/// `mul` and `add` of each channel.
///
/// Word b of `RomFile` serves channel beat b of a pixel: lane l has `mul` (signed) in the MulW bits
/// from l*(MulW+AddW), and `add` (signed) in the AddW bits above. Intermediate results are exact.
///
/// Throughput: one beat per cycle. Latency: 5 cycles (operands, product, sum, rounding, clipping),
/// more where a product takes more than two multipliers (`product_terms`). The pipeline waits while
/// two output beats are not taken; `ready_o` is a register.
module engine_requant #(
  parameter int unsigned Lanes = 4,
  parameter int unsigned AccW = 20,
  parameter int unsigned MulW = 12,
  parameter int unsigned AddW = 24,
  parameter int unsigned Shift = 8,
  parameter int unsigned OutW = 8,
  parameter int          Lo = 0,
  parameter int          Hi = 255,
  /// Beats of one pixel.
  parameter int unsigned Beats = 1,
  /// Pixels that come together, beat by beat: Hold pixels' first beats, then their second ones, and so on.
  parameter int unsigned Hold = 1,
  /// Multiply in LUTs instead of in a DSP; sensible for a narrow `mul`.
  parameter bit          LutMul = 1'b0,
  /// Ties go to odd integers instead.
  parameter bit          Odd = 1'b0,
  parameter RomFile = ""
) (
  input  logic                       clk_i,
  input  logic                       rst_ni,   // synchronous
  input  logic                       valid_i,
  output logic                       ready_o,
  input  logic [Lanes-1:0][AccW-1:0] data_i,   // signed
  output logic                       valid_o,
  input  logic                       ready_i,
  output logic [Lanes-1:0][OutW-1:0] data_o
);
  if (Lanes == 0 || AccW == 0 || MulW == 0 || AddW == 0 || Beats == 0 || Hold == 0) begin : gen_size
    $fatal(1, "zero among Lanes %0d AccW %0d MulW %0d AddW %0d Beats %0d Hold %0d", Lanes, AccW, MulW,
           AddW, Beats, Hold);
  end
  if (OutW == 0 || OutW > 32) begin : gen_out
    $fatal(1, "need 1 <= OutW <= 32; got %0d", OutW);
  end
  // Lo..Hi must be a range of either the signed or the unsigned numbers of OutW bits.
  localparam longint LEAST = Lo < 0 ? -(64'sd1 << (OutW - 1)) : 64'sd0;
  localparam longint MOST = Lo < 0 ? (64'sd1 << (OutW - 1)) - 1 : (64'sd1 << OutW) - 1;
  if (Lo > Hi || 64'(Lo) < LEAST || 64'(Hi) > MOST) begin : gen_range
    $fatal(1, "need Lo <= Hi within %0d bits; got %0d and %0d", OutW, Lo, Hi);
  end

  // Product, sum, and the sum with its rounding term, none of which can overflow.
  localparam int unsigned ProductW = AccW + MulW;
  localparam int unsigned SumW = (ProductW > AddW ? ProductW : AddW) + 1;
  localparam int unsigned RoundW = (SumW > Shift + 1 ? SumW : Shift + 1) + 1;
  localparam int unsigned QuotientW = RoundW - Shift;
  // Wide enough to compare a quotient with Lo and Hi.
  localparam int unsigned ClipW = QuotientW > 33 ? QuotientW : 33;
  typedef struct packed {
    logic signed [AddW-1:0] add;
    logic signed [MulW-1:0] mul;
  } scale_t;

  localparam int unsigned PRODUCT = LutMul ? 1 : technology_pkg::product_latency(AccW, MulW);
  localparam int unsigned STAGES  = 3 + PRODUCT;   // before the output's registers

  logic                       advance;
  logic [STAGES-1:0]          valid_q;
  scale_t [Lanes-1:0]         scale;
  logic [Lanes-1:0][OutW-1:0] clipped;

  assign ready_o = advance;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else if (advance) valid_q <= {valid_q[STAGES-2:0], valid_i};
  end

  stream_fifo #(.Width(Lanes * OutW), .Depth(2)) u_output (
    .clk_i, .rst_ni,
    .valid_i(valid_q[STAGES-1]), .ready_o(advance), .data_i(clipped),
    .valid_o, .ready_i, .data_o
  );

  // The word of a beat is asked for with the first pixel, and held for the others.
  logic hold_last, first_q;
  beat_counter #(.Beats(Hold)) u_hold (.clk_i, .rst_ni, .step_i(advance && valid_i), .last_o(hold_last));
  always_ff @(posedge clk_i) begin
    if (!rst_ni) first_q <= 1'b1;
    else if (advance && valid_i) first_q <= hold_last;
  end

  stream_rom_loop #(
    .Width  (Lanes * (MulW + AddW)),
    .Depth  (Beats),
    .RomFile(RomFile)
  ) u_scales (
    .clk_i,
    .rst_ni,
    .en_i  (advance && valid_i && first_q),
    .data_o(scale)
  );

  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    logic signed [AccW-1:0]      acc_q;
    logic signed [AddW-1:0]      add_q;
    logic signed [SumW-1:0]      sum;
    logic signed [SumW-1:0]      sum_q;
    logic signed [RoundW-1:0]    rounded;
    logic signed [QuotientW-1:0] quotient_q;

    if (LutMul) begin : gen_lut
      logic [ProductW-1:0]        product;
      logic signed [ProductW-1:0] product_q;
      logic                       carry, carry_q, unused_lsb;   // what the product lacks is added with `add`
      mac_digits #(.AW(AccW), .BW(MulW), .ProductW(ProductW)) u_product (
        .a_i(acc_q), .b_i(scale[l].mul), .product_o(product), .carry_o(carry)
      );
      always_ff @(posedge clk_i) begin
        if (advance) begin
          product_q <= product;
          carry_q   <= carry;
        end
      end
      assign {sum, unused_lsb} = {SumW'(product_q), carry_q} + {SumW'(add_q), carry_q};
    end else begin : gen_dsp
      logic signed [ProductW-1:0] term, other;
      product_terms #(.AW(AccW), .BW(MulW)) u_product (
        .clk_i, .en_i(advance), .a_i(acc_q), .b_i(scale[l].mul), .term_o(term), .other_o(other)
      );
      if (technology_pkg::product_parts(AccW, MulW) == 1) begin : gen_single
        logic unused_other;
        assign unused_other = ^other;
        assign sum = SumW'(term) + SumW'(add_q);
      end else begin : gen_parts
        logic [PRODUCT-1:0][AddW-1:0] late;   // `add` beside the terms
        assign late[0] = add_q;
        for (genvar s = 1; s < PRODUCT; s++) begin : gen_late
          always_ff @(posedge clk_i) if (advance) late[s] <= late[s-1];
        end
        assign sum = SumW'(term) + SumW'(other) + SumW'(signed'(late[PRODUCT-1]));
      end
    end

    // Half a step less one, plus the step's parity: a tie passes the half only from an odd number
    // (with Odd, from an even one).
    if (Shift == 0) begin : gen_exact
      assign rounded = RoundW'(sum_q);
    end else begin : gen_round
      localparam logic signed [RoundW-1:0] BELOW_HALF = (RoundW'(1) << (Shift - 1)) - 1'b1;
      logic signed [RoundW-1:0] whole;
      assign whole   = RoundW'(sum_q);
      assign rounded = whole + BELOW_HALF + signed'(RoundW'(whole[Shift] ^ Odd));
    end

    always_ff @(posedge clk_i) begin
      if (advance) begin
        acc_q      <= data_i[l];
        add_q      <= scale[l].add;
        sum_q      <= sum;
        quotient_q <= QuotientW'(rounded >>> Shift);
      end
    end
    assign clipped[l] = ClipW'(quotient_q) < ClipW'(Lo) ? OutW'(Lo) :
                        ClipW'(quotient_q) > ClipW'(Hi) ? OutW'(Hi) : OutW'(quotient_q);
  end

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
