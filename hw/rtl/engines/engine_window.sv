// SPDX-License-Identifier: Apache-2.0

/// Line buffer: turns a stream of pixels into the stream of the kernel windows of a convolution or
/// pooling, static (stride, dilation, padding) or limited-range deformable (one dilation per output
/// pixel, square, about the centre of the kernel).
///
/// Tap (i, j) of output pixel (oy, ox) is the input pixel (oy * StrideH - PadT + i * DilH,
/// ox * StrideW - PadL + j * DilW), or with `Deform` (oy + s * (i - (KH-1)/2),
/// ox + s * (j - (KW-1)/2)) where s is the pixel's dilation clamped to DilationLo..DilationHi. Taps
/// outside the map are `PadValue` in every channel. Negative paddings crop the map: its first rows
/// and columns then reach no output. Taps are numbered down the columns,
/// n = j * KH + i; step s of KH*KW/Taps steps carries taps s*Taps and up, tap by tap, in its lanes.
/// `TapsInner` gives all steps of a channel beat before the next channel beat (depthwise, pooling);
/// without it, all channel beats of a step come before the next step (dense convolution).
///
/// Latency: three cycles from the last input beat of a window to its first output beat. Throughput:
/// one beat in and one beat out per cycle, without bubbles between pixels, rows or frames: the rows
/// of the next frame follow in the ring of `Rows` row slots while this frame's are still read. A
/// window starts as soon as the last pixel that it can reach at any dilation of the range has arrived,
/// so timing does not depend on data, and a row is released with the last output row that can reach
/// it. Input rows above the first window and below the last one are taken and dropped.
///
/// Rows: a window is `span` = (KH-1)*DilH+1 rows high, deformable 2*R*(KH-1)/2+1 with R the largest
/// magnitude of the range. The engine cannot deadlock at Rows >= min(span, used), where `used`
/// counts the input rows that are not dropped; fewer are refused. With Rows >= min(span + StrideH,
/// 2*used), and the rows of the last output row and those of the first one together not more than
/// Rows, output flows from frame to frame without a pause, unless dropped rows let the input come in
/// bursts: 2*used rows are enough then too.
///
/// `ready_o` depends on registers only. `dil_ready_o` depends combinationally on `ready_i`.
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
  /// Taps per beat: 1, KH or KH*KW.
  parameter int unsigned Taps = 1,
  parameter bit          TapsInner = 1'b1,
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
  localparam int unsigned ROW_TAPS = Taps == 1 ? 1 : KH;
  localparam int unsigned COL_TAPS = Taps == KH * KW ? KW : 1;
  localparam int unsigned ROW_STEPS = KH / ROW_TAPS;
  localparam int unsigned COL_STEPS = KW / COL_TAPS;

  localparam int unsigned HI_ABS = unsigned'(DilationHi < 0 ? -DilationHi : DilationHi);
  localparam int unsigned LO_ABS = unsigned'(DilationLo < 0 ? -DilationLo : DilationLo);
  localparam int unsigned REACH = (HI_ABS > LO_ABS ? HI_ABS : LO_ABS) * ((KH - 1) / 2);
  localparam int unsigned SPAN = Deform ? 2 * REACH + 1 : (KH - 1) * DilH + 1;
  // Rows above the first window are not part of the map that the rest sees.
  localparam int unsigned SKIP_H = Deform || PadT >= 0 ? 0 : unsigned'(-PadT);
  localparam int unsigned MAP_H = SKIP_H < InH ? InH - SKIP_H : 1;
  localparam int PAD_T = Deform || PadT < 0 ? 0 : PadT;
  localparam int LAST_ROW = int'((OutH - 1) * StrideH + SPAN) - (Deform ? int'(REACH) : PAD_T);
  localparam int unsigned USED_H =
      LAST_ROW < 1 ? 1 : (LAST_ROW > int'(MAP_H) ? MAP_H : unsigned'(LAST_ROW));
  localparam int unsigned MIN_ROWS = SPAN < USED_H ? SPAN : USED_H;

  // Row slots are numbered when each is a memory, else addressed.
  localparam int unsigned ROW_UNIT = ROW_TAPS == 1 ? ROW_WORDS : 1;
  localparam int unsigned RING = Rows * ROW_UNIT;
  localparam int unsigned SelW = RING > 1 ? $clog2(RING) : 1;
  localparam int unsigned ColW = ROW_WORDS > 1 ? $clog2(ROW_WORDS) : 1;
  localparam int unsigned AddrW = ROW_TAPS == 1 ? SelW : ColW;
  localparam int unsigned CountW = $clog2(USED_H + InW + Rows + 1) + 1;
  localparam int unsigned BeatW = BEATS > 1 ? $clog2(BEATS) : 1;
  localparam int unsigned RowStepW = ROW_STEPS > 1 ? $clog2(ROW_STEPS) : 1;
  localparam int unsigned ColStepW = COL_STEPS > 1 ? $clog2(COL_STEPS) : 1;

  if (LaneW == 0 || Lanes == 0 || Channels == 0 || InH == 0 || InW == 0 || OutH == 0 || OutW == 0 ||
      KH == 0 || KW == 0 || StrideH == 0 || StrideW == 0 || DilH == 0 || DilW == 0) begin : gen_size
    $fatal(1, "zero among widths %0d %0d %0d, In %0dx%0d Out %0dx%0d K %0dx%0d, %0dx%0d, %0dx%0d",
           LaneW, Lanes, Channels, InH, InW, OutH, OutW, KH, KW, StrideH, StrideW, DilH, DilW);
  end
  if (SKIP_H >= InH || (!Deform && -PadL >= int'(InW))) begin : gen_crop
    $fatal(1, "crops all of the map: PadT %0d, PadL %0d on %0dx%0d", PadT, PadL, InH, InW);
  end
  if (Taps != 1 && Taps != KH && Taps != KH * KW) begin : gen_taps
    $fatal(1, "Taps must be 1, KH or KH*KW of the %0dx%0d kernel; got %0d", KH, KW, Taps);
  end
  if (Rows < MIN_ROWS) begin : gen_rows
    $fatal(1, "need Rows >= %0d for windows of %0d rows; got %0d", MIN_ROWS, SPAN, Rows);
  end
  if (Deform && (KH % 2 == 0 || KW % 2 == 0 || StrideH != 1 || StrideW != 1 || OutH != InH ||
                 OutW != InW)) begin : gen_deform
    $fatal(1, "Deform needs odd K, Stride 1, Out = In; got K %0dx%0d, %0dx%0d, %0dx%0d, %0dx%0d",
           KH, KW, StrideH, StrideW, OutH, OutW, InH, InW);
  end
  if (Deform && (DilationLo > DilationHi || DilationW == 0 || DilationW > 31)) begin : gen_range
    $fatal(1, "need DilationLo <= DilationHi and 1 <= DilationW <= 31; got %0d, %0d, %0d",
           DilationLo, DilationHi, DilationW);
  end

  // ---- descriptions of the output pixels
  logic                    scan_valid, pixel_done;
  logic [KH-1:0][SelW-1:0] row_sel;
  logic [KH-1:0]           row_in;
  logic [KW-1:0][ColW-1:0] col_addr;
  logic [KW-1:0]           col_in;
  logic [CountW-1:0]       need_row, need_col, release_count;
  logic                    row_last, frame_last;

  window_scan #(
    .InH(MAP_H), .InW(InW), .OutH(OutH), .OutW(OutW), .KH(KH), .KW(KW), .StrideH(StrideH),
    .StrideW(StrideW), .DilH(DilH), .DilW(DilW), .PadT(PAD_T), .PadL(PadL), .UsedH(USED_H),
    .Beats(BEATS), .Rows(Rows), .RowUnit(ROW_UNIT), .Deform(Deform), .DilationW(DilationW),
    .DilationSigned(DilationSigned), .DilationLo(DilationLo), .DilationHi(DilationHi),
    .SelW(SelW), .ColW(ColW), .CountW(CountW)
  ) u_scan (
    .clk_i,
    .rst_ni,
    .dil_valid_i,
    .dil_ready_o,
    .dil_i,
    .valid_o     (scan_valid),
    .ready_i     (pixel_done),
    .row_sel_o   (row_sel),
    .row_in_o    (row_in),
    .col_addr_o  (col_addr),
    .col_in_o    (col_in),
    .need_row_o  (need_row),
    .need_col_o  (need_col),
    .row_last_o  (row_last),
    .release_o   (release_count),
    .frame_last_o(frame_last)
  );

  // ---- writer: where the next input beat goes
  logic               write, row_written, kept_row_written, drop;
  logic [BeatW-1:0]   wbeat_q;
  logic [CountW-1:0]  wcol_q;    // pixels of this input row that have arrived
  logic [AddrW-1:0]   waddr_q;
  logic [SelW-1:0]    wslot_q;
  logic [CountW-1:0]  room_q;    // free row slots, the one being written included

  assign ready_o          = drop || room_q != 0;
  assign write            = valid_i && ready_o;
  assign row_written      = write && wbeat_q == BeatW'(BEATS - 1) && wcol_q == CountW'(InW - 1);
  assign kept_row_written = row_written && !drop;

  if (USED_H < InH) begin : gen_drop
    logic [$clog2(InH+1)-1:0] wrow_q;
    if (SKIP_H > 0) begin : gen_above
      assign drop = wrow_q < $bits(wrow_q)'(SKIP_H) || wrow_q >= $bits(wrow_q)'(SKIP_H + USED_H);
    end else begin : gen_below
      assign drop = wrow_q >= $bits(wrow_q)'(USED_H);
    end
    always_ff @(posedge clk_i) begin
      if (!rst_ni) wrow_q <= '0;
      else if (row_written) wrow_q <= wrow_q == $bits(wrow_q)'(InH - 1) ? '0 : wrow_q + 1'b1;
    end
  end else begin : gen_keep
    assign drop = 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      wbeat_q <= '0;
      wcol_q  <= '0;
      waddr_q <= '0;
      wslot_q <= '0;
    end else if (write) begin
      wbeat_q <= wbeat_q == BeatW'(BEATS - 1) ? '0 : wbeat_q + 1'b1;
      if (row_written) wcol_q <= '0;
      else if (wbeat_q == BeatW'(BEATS - 1)) wcol_q <= wcol_q + 1'b1;
      if (!drop) begin
        waddr_q <= waddr_q == AddrW'(ROW_TAPS == 1 ? RING - 1 : ROW_WORDS - 1) ? '0
                                                                                : waddr_q + 1'b1;
        if (row_written) wslot_q <= wslot_q == SelW'(Rows - 1) ? '0 : wslot_q + 1'b1;
      end
    end
  end

  // ---- what has arrived, and what may be overwritten
  logic                     issue, arrived, advance;
  logic signed [CountW:0]   lead_q;   // kept rows written, counted from the reader's frame
  logic signed [CountW:0]   need_row_s;

  assign need_row_s = signed'({1'b0, need_row});
  assign arrived    = lead_q > need_row_s ||
                      (lead_q == need_row_s && !drop && wcol_q > need_col);
  assign advance    = !valid_o || ready_i;
  assign issue      = scan_valid && arrived && advance;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      lead_q <= '0;
      room_q <= CountW'(Rows);
    end else begin
      lead_q <= lead_q + (CountW + 1)'(kept_row_written) -
                (pixel_done && frame_last ? (CountW + 1)'(USED_H) : '0);
      room_q <= room_q - CountW'(kept_row_written) +
                (pixel_done && row_last ? release_count : '0);
    end
  end

  // ---- the beats of one output pixel
  logic [BeatW-1:0]    beat_q;
  logic [RowStepW-1:0] row_step_q;
  logic [ColStepW-1:0] col_step_q;
  logic                beat_last, row_step_last, col_step_last;
  logic                beat_next, row_step_next, col_step_next;

  assign beat_last     = beat_q == BeatW'(BEATS - 1);
  assign row_step_last = row_step_q == RowStepW'(ROW_STEPS - 1);
  assign col_step_last = col_step_q == ColStepW'(COL_STEPS - 1);
  assign row_step_next = issue && (TapsInner || beat_last);
  assign col_step_next = row_step_next && row_step_last;
  assign beat_next     = issue && (!TapsInner || (row_step_last && col_step_last));
  assign pixel_done    = issue && beat_last && row_step_last && col_step_last;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      beat_q     <= '0;
      row_step_q <= '0;
      col_step_q <= '0;
    end else begin
      if (beat_next) beat_q <= beat_last ? '0 : beat_q + 1'b1;
      if (row_step_next) row_step_q <= row_step_last ? '0 : row_step_q + 1'b1;
      if (col_step_next) col_step_q <= col_step_last ? '0 : col_step_q + 1'b1;
    end
  end

  // ---- read addresses; one row tap finds its slot by address, several by slot number
  logic [COL_TAPS-1:0][AddrW-1:0] raddr;
  logic [ROW_TAPS-1:0][SelW-1:0]  rslot;
  logic [Taps-1:0]                in_map;

  for (genvar c = 0; c < COL_TAPS; c++) begin : gen_col
    logic [ColStepW-1:0] col;
    assign col = COL_TAPS == 1 ? col_step_q : '0;
    always_comb begin
      raddr[c] = AddrW'(col_addr[COL_TAPS == 1 ? 32'(col) : c]) + AddrW'(beat_q);
      if (ROW_TAPS == 1) raddr[c] += AddrW'(row_sel[row_step_q]);
    end
    for (genvar i = 0; i < ROW_TAPS; i++) begin : gen_inside
      assign in_map[c*ROW_TAPS+i] = col_in[COL_TAPS == 1 ? 32'(col) : c] &&
                                    row_in[ROW_TAPS == 1 ? 32'(row_step_q) : i];
    end
  end
  for (genvar i = 0; i < ROW_TAPS; i++) begin : gen_row
    assign rslot[i] = row_sel[i];
  end

  window_store #(
    .LaneW(LaneW), .Lanes(Lanes), .LastLanes(Channels - (BEATS - 1) * Lanes), .Rows(Rows),
    .RowWords(ROW_WORDS), .RowTaps(ROW_TAPS), .ColTaps(COL_TAPS), .PadValue(PadValue),
    .SlotW(SelW), .AddrW(AddrW)
  ) u_store (
    .clk_i,
    .we_i       (write && !drop),
    .wslot_i    (wslot_q),
    .waddr_i    (waddr_q),
    .wdata_i    (data_i),
    .en_i       (advance),
    .raddr_i    (raddr),
    .rslot_i    (rslot),
    .inside_i   (in_map),
    .last_beat_i(beat_last),
    .data_o
  );

  logic read_valid_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      read_valid_q <= 1'b0;
      valid_o      <= 1'b0;
    end else if (advance) begin
      read_valid_q <= issue;
      valid_o      <= read_valid_q;
    end
  end

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
