// SPDX-License-Identifier: Apache-2.0

/// Sampler of a limited-range deformable convolution: turns a stream of pixels and a stream of
/// offsets into the stream of the taps that the convolution multiplies, one tap of `Lanes` channels
/// a beat.
///
/// Tap (i, j) of output pixel (oy, ox) lies at (oy * StrideH - PadT + i * DilH + dy,
/// ox * StrideW - PadL + j * DilW + dx) with the tap's own offset (dy, dx), or with `Square` at
/// (oy * StrideH - PadT + (KH-1)/2 + d * (i - (KH-1)/2), ox * StrideW - PadL + (KW-1)/2 +
/// d * (j - (KW-1)/2)) with the pixel's dilation d. Offsets are clamped to OffsetLo..OffsetHi and
/// count in units of 2**-FractionBits. Outside the map is zero; between pixels a tap is
/// interpolated bilinearly and scaled by 2**(2*FractionBits), so that it is exact; then its mask
/// multiplies it, if there are masks (MaskW > 0). Values are exact modulo 2**DataW.
///
/// One beat of `offset_i` holds all offsets of an output pixel in ONNX order: dy, dx of tap
/// (0, 0), (0, 1), and so on along the kernel's rows; with `Square` one value. One beat of `mask_i`
/// holds its masks in the same order. Taps leave numbered down the columns, n = j * KH + i, as
/// `engine_window` gives them, in groups of `GroupBeats` channel beats, one after the other: in each,
/// tap after tap; for each tap, the group's channel beats. So GroupBeats = 1 brings all taps of a
/// channel beat before the next one (depthwise), and one group of all channels brings all channel
/// beats of a tap before the next one (dense).
///
/// Latency: eleven cycles from the last input beat of a window to its first output beat, six more with
/// a fraction, one more with masks. Throughput: one beat in and one beat out per cycle, without
/// bubbles between pixels, rows or frames; bilinear as well, since the four neighbours of a tap lie
/// in four banks. A window starts as soon as the last pixel that any offset of the range can reach
/// has arrived, so timing does not depend on offsets, and a row is released with the last output
/// row that can reach it. Input rows below the last window are taken and dropped.
///
/// Rows: a window spans the rows from the topmost to the lowest that any tap can read, rows above
/// the map's first one left out (`SPAN`). The engine cannot deadlock at Rows >= min(SPAN, used),
/// where `used` counts the input rows down to the last window; fewer are refused, and with
/// `FractionBits` odd numbers. A row is free again seven beats after its last window began its last
/// tap; with room for those beats beside SPAN + StrideH rows (or two frames' used rows), and for the
/// rows of the last output row beside those of the first, output flows without a pause.
///
/// `ready_o` depends on registers only. `offset_ready_o` and `mask_ready_o` depend combinationally on
/// `ready_i`.
module engine_deform #(
  parameter int unsigned LaneW = 8,
  parameter bit          LaneSigned = 1'b0,
  parameter int unsigned Lanes = 4,
  parameter int unsigned Channels = 4,
  parameter int unsigned InH = 8,
  parameter int unsigned InW = 8,
  parameter int unsigned KH = 3,
  parameter int unsigned KW = 3,
  parameter int unsigned StrideH = 1,
  parameter int unsigned StrideW = 1,
  parameter int unsigned DilH = 1,
  parameter int unsigned DilW = 1,
  parameter int unsigned PadT = 1,
  parameter int unsigned PadL = 1,
  parameter int unsigned OutH = 8,
  parameter int unsigned OutW = 8,
  /// Channel beats of a group: a divisor of the channel beats of a pixel.
  parameter int unsigned GroupBeats = 1,
  parameter int unsigned Rows = 6,
  /// One dilation per pixel about the kernel's centre rather than one offset per tap.
  parameter bit          Square = 1'b0,
  parameter int unsigned FractionBits = 0,
  parameter int unsigned OffsetW = 4,
  parameter bit          OffsetSigned = 1'b1,
  parameter int          OffsetLo = -1,
  parameter int          OffsetHi = 1,
  /// Bits of a mask; 0 for none.
  parameter int unsigned MaskW = 0,
  parameter bit          MaskSigned = 1'b0,
  /// Bits of a lane of the output.
  parameter int unsigned DataW = 8,
  localparam int unsigned TAPS = KH * KW,
  localparam int unsigned OFFSETS = Square ? 1 : 2 * TAPS,
  localparam int unsigned MASK_PORT = MaskW > 0 ? MaskW : 1
) (
  input  logic                            clk_i,
  input  logic                            rst_ni,   // synchronous
  input  logic                            valid_i,
  output logic                            ready_o,
  input  logic [Lanes-1:0][LaneW-1:0]     data_i,
  // All offsets of one output pixel a beat.
  input  logic                            offset_valid_i,
  output logic                            offset_ready_o,
  input  logic [OFFSETS-1:0][OffsetW-1:0] offset_i,
  // All masks of one output pixel a beat; idle without masks.
  input  logic                            mask_valid_i,
  output logic                            mask_ready_o,
  input  logic [TAPS-1:0][MASK_PORT-1:0]  mask_i,
  output logic                            valid_o,
  input  logic                            ready_i,
  output logic [Lanes-1:0][DataW-1:0]     data_o
);
  function automatic int larger(int a, int b);
    return a > b ? a : b;
  endfunction

  function automatic int smaller(int a, int b);
    return a < b ? a : b;
  endfunction

  // ---- sizes
  localparam int unsigned BEATS = (Channels + Lanes - 1) / Lanes;
  localparam int unsigned SPLIT = FractionBits > 0 ? 2 : 1;
  localparam int unsigned BANK_ROW_WORDS = (InW + SPLIT - 1) / SPLIT * BEATS;
  localparam int unsigned BANK_WORDS = (Rows + SPLIT - 1) / SPLIT * BANK_ROW_WORDS;
  localparam int unsigned STEPS_TO_READ = 7;
  localparam int unsigned STEPS =
      STEPS_TO_READ + 2 + (FractionBits > 0 ? 6 : 0) + (MaskW > 0 ? 1 : 0);

  // What a tap can reach, counted from where tap (0, 0) lies without an offset.
  localparam int MID_H = (int'(KH) - 1) / 2;
  localparam int MID_W = (int'(KW) - 1) / 2;
  localparam int FAR = larger(-OffsetLo, OffsetHi);   // with `Square`, the largest magnitude
  localparam int CEIL = (1 << FractionBits) - 1;
  localparam int FAR_H = (larger(FAR, -FAR) * MID_H + CEIL) >>> FractionBits;
  localparam int FAR_W = (larger(FAR, -FAR) * MID_W + CEIL) >>> FractionBits;
  localparam int OFFSET_UP = OffsetLo >>> FractionBits;
  localparam int OFFSET_DOWN = (OffsetHi + CEIL) >>> FractionBits;
  localparam int MAX_Y = Square ? MID_H + FAR_H : int'((KH - 1) * DilH) + OFFSET_DOWN;
  localparam int MAX_X = Square ? MID_W + FAR_W : int'((KW - 1) * DilW) + OFFSET_DOWN;
  localparam int MIN_Y = smaller(Square ? MID_H - FAR_H : OFFSET_UP, int'(PadT));
  localparam int MIN_X = Square ? MID_W - FAR_W : OFFSET_UP;
  localparam int SPAN = larger(MAX_Y - MIN_Y, 0) + 1;
  localparam int LAST_ROW = int'((OutH - 1) * StrideH) - int'(PadT) + MAX_Y + 1;
  localparam int unsigned USED_H =
      LAST_ROW < 1 ? 1 : (LAST_ROW > int'(InH) ? InH : unsigned'(LAST_ROW));
  localparam int unsigned MIN_ROWS = unsigned'(smaller(SPAN, int'(USED_H)));
  // Rows are counted from a window's top, or where the ring is shorter, from the frame's first.
  localparam bit FROM_TOP = SPAN <= int'(Rows);

  localparam int unsigned SlotW = Rows > 1 ? $clog2(Rows) : 1;
  localparam int unsigned AddrW = BANK_WORDS > 1 ? $clog2(BANK_WORDS) : 1;
  localparam int unsigned CountW = $clog2(USED_H + InW + Rows + StrideH + 1) + 1;
  localparam int unsigned YW = 3 + $clog2(int'(OutH * StrideH + InH + PadT) +
                                          larger(MAX_Y, -MAX_Y) + larger(MIN_Y, -MIN_Y) + 2);
  localparam int unsigned XW = 3 + $clog2(int'(OutW * StrideW + InW + PadL) +
                                          larger(MAX_X, -MAX_X) + larger(MIN_X, -MIN_X) + 2);
  localparam int unsigned BeatW = BEATS > 1 ? $clog2(BEATS) : 1;
  localparam int unsigned MemberW = GroupBeats > 1 ? $clog2(GroupBeats) : 1;
  localparam int unsigned RowStepW = KH > 1 ? $clog2(KH) : 1;
  localparam int unsigned ColStepW = KW > 1 ? $clog2(KW) : 1;
  localparam int unsigned TapW = TAPS > 1 ? $clog2(TAPS) : 1;

  if (LaneW == 0 || Lanes == 0 || Channels == 0 || InH == 0 || InW == 0 || OutH == 0 || OutW == 0 ||
      KH == 0 || KW == 0 || StrideH == 0 || StrideW == 0 || DilH == 0 || DilW == 0 ||
      DataW == 0) begin : gen_size
    $fatal(1, "zero among widths %0d %0d %0d %0d, In %0dx%0d Out %0dx%0d K %0dx%0d, %0dx%0d, %0dx%0d",
           LaneW, Lanes, Channels, DataW, InH, InW, OutH, OutW, KH, KW, StrideH, StrideW, DilH, DilW);
  end
  if (OffsetLo > OffsetHi || OffsetW == 0 || OffsetW > 31 || FractionBits > 15) begin : gen_range
    $fatal(1, "need OffsetLo <= OffsetHi, 1 <= OffsetW <= 31, FractionBits <= 15; got %0d, %0d, %0d, %0d",
           OffsetLo, OffsetHi, OffsetW, FractionBits);
  end
  if (GroupBeats == 0 || BEATS % GroupBeats != 0) begin : gen_groups
    $fatal(1, "GroupBeats must divide the %0d channel beats; got %0d", BEATS, GroupBeats);
  end
  if (Square && (KH % 2 == 0 || KW % 2 == 0 || DilH != 1 || DilW != 1)) begin : gen_centre
    $fatal(1, "Square needs odd K and Dil 1; got K %0dx%0d, %0dx%0d", KH, KW, DilH, DilW);
  end
  if (Rows < MIN_ROWS || Rows % SPLIT != 0) begin : gen_rows
    $fatal(1, "need Rows >= %0d for windows of %0d rows, a multiple of %0d; got %0d",
           MIN_ROWS, SPAN, SPLIT, Rows);
  end

  // ---- descriptions of the output pixels
  logic                 scan_valid, arrived, begins, pixel_done;
  logic signed [YW-1:0] scan_y;
  logic signed [XW-1:0] scan_x;
  logic [SlotW-1:0]     scan_slot;
  logic [CountW-1:0]    need_row, need_col, scan_release;
  logic                 scan_row_last, frame_last;

  deform_scan #(
    .InW(InW), .OutH(OutH), .OutW(OutW), .StrideH(StrideH), .StrideW(StrideW), .PadT(PadT),
    .PadL(PadL), .MinY(MIN_Y), .MaxY(MAX_Y), .MaxX(MAX_X), .UsedH(USED_H), .Rows(Rows),
    .FromTop(FROM_TOP), .YW(YW), .XW(XW), .SlotW(SlotW), .CountW(CountW)
  ) u_scan (
    .clk_i,
    .rst_ni,
    .valid_o     (scan_valid),
    .ready_i     (begins),
    .y_o         (scan_y),
    .x_o         (scan_x),
    .slot_o      (scan_slot),
    .need_row_o  (need_row),
    .need_col_o  (need_col),
    .row_last_o  (scan_row_last),
    .release_o   (scan_release),
    .frame_last_o(frame_last)
  );

  // ---- the present pixel, whose input has arrived
  logic                 present_q;
  logic signed [YW-1:0] y_q;
  logic signed [XW-1:0] x_q;
  logic [SlotW-1:0]     slot_q;
  logic                 row_last_q;
  logic [CountW-1:0]    release_count_q;

  assign begins = scan_valid && arrived && (!present_q || pixel_done);
  always_ff @(posedge clk_i) begin
    if (!rst_ni) present_q <= 1'b0;
    else if (begins || pixel_done) present_q <= begins;
    if (begins) begin
      y_q             <= scan_y;
      x_q             <= scan_x;
      slot_q          <= scan_slot;
      row_last_q      <= scan_row_last;
      release_count_q <= scan_release;
    end
  end

  // ---- offsets and masks of the present pixel
  logic                            offset_held_q, mask_held_q;
  logic [OFFSETS-1:0][OffsetW-1:0] offset_q;
  logic [TAPS-1:0][MASK_PORT-1:0]  mask_q;

  assign offset_ready_o = !offset_held_q || pixel_done;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) offset_held_q <= 1'b0;
    else if (offset_ready_o) offset_held_q <= offset_valid_i;
    if (offset_valid_i && offset_ready_o) offset_q <= offset_i;
  end

  if (MaskW > 0) begin : gen_mask
    assign mask_ready_o = !mask_held_q || pixel_done;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) mask_held_q <= 1'b0;
      else if (mask_ready_o) mask_held_q <= mask_valid_i;
      if (mask_valid_i && mask_ready_o) mask_q <= mask_i;
    end
  end else begin : gen_no_mask
    logic unused_mask;
    assign unused_mask  = &{1'b0, mask_valid_i, mask_i};
    assign mask_ready_o = 1'b0;
    assign mask_held_q  = 1'b1;
    assign mask_q       = '0;
  end

  // ---- the beats of one output pixel
  logic                issue, advance;
  logic [BeatW-1:0]    beat_q;
  logic [MemberW-1:0]  member_q;   // of the group's beats
  logic [RowStepW-1:0] row_q;
  logic [ColStepW-1:0] col_q;
  logic [TapW-1:0]     tap_q;      // in the order of offsets and masks
  logic                member_last, kernel_row_last, kernel_col_last, taps_last;

  assign member_last     = member_q == MemberW'(GroupBeats - 1);
  assign kernel_row_last = row_q == RowStepW'(KH - 1);
  assign kernel_col_last = col_q == ColStepW'(KW - 1);
  assign taps_last       = kernel_row_last && kernel_col_last;
  assign pixel_done      = issue && member_last && taps_last && beat_q == BeatW'(BEATS - 1);
  assign advance         = !valid_o || ready_i;
  assign issue           = present_q && offset_held_q && mask_held_q && advance;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      beat_q   <= '0;
      member_q <= '0;
      row_q    <= '0;
      col_q    <= '0;
      tap_q    <= '0;
    end else if (issue) begin
      member_q <= member_last ? '0 : member_q + 1'b1;
      if (!member_last) begin
        beat_q <= beat_q + 1'b1;
      end else begin
        if (pixel_done) beat_q <= '0;
        else if (taps_last) beat_q <= beat_q + 1'b1;
        else beat_q <= beat_q - BeatW'(GroupBeats - 1);
        row_q <= kernel_row_last ? '0 : row_q + 1'b1;
        if (kernel_row_last) col_q <= kernel_col_last ? '0 : col_q + 1'b1;
        if (taps_last) tap_q <= '0;
        else if (kernel_row_last) tap_q <= TapW'(col_q) + 1'b1;
        else tap_q <= tap_q + TapW'(KW);
      end
    end
  end

  // ---- line buffer
  logic [SPLIT-1:0][SPLIT-1:0][AddrW-1:0]            addr;
  logic [SPLIT-1:0][SPLIT-1:0][Lanes-1:0][LaneW-1:0] word;
  logic                                              release_valid;
  logic [CountW-1:0]                                 released;

  deform_buffer #(
    .Width(Lanes * LaneW), .Beats(BEATS), .InH(InH), .InW(InW), .UsedH(USED_H), .Rows(Rows),
    .Split(SPLIT), .BankRowWords(BANK_ROW_WORDS), .BankWords(BANK_WORDS), .CountW(CountW)
  ) u_buffer (
    .clk_i,
    .rst_ni,
    .valid_i,
    .ready_o,
    .data_i,
    .need_row_i  (need_row),
    .need_col_i  (need_col),
    .arrived_o   (arrived),
    .frame_done_i(begins && frame_last),
    .release_i   (release_valid ? released : '0),
    .re_i        (advance),
    .raddr_i     (addr),
    .rdata_o     (word)
  );

  // ---- tap by tap: address, word, value; flags beside them
  logic [SPLIT-1:0][SPLIT-1:0] in_map, in_map_q;
  logic [FractionBits:0]       wy, wy_q, wx, wx_q;
  logic [OffsetW-1:0]          dy, dx;
  logic [STEPS-1:0]            valid_q;
  logic [STEPS_TO_READ-1:0]    done_q;
  logic [STEPS_TO_READ-1:0][CountW-1:0]  release_q;
  logic [STEPS_TO_READ:0][MASK_PORT-1:0] tap_mask_q;

  if (Square) begin : gen_square
    assign dy = offset_q[0];
    assign dx = offset_q[0];
  end else begin : gen_per_tap
    logic [TAPS-1:0][1:0][OffsetW-1:0] of_tap;
    assign of_tap = offset_q;
    assign dy     = of_tap[tap_q][0];
    assign dx     = of_tap[tap_q][1];
  end

  deform_address #(
    .InH(InH), .InW(InW), .KH(KH), .KW(KW), .DilH(DilH), .DilW(DilW), .Beats(BEATS), .Rows(Rows),
    .MinY(MIN_Y), .FromTop(FROM_TOP), .Square(Square), .FractionBits(FractionBits),
    .OffsetW(OffsetW), .OffsetSigned(OffsetSigned), .OffsetLo(OffsetLo), .OffsetHi(OffsetHi),
    .YW(YW), .XW(XW), .SlotW(SlotW), .AddrW(AddrW), .RowStepW(RowStepW), .ColStepW(ColStepW),
    .BeatW(BeatW)
  ) u_address (
    .clk_i,
    .en_i    (advance),
    .y_i     (y_q),
    .x_i     (x_q),
    .slot_i  (slot_q),
    .row_i   (row_q),
    .col_i   (col_q),
    .beat_i  (beat_q),
    .dy_i    (dy),
    .dx_i    (dx),
    .addr_o  (addr),
    .inside_o(in_map),
    .wy_o    (wy),
    .wx_o    (wx)
  );

  assign release_valid = advance && done_q[STEPS_TO_READ-1];
  assign released      = release_q[STEPS_TO_READ-1];
  assign valid_o       = valid_q[STEPS-1];
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= '0;
      done_q  <= '0;
    end else if (advance) begin
      valid_q <= {valid_q[STEPS-2:0], issue};
      done_q  <= {done_q[STEPS_TO_READ-2:0], pixel_done && row_last_q};
    end
    if (advance) begin
      release_q  <= {release_q[STEPS_TO_READ-2:0], release_count_q};
      tap_mask_q <= {tap_mask_q[STEPS_TO_READ-1:0], mask_q[tap_q]};
      in_map_q   <= in_map;
      wy_q       <= wy;
      wx_q       <= wx;
    end
  end

  deform_sample #(
    .Lanes(Lanes), .LaneW(LaneW), .LaneSigned(LaneSigned), .FractionBits(FractionBits),
    .MaskW(MaskW), .MaskSigned(MaskSigned), .DataW(DataW)
  ) u_sample (
    .clk_i,
    .en_i    (advance),
    .word_i  (word),
    .inside_i(in_map_q),
    .wy_i    (wy_q),
    .wx_i    (wx_q),
    .mask_i  (tap_mask_q[STEPS_TO_READ]),
    .data_o
  );

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
