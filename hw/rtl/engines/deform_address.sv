// SPDX-License-Identifier: Apache-2.0

/// Where in the line buffer of `engine_deform` a tap lies: clamps its offset, adds it to the tap's
/// place, and gives the address in each bank, which of its neighbours lie inside the map, and the
/// weights of a bilinear interpolation.
///
/// With `FractionBits` there are four banks, by the parity of row slot and column. Any two
/// neighbouring rows and columns lie in different banks, so the four neighbours of a tap are read at
/// once. `wy_o / 2**FractionBits` is the weight of the odd row, `wx_o` that of the odd column; a
/// neighbour of weight 0 counts as outside. Without `FractionBits` there is one bank.
///
/// Seven steps of `en_i` from the inputs to the outputs, one tap a step.
module deform_address #(
  parameter int unsigned InH = 8,
  parameter int unsigned InW = 8,
  parameter int unsigned KH = 3,
  parameter int unsigned KW = 3,
  parameter int unsigned DilH = 1,
  parameter int unsigned DilW = 1,
  parameter int unsigned Beats = 1,
  parameter int unsigned Rows = 6,
  /// First row that a tap can read, counted from the window's origin.
  parameter int          MinY = -1,
  parameter bit          FromTop = 1'b1,
  parameter bit          Square = 1'b0,
  parameter int unsigned FractionBits = 0,
  parameter int unsigned OffsetW = 4,
  parameter bit          OffsetSigned = 1'b1,
  parameter int          OffsetLo = -1,
  parameter int          OffsetHi = 1,
  /// Widths, chosen by the engine.
  parameter int unsigned YW = 8,
  parameter int unsigned XW = 8,
  parameter int unsigned SlotW = 3,
  parameter int unsigned AddrW = 6,
  parameter int unsigned RowStepW = 2,
  parameter int unsigned ColStepW = 2,
  parameter int unsigned BeatW = 1,
  localparam int unsigned SPLIT = FractionBits > 0 ? 2 : 1
) (
  input  logic                                   clk_i,
  input  logic                                   en_i,
  // The window, the tap and the channel beat.
  input  logic signed [YW-1:0]                   y_i,
  input  logic signed [XW-1:0]                   x_i,
  input  logic [SlotW-1:0]                       slot_i,
  input  logic [RowStepW-1:0]                    row_i,
  input  logic [ColStepW-1:0]                    col_i,
  input  logic [BeatW-1:0]                       beat_i,
  // The tap's offset; with `Square` both are the pixel's dilation.
  input  logic [OffsetW-1:0]                     dy_i,
  input  logic [OffsetW-1:0]                     dx_i,
  // Of the bank of row parity r and column parity c.
  output logic [SPLIT-1:0][SPLIT-1:0][AddrW-1:0] addr_o,
  output logic [SPLIT-1:0][SPLIT-1:0]            inside_o,
  output logic [FractionBits:0]                  wy_o,
  output logic [FractionBits:0]                  wx_o
);
  localparam int unsigned BANK_ROW_WORDS = (InW + SPLIT - 1) / SPLIT * Beats;
  localparam int MID_H = (int'(KH) - 1) / 2;
  localparam int MID_W = (int'(KW) - 1) / 2;
  localparam int MID = MID_H > MID_W ? MID_H : MID_W;
  localparam int HI_ABS = OffsetHi < 0 ? -OffsetHi : OffsetHi;
  localparam int LO_ABS = OffsetLo < 0 ? -OffsetLo : OffsetLo;
  localparam int REACH = (HI_ABS > LO_ABS ? HI_ABS : LO_ABS) * (Square && MID > 1 ? MID : 1);
  // A clamped displacement, in units of 2**-FractionBits.
  localparam int unsigned DW = 2 + $clog2(REACH + 1);
  localparam int unsigned FW = FractionBits > 0 ? FractionBits : 1;
  localparam int unsigned ONE = 1 << FractionBits;

  typedef logic signed [DW-1:0] disp_t;
  typedef logic signed [YW-1:0] y_t;
  typedef logic signed [XW-1:0] x_t;

  function automatic disp_t clamped(logic [OffsetW-1:0] raw);
    logic signed [OffsetW:0] value;
    value = OffsetSigned ? (OffsetW + 1)'(signed'(raw)) : signed'({1'b0, raw});
    if (32'(value) <= OffsetLo) clamped = DW'(OffsetLo);
    else if (32'(value) >= OffsetHi) clamped = DW'(OffsetHi);
    else clamped = DW'(value);
  endfunction

  // ---- 1: the tap's place without its offset
  y_t                   tap_y, tap_y_1, tap_y_2, tap_y_3;
  x_t                   tap_x, tap_x_1, tap_x_2, tap_x_3;
  y_t                   rel, rel_1, rel_2, rel_3;   // row counted from the one in `slot_i`
  logic [SlotW-1:0]     slot_1, slot_2, slot_3, slot_4;
  logic [BeatW-1:0]     beat_1, beat_2, beat_3, beat_4, beat_5;
  logic [OffsetW-1:0]   dy_1, dx_1;
  disp_t                dy_2, dx_2, dy_3, dx_3;
  disp_t                disp_y, disp_x;

  always_comb begin
    tap_y = YW'(MID_H);
    tap_x = XW'(MID_W);
    if (!Square) begin
      for (int unsigned i = 0; i < KH; i++) if (row_i == RowStepW'(i)) tap_y = YW'(i * DilH);
      for (int unsigned j = 0; j < KW; j++) if (col_i == ColStepW'(j)) tap_x = XW'(j * DilW);
    end
    rel   = FromTop ? tap_y - YW'(MinY) : y_i + tap_y;
    tap_y = y_i + tap_y;
    tap_x = x_i + tap_x;
  end

  // ---- 3: what the offset moves; a square window's taps move by multiples of the dilation
  if (Square) begin : gen_square
    logic [RowStepW-1:0] row_1, row_2;
    logic [ColStepW-1:0] col_1, col_2;
    always_ff @(posedge clk_i) begin
      if (en_i) begin
        row_1 <= row_i;
        row_2 <= row_1;
        col_1 <= col_i;
        col_2 <= col_1;
      end
    end
    always_comb begin
      disp_y = '0;
      disp_x = '0;
      for (int i = 0; i < int'(KH); i++) begin
        if (row_2 == RowStepW'(i)) disp_y = DW'(dy_2 * DW'(i - MID_H));
      end
      for (int j = 0; j < int'(KW); j++) begin
        if (col_2 == ColStepW'(j)) disp_x = DW'(dx_2 * DW'(j - MID_W));
      end
    end
  end else begin : gen_per_tap
    assign disp_y = dy_2;
    assign disp_x = dx_2;
  end

  // ---- 4: the position, floor and fraction
  y_t             y_4;
  x_t             x_4;
  logic [SlotW:0] rel_4;
  logic [FW-1:0]  fy_4, fx_4;

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      tap_y_1 <= tap_y;
      tap_x_1 <= tap_x;
      rel_1   <= rel;
      slot_1  <= slot_i;
      beat_1  <= beat_i;
      dy_1    <= dy_i;
      dx_1    <= dx_i;

      tap_y_2 <= tap_y_1;
      tap_x_2 <= tap_x_1;
      rel_2   <= rel_1;
      slot_2  <= slot_1;
      beat_2  <= beat_1;
      dy_2    <= clamped(dy_1);
      dx_2    <= clamped(dx_1);

      tap_y_3 <= tap_y_2;
      tap_x_3 <= tap_x_2;
      rel_3   <= rel_2;
      slot_3  <= slot_2;
      beat_3  <= beat_2;
      dy_3    <= disp_y;
      dx_3    <= disp_x;

      y_4     <= tap_y_3 + YW'(dy_3 >>> FractionBits);
      x_4     <= tap_x_3 + XW'(dx_3 >>> FractionBits);
      // With a fraction the row below counts: the even of two neighbours follows from it.
      rel_4   <= (SlotW + 1)'(rel_3 + YW'(dy_3 >>> FractionBits) + YW'(FractionBits > 0 ? 1 : 0));
      slot_4  <= slot_3;
      beat_4  <= beat_3;
      fy_4    <= FractionBits > 0 ? FW'(dy_3) : '0;
      fx_4    <= FractionBits > 0 ? FW'(dx_3) : '0;

      beat_5  <= beat_4;
    end
  end

  // ---- 5: slot and map borders; 6: addresses of row and column; 7: their sum
  logic [SlotW:0]              slot_sum;
  logic [SlotW-1:0]            slot_5;
  logic [SPLIT-1:0]            row_in_5, row_in_6, col_in_5, col_in_6;
  logic [SPLIT-1:0][AddrW-1:0] row_5, row_6, col_5, col_6;
  logic [FractionBits:0]       wy_5, wy_6, wx_5, wx_6;

  function automatic logic [AddrW-1:0] row_address(logic [AddrW-1:0] row);
    row_address = '0;
    for (int unsigned b = 0; b < 32; b++) begin
      if (BANK_ROW_WORDS[b]) row_address += row << b;
    end
  endfunction

  function automatic logic [AddrW-1:0] col_address(logic [AddrW-1:0] col);
    col_address = '0;
    for (int unsigned b = 0; b < 32; b++) begin
      if (Beats[b]) col_address += col << b;
    end
  endfunction

  assign slot_sum = {1'b0, slot_4} + rel_4;
  always_ff @(posedge clk_i) begin
    if (en_i) begin
      slot_5 <= SlotW'(slot_sum >= (SlotW + 1)'(Rows) ? slot_sum - (SlotW + 1)'(Rows) : slot_sum);
    end
  end

  if (FractionBits > 0) begin : gen_banks
    localparam int unsigned HALF = Rows / 2;
    logic                  upper_in, lower_in, left_in, right_in;
    logic [FractionBits:0] fy_5;
    assign upper_in = y_4 >= 0 && y_4 < YW'(InH);
    assign lower_in = y_4 >= -1 && y_4 < YW'(int'(InH) - 1) && fy_4 != '0;
    assign left_in  = x_4 >= 0 && x_4 < XW'(InW);
    assign right_in = x_4 >= -1 && x_4 < XW'(int'(InW) - 1) && fx_4 != '0;

    logic upper_in_5, lower_in_5;
    always_ff @(posedge clk_i) begin
      if (en_i) begin
        upper_in_5 <= upper_in;
        lower_in_5 <= lower_in;
        fy_5       <= {1'b0, fy_4};
        col_in_5   <= x_4[0] ? {left_in, right_in} : {right_in, left_in};
        col_5[0]   <= AddrW'(x_4 >>> 1) + AddrW'(x_4[0]);
        col_5[1]   <= AddrW'(x_4 >>> 1);
        wx_5       <= x_4[0] ? (FractionBits + 1)'(ONE) - {1'b0, fx_4} : {1'b0, fx_4};
      end
    end
    // `slot_5` holds the lower row: it is odd where the upper one is even.
    assign row_in_5 = slot_5[0] ? {lower_in_5, upper_in_5} : {upper_in_5, lower_in_5};
    assign wy_5     = slot_5[0] ? fy_5 : (FractionBits + 1)'(ONE) - fy_5;
    assign row_5[0] = AddrW'(slot_5 >> 1);
    assign row_5[1] = slot_5[0] ? AddrW'(slot_5 >> 1) :
                      slot_5 == '0 ? AddrW'(HALF - 1) : AddrW'(slot_5 >> 1) - 1'b1;
  end else begin : gen_one
    always_ff @(posedge clk_i) begin
      if (en_i) begin
        row_in_5[0] <= y_4 >= 0 && y_4 < YW'(InH);
        col_in_5[0] <= x_4 >= 0 && x_4 < XW'(InW);
        col_5[0]    <= AddrW'(x_4);
      end
    end
    assign row_5[0] = AddrW'(slot_5);
    assign wy_5     = '0;
    assign wx_5     = '0;
    logic unused_fraction;
    assign unused_fraction = &{1'b0, fy_4, fx_4};
  end

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      for (int unsigned s = 0; s < SPLIT; s++) begin
        row_6[s] <= row_address(row_5[s]);
        col_6[s] <= col_address(col_5[s]) + AddrW'(beat_5);
      end
      row_in_6 <= row_in_5;
      col_in_6 <= col_in_5;
      wy_6     <= wy_5;
      wx_6     <= wx_5;
      for (int unsigned r = 0; r < SPLIT; r++) begin
        for (int unsigned c = 0; c < SPLIT; c++) begin
          addr_o[r][c]   <= row_6[r] + col_6[c];
          inside_o[r][c] <= row_in_6[r] && col_in_6[c];
        end
      end
      wy_o <= wy_6;
      wx_o <= wx_6;
    end
  end
endmodule
