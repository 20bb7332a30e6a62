// SPDX-License-Identifier: Apache-2.0

/// Line buffer: turns a stream of pixels into the stream of the kernel windows of a convolution or
/// pooling, static (stride, dilation, padding) or limited-range deformable (one dilation per output
/// pixel, square, about the centre of the kernel).
///
/// Tap (i, j) of output pixel (oy, ox) is the input pixel (oy * StrideH - PadT + i * DilH,
/// ox * StrideW - PadL + j * DilW), or with `Deform` (oy + s * (i - (KH-1)/2),
/// ox + s * (j - (KW-1)/2)) where s is the pixel's dilation clamped to DilationLo..DilationHi. Taps
/// outside the map are `PadValue` in every channel. Negative paddings crop the map: its first rows
/// and columns then reach no output. Taps are numbered down the columns; a beat carries `Taps` of a
/// column in its lanes, tap by tap, or the whole kernel. Where Taps does not divide KH, the last beat
/// of a column ends with taps outside the map.
///
/// With `RepeatH` and `RepeatW` the map is the nearest-neighbour upsampling of the one that comes in: each pixel stands for
/// RepeatH rows and RepeatW columns, and is held once.
///
/// Beats of a window: groups of `GroupBeats` channel beats, one after the other; in each, all tap
/// beats; for each of these, the group's channel beats. So GroupBeats = 1 brings all taps of a
/// channel beat before the next one (depthwise, pooling), and one group of all channels brings all
/// channels of a tap beat before the next one (dense convolution).
///
/// Latency: six cycles from the last input beat of a window to its first output beat. Throughput:
/// one beat in and one beat out per cycle, without bubbles between pixels, rows or frames: the rows
/// of the next frame follow in the ring of `Rows` row slots while this frame's are still read. A
/// window starts as soon as the last pixel that it can reach at any dilation of the range has arrived,
/// so timing does not depend on data, and a row is released with the last output row that can reach
/// it. Input rows above the first window and below the last one are taken and dropped.
///
/// Rows: a window is `span` = (KH-1)*DilH+1 rows high, deformable 2*R*(KH-1)/2+1 with R the largest
/// magnitude of the range; upsampled, it reaches at most (span-2)/RepeatH+2 of the rows that come in, which
/// are those meant here. The engine cannot deadlock at Rows >= min(span, used), where `used`
/// counts the input rows that are not dropped; fewer are refused. With Rows >= min(span + StrideH,
/// 2*used), and the rows of the last output row and those of the first one together not more than
/// Rows, output flows from frame to frame without a pause, unless dropped rows let the input come in
/// bursts: 2*used rows are enough then too.
///
/// `ready_o` and `dil_ready_o` depend on registers only.
module engine_window #(
  parameter int unsigned LaneW = 8,
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
  parameter int          PadT = 1,
  parameter int          PadL = 1,
  parameter int unsigned OutH = 8,
  parameter int unsigned OutW = 8,
  /// Rows and columns of the map that each pixel stands for: powers of two; 1 where padding is negative.
  parameter int unsigned RepeatH = 1,
  parameter int unsigned RepeatW = 1,
  /// Taps per beat: 1 to KH, or KH*KW.
  parameter int unsigned Taps = 1,
  /// Channel beats of a group: a divisor of the channel beats of a pixel.
  parameter int unsigned GroupBeats = 1,
  parameter int unsigned Rows = 4,
  parameter logic [LaneW-1:0] PadValue = '0,
  parameter bit          Deform = 1'b0,
  parameter int unsigned DilationW = 1,
  parameter bit          DilationSigned = 1'b0,
  parameter int          DilationLo = 0,
  parameter int          DilationHi = 0
) (
  input  logic                             clk_i,
  input  logic                             rst_ni,   // synchronous
  input  logic                             valid_i,
  output logic                             ready_o,
  input  logic [Lanes-1:0][LaneW-1:0]      data_i,
  // One dilation per output pixel; idle unless `Deform`.
  input  logic                             dil_valid_i,
  output logic                             dil_ready_o,
  input  logic [DilationW-1:0]             dil_i,
  output logic                             valid_o,
  input  logic                             ready_i,
  output logic [Taps*Lanes-1:0][LaneW-1:0] data_o
);
  // ---- sizes
  localparam int unsigned BEATS = (Channels + Lanes - 1) / Lanes;
  localparam int unsigned ROW_WORDS = InW * BEATS;
  localparam int unsigned ROW_TAPS = Taps < KH ? Taps : KH;
  localparam int unsigned COL_TAPS = Taps > KH ? KW : 1;

  localparam int unsigned HI_ABS = unsigned'(DilationHi < 0 ? -DilationHi : DilationHi);
  localparam int unsigned LO_ABS = unsigned'(DilationLo < 0 ? -DilationLo : DilationLo);
  localparam int unsigned REACH = (HI_ABS > LO_ABS ? HI_ABS : LO_ABS) * ((KH - 1) / 2);
  localparam int unsigned MAP_SPAN = Deform ? 2 * REACH + 1 : (KH - 1) * DilH + 1;
  // Rows above the first window are not part of the map that the rest sees.
  localparam int unsigned SKIP_H = Deform || PadT >= 0 ? 0 : unsigned'(-PadT);
  localparam int unsigned MAP_H = SKIP_H < InH ? InH - SKIP_H : 1;
  localparam int PAD_T = Deform || PadT < 0 ? 0 : PadT;
  // Of the map that comes in: rows of a window, and the last one that is read.
  localparam int unsigned SPAN = MAP_SPAN == 1 ? 1 : (MAP_SPAN - 2) / RepeatH + 2;
  localparam int LAST_MAP_ROW = int'((OutH - 1) * StrideH + MAP_SPAN) - (Deform ? int'(REACH) : PAD_T);
  localparam int LAST_ROW = (LAST_MAP_ROW + int'(RepeatH) - 1) >>> $clog2(RepeatH);
  localparam int unsigned USED_H =
      LAST_ROW < 1 ? 1 : (LAST_ROW > int'(MAP_H) ? MAP_H : unsigned'(LAST_ROW));
  localparam int unsigned MIN_ROWS = SPAN < USED_H ? SPAN : USED_H;

  // A bank for each row slot serves any taps; neighbouring rows need no more banks than taps.
  localparam bit FOLDED = ROW_TAPS < KH && DilH == 1 && !Deform && Rows % ROW_TAPS == 0;
  localparam int unsigned BANKS = ROW_TAPS == 1 ? 1 : (FOLDED ? ROW_TAPS : Rows);
  localparam int unsigned GROUPS = Rows / BANKS;
  localparam int unsigned BANK_WORDS = GROUPS * ROW_WORDS;

  // Signed coordinates, wide enough for every tap in the padding.
  localparam int unsigned KINDS = Deform ? unsigned'(DilationHi - DilationLo) + 1 : 1;
  localparam int unsigned PAD_L = unsigned'(PadL < 0 ? -PadL : PadL);
  localparam int unsigned Y_MAX =
      OutH * StrideH + (KH + ROW_TAPS) * DilH + 2 * REACH + unsigned'(PAD_T);
  localparam int unsigned X_MAX = OutW * StrideW + KW * DilW + 2 * REACH * KW + PAD_L;
  localparam int unsigned ALL_H = InH * RepeatH;
  localparam int unsigned ALL_W = InW * RepeatW;
  localparam int unsigned YW = 1 + $clog2((Y_MAX > ALL_H ? Y_MAX : ALL_H) + 1);
  localparam int unsigned XW = 1 + $clog2((X_MAX > ALL_W ? X_MAX : ALL_W) + 1);

  localparam int unsigned BankW = BANKS > 1 ? $clog2(BANKS) : 1;
  localparam int unsigned GroupW = BANK_WORDS > 1 ? $clog2(BANK_WORDS) : 1;
  localparam int unsigned ColW = ROW_WORDS > 1 ? $clog2(ROW_WORDS) : 1;
  localparam int unsigned KindW = KINDS > 1 ? $clog2(KINDS) : 1;
  localparam int unsigned SlotW = Rows > 1 ? $clog2(Rows) : 1;
  localparam int unsigned CountW = $clog2(USED_H + Rows + 1) + 1;
  // Positions in the stream of kept pixels; two of them are never half a round apart.
  localparam int unsigned RowW = $clog2(2 * USED_H + Rows + 2) + 1;
  localparam int unsigned PixelW = InW > 1 ? $clog2(InW) : 1;

  if (LaneW == 0 || Lanes == 0 || Channels == 0 || InH == 0 || InW == 0 || OutH == 0 || OutW == 0 ||
      KH == 0 || KW == 0 || StrideH == 0 || StrideW == 0 || DilH == 0 || DilW == 0) begin : gen_size
    $fatal(1, "zero among widths %0d %0d %0d, In %0dx%0d Out %0dx%0d K %0dx%0d, %0dx%0d, %0dx%0d",
           LaneW, Lanes, Channels, InH, InW, OutH, OutW, KH, KW, StrideH, StrideW, DilH, DilW);
  end
  if (SKIP_H >= InH || (!Deform && -PadL >= int'(InW))) begin : gen_crop
    $fatal(1, "crops all of the map: PadT %0d, PadL %0d on %0dx%0d", PadT, PadL, InH, InW);
  end
  if (RepeatH == 0 || RepeatW == 0 || (RepeatH & (RepeatH - 1)) != 0 || (RepeatW & (RepeatW - 1)) != 0 ||
      (RepeatH * RepeatW > 1 && !Deform && (PadT < 0 || PadL < 0))) begin : gen_repeat
    $fatal(1, "RepeatH and RepeatW must be powers of two, and 1 with negative padding; got %0dx%0d, %0d, %0d",
           RepeatH, RepeatW, PadT, PadL);
  end
  if (Taps == 0 || (Taps > KH && Taps != KH * KW)) begin : gen_taps
    $fatal(1, "Taps must be 1 to KH, or KH*KW, of the %0dx%0d kernel; got %0d", KH, KW, Taps);
  end
  if (GroupBeats == 0 || BEATS % GroupBeats != 0) begin : gen_groups
    $fatal(1, "GroupBeats must divide the %0d channel beats; got %0d", BEATS, GroupBeats);
  end
  if (Rows < MIN_ROWS) begin : gen_rows
    $fatal(1, "need Rows >= %0d for windows of %0d rows; got %0d", MIN_ROWS, SPAN, Rows);
  end
  if (Deform && (KH % 2 == 0 || KW % 2 == 0 || StrideH != 1 || StrideW != 1 || OutH != ALL_H ||
                 OutW != ALL_W)) begin : gen_deform
    $fatal(1, "Deform needs odd K, Stride 1, Out = In * Repeat; got K %0dx%0d, %0dx%0d, %0dx%0d, %0dx%0d",
           KH, KW, StrideH, StrideW, OutH, OutW, ALL_H, ALL_W);
  end
  if (Deform && (DilationLo > DilationHi || DilationW == 0 || DilationW > 31)) begin : gen_range
    $fatal(1, "need DilationLo <= DilationHi and 1 <= DilationW <= 31; got %0d, %0d, %0d",
           DilationLo, DilationHi, DilationW);
  end

  // ---- descriptions of the output pixels: the scan's is the next one, others wait for their input,
  // the walk's is being read
  logic                 scan_valid, scan_ready, wait_valid, walk_ready;
  logic signed [YW-1:0] scan_y, y;
  logic signed [XW-1:0] scan_x, x;
  logic [SlotW-1:0]     scan_slot, slot;
  logic [ColW-1:0]      scan_addr, addr;
  logic [KindW-1:0]     scan_kind, kind;
  logic [RowW-1:0]      need_row;
  logic [PixelW-1:0]    need_col;
  logic [CountW-1:0]    spent, spent_next, wait_release;

  logic [RowW-1:0]      row_q;   // kept rows that have arrived, modulo
  logic [PixelW-1:0]    col_q;   // pixels that have arrived of the next one

  window_scan #(
    .InW(InW), .OutH(OutH), .OutW(OutW), .KH(KH), .KW(KW), .StrideH(StrideH), .StrideW(StrideW),
    .DilH(DilH), .DilW(DilW), .PadT(PAD_T), .PadL(PadL), .RepeatH(RepeatH), .RepeatW(RepeatW),
    .UsedH(USED_H), .Beats(BEATS), .Rows(Rows), .Deform(Deform), .DilationW(DilationW), .DilationSigned(DilationSigned), .DilationLo(DilationLo),
    .DilationHi(DilationHi), .YW(YW), .XW(XW), .SlotW(SlotW), .ColW(ColW), .KindW(KindW),
    .CountW(CountW), .RowW(RowW), .PixelW(PixelW)
  ) u_scan (
    .clk_i,
    .rst_ni,
    .dil_valid_i,
    .dil_ready_o,
    .dil_i,
    .valid_o     (scan_valid),
    .ready_i     (scan_ready),
    .y_o         (scan_y),
    .x_o         (scan_x),
    .slot_o      (scan_slot),
    .addr_o      (scan_addr),
    .kind_o      (scan_kind),
    .need_row_o  (need_row),
    .need_col_o  (need_col),
    .spent_o     (spent),
    .spent_next_o(spent_next)
  );

  window_wait #(
    .KH(KH), .KW(KW), .RepeatH(RepeatH), .RepeatW(RepeatW), .Beats(BEATS), .Rows(Rows),
    .Deform(Deform), .DilationLo(DilationLo),
    .DilationHi(DilationHi), .YW(YW), .XW(XW), .SlotW(SlotW), .ColW(ColW), .KindW(KindW),
    .CountW(CountW), .RowW(RowW), .PixelW(PixelW)
  ) u_wait (
    .clk_i,
    .rst_ni,
    .valid_i     (scan_valid),
    .ready_o     (scan_ready),
    .y_i         (scan_y),
    .x_i         (scan_x),
    .slot_i      (scan_slot),
    .addr_i      (scan_addr),
    .kind_i      (scan_kind),
    .need_row_i  (need_row),
    .need_col_i  (need_col),
    .spent_i     (spent),
    .spent_next_i(spent_next),
    .row_i       (row_q),
    .col_i       (col_q),
    .valid_o     (wait_valid),
    .ready_i     (walk_ready),
    .y_o         (y),
    .x_o         (x),
    .slot_o      (slot),
    .addr_o      (addr),
    .kind_o      (kind),
    .release_o   (wait_release)
  );

  // ---- the beats of one output pixel, and the one that is being read
  typedef struct packed {
    logic [ROW_TAPS-1:0][BankW-1:0] bank;
    logic [GroupW-1:0]              group, group_behind;
    logic [ROW_TAPS-1:0]            row_in;
    logic [COL_TAPS-1:0][ColW-1:0]  col_addr;
    logic [COL_TAPS-1:0]            col_in;
    logic                           beat_last;
  } beat_t;
  beat_t                           beat, read_q;
  logic                            issue, advance, walk_valid, read_valid_q, store_valid_q;
  logic [CountW-1:0]               walk_release, read_release_q, freed_q;
  logic [COL_TAPS-1:0][GroupW-1:0] raddr, raddr_below;
  logic [Taps-1:0]                 in_map;

  window_walk #(
    .InH(MAP_H), .InW(InW), .KH(KH), .KW(KW), .DilH(DilH), .DilW(DilW), .RepeatH(RepeatH),
    .RepeatW(RepeatW), .Beats(BEATS),
    .GroupBeats(GroupBeats), .RowTaps(ROW_TAPS), .ColTaps(COL_TAPS), .Banks(BANKS),
    .Groups(GROUPS), .Deform(Deform), .DilationLo(DilationLo), .DilationHi(DilationHi), .YW(YW),
    .XW(XW), .SlotW(SlotW), .BankW(BankW), .GroupW(GroupW), .ColW(ColW), .KindW(KindW),
    .CountW(CountW)
  ) u_walk (
    .clk_i,
    .rst_ni,
    .valid_i       (wait_valid),
    .ready_o       (walk_ready),
    .y_i           (y),
    .x_i           (x),
    .slot_i        (slot),
    .addr_i        (addr),
    .kind_i        (kind),
    .release_i     (wait_release),
    .valid_o       (walk_valid),
    .issue_i       (issue),
    .release_o     (walk_release),
    .beat_last_o   (beat.beat_last),
    .bank_o        (beat.bank),
    .group_o       (beat.group),
    .group_behind_o(beat.group_behind),
    .row_in_o      (beat.row_in),
    .addr_o        (beat.col_addr),
    .col_in_o      (beat.col_in)
  );

  assign advance = !valid_o || ready_i;
  assign issue   = walk_valid && advance;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      read_valid_q   <= 1'b0;
      store_valid_q  <= 1'b0;
      valid_o        <= 1'b0;
      read_release_q <= '0;
      freed_q        <= '0;
    end else begin
      // Rows are free once the last beat has been read that needs them.
      freed_q <= advance ? read_release_q : '0;
      if (advance) begin
        read_valid_q   <= walk_valid;
        store_valid_q  <= read_valid_q;
        valid_o        <= store_valid_q;
        read_release_q <= walk_valid ? walk_release : '0;
      end
    end
    if (advance) read_q <= beat;
  end

  for (genvar c = 0; c < COL_TAPS; c++) begin : gen_col
    assign raddr[c]        = read_q.group + GroupW'(read_q.col_addr[c]);
    assign raddr_below[c] = read_q.group_behind + GroupW'(read_q.col_addr[c]);
    for (genvar i = 0; i < ROW_TAPS; i++) begin : gen_inside
      assign in_map[c*ROW_TAPS+i] = read_q.col_in[c] && read_q.row_in[i];
    end
  end

  // ---- writer: where the next input beat goes
  logic              write, beat_written, row_end, pixel_written, row_written, kept_row_written, drop;
  logic [GroupW-1:0] waddr_q;
  logic [GroupW-1:0] wbase_q;   // where the row began
  logic [BankW-1:0]  wbank_q;
  logic [CountW-1:0] room_q;    // free row slots, the one being written included
  logic              open_q;    // room_q != 0

  logic              wbank_last;
  logic [GroupW-1:0] wbase_next;
  assign wbank_last = wbank_q == BankW'(BANKS - 1);
  always_comb begin
    if (!wbank_last) wbase_next = wbase_q;
    else if (waddr_q == GroupW'(BANK_WORDS - 1)) wbase_next = '0;
    else wbase_next = waddr_q + 1'b1;
  end

  beat_counter #(.Beats(BEATS)) u_wbeat (.clk_i, .rst_ni, .step_i(write), .last_o(beat_written));
  beat_counter #(.Beats(InW)) u_wcol (.clk_i, .rst_ni, .step_i(pixel_written), .last_o(row_end));

  assign ready_o          = drop || open_q;
  assign write            = valid_i && ready_o;
  assign pixel_written    = write && beat_written;
  assign row_written      = pixel_written && row_end;
  assign kept_row_written = row_written && !drop;

  if (USED_H < InH) begin : gen_drop
    localparam int unsigned FrameRowW = $clog2(InH + 1);
    logic [FrameRowW-1:0] wrow_q;
    logic                 drop_q;
    assign drop = drop_q;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        wrow_q <= '0;
        drop_q <= SKIP_H > 0;
      end else if (row_written) begin
        if (wrow_q == FrameRowW'(InH - 1)) begin
          wrow_q <= '0;
          drop_q <= SKIP_H > 0;
        end else begin
          wrow_q <= wrow_q + 1'b1;
          if (wrow_q == FrameRowW'(SKIP_H + USED_H - 1)) drop_q <= 1'b1;
          else if (SKIP_H > 0 && wrow_q == FrameRowW'(SKIP_H - 1)) drop_q <= 1'b0;
        end
      end
    end
  end else begin : gen_keep
    assign drop = 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      row_q   <= '0;
      col_q   <= '0;
      waddr_q <= '0;
      wbase_q <= '0;
      wbank_q <= '0;
    end else if (write && !drop) begin
      waddr_q <= row_end && beat_written ? wbase_next : waddr_q + 1'b1;
      if (beat_written) col_q <= row_end ? '0 : col_q + 1'b1;
      if (row_written) begin
        row_q   <= row_q + 1'b1;
        wbase_q <= wbase_next;
        wbank_q <= wbank_last ? '0 : wbank_q + 1'b1;
      end
    end
  end

  logic [CountW-1:0] room;
  assign room = room_q + freed_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      room_q <= CountW'(Rows);
      open_q <= 1'b1;
    end else begin
      room_q <= room - CountW'(kept_row_written);
      open_q <= kept_row_written ? room > CountW'(1) : room != 0;
    end
  end

  window_store #(
    .LaneW(LaneW), .Lanes(Lanes), .LastLanes(Channels - (BEATS - 1) * Lanes), .Banks(BANKS),
    .BankWords(BANK_WORDS), .RowTaps(ROW_TAPS), .ColTaps(COL_TAPS), .TapStep(DilH), .Free(Deform || RepeatH > 1),
    .PadValue(PadValue), .BankW(BankW), .AddrW(GroupW)
  ) u_store (
    .clk_i,
    .we_i         (write && !drop),
    .wbank_i      (wbank_q),
    .waddr_i      (waddr_q),
    .wdata_i      (data_i),
    .en_i         (advance),
    .raddr_i      (raddr),
    .raddr_below_i(raddr_below),
    .rbank_i      (read_q.bank),
    .inside_i     (in_map),
    .last_beat_i  (read_q.beat_last),
    .data_o
  );

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
