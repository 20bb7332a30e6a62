// SPDX-License-Identifier: Apache-2.0

/// Sliding window: turns a stream of pixels into the stream of the kernel windows of a convolution or
/// pooling, all taps of a channel beat in one beat. `engine_window` without copies of its rows: here
/// neighbouring windows share what was read.
///
/// Tap (i, j) of output pixel (oy, ox) is the input pixel (oy * StrideH - PadT + i * DilH,
/// ox * StrideW - PadL + j * DilW). Taps outside the map are `PadValue` in every channel. Negative
/// paddings crop the map. Tap (i, j) has the lanes of tap j * KH + i. A pixel's channel beats follow
/// one another.
///
/// All pixels pass a line of delays in raster order: KH-1 times DilH rows, and of each of these rows
/// KW-1 times DilW pixels. A window is read when its last tap comes (its anchor), so padding at the
/// right and below is read in `TAIL` steps beyond the frame, while pixels of the next frame come.
/// These wait in a queue until there are enough of them; where there are not, empty steps take their
/// place. So a window depends on no pixel of another frame, and as the queue has room while there are
/// empty steps, these do not hold up the input.
///
/// Latency: three cycles from the anchor to its window. Throughput: one beat in and at most one beat
/// out per cycle. Where input is always offered, empty steps occur behind the first frame only: the
/// queue then stays filled, and there are no bubbles between pixels, rows or frames. While the output
/// stalls, the input stops when the queue is full. `ready_o` depends on registers only.
///
/// The first window's anchor lies in the map, and the output is no larger than the map. DilH rows are
/// at least two beats, as a memory is written behind its read.
module engine_slide #(
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
  parameter logic [LaneW-1:0] PadValue = '0,
  localparam int unsigned TAPS = KH * KW
) (
  input  logic                             clk_i,
  input  logic                             rst_ni,   // synchronous
  input  logic                             valid_i,
  output logic                             ready_o,
  input  logic [Lanes-1:0][LaneW-1:0]      data_i,
  output logic                             valid_o,
  input  logic                             ready_i,
  output logic [TAPS*Lanes-1:0][LaneW-1:0] data_o
);
  // ---- sizes
  localparam int unsigned BEATS = (Channels + Lanes - 1) / Lanes;
  localparam int unsigned LAST_LANES = Channels - (BEATS - 1) * Lanes;
  localparam int unsigned ROW_DELAY = DilH * InW * BEATS;
  localparam int unsigned COL_DELAY = DilW * BEATS;
  // The anchor of the first window, and of the last one counted from it.
  localparam int FIRST_ROW = int'((KH - 1) * DilH) - PadT;
  localparam int FIRST_COL = int'((KW - 1) * DilW) - PadL;
  localparam int unsigned LAST_ROW = (OutH - 1) * StrideH;
  localparam int unsigned LAST_COL = (OutW - 1) * StrideW;
  // Steps from the end of the frame to its last window.
  localparam int LATE = (FIRST_ROW + int'(LAST_ROW) - int'(InH)) * int'(InW) + FIRST_COL +
                        int'(LAST_COL) + 1;
  localparam int unsigned TAIL = LATE > 0 ? unsigned'(LATE) * BEATS : 0;
  localparam int unsigned QUEUE = TAIL + 2;

  localparam int unsigned BeatW = BEATS > 1 ? $clog2(BEATS) : 1;
  localparam int unsigned RowW = InH > 1 ? $clog2(InH) : 1;
  localparam int unsigned ColW = InW > 1 ? $clog2(InW) : 1;
  localparam int unsigned LevelW = $clog2(QUEUE + 1);
  localparam int unsigned QueueW = $clog2(QUEUE);
  localparam int unsigned StepHW = StrideH > 1 ? $clog2(StrideH) : 1;
  localparam int unsigned StepWW = StrideW > 1 ? $clog2(StrideW) : 1;

  if (LaneW == 0 || Lanes == 0 || Channels == 0 || InH == 0 || InW == 0 || OutH == 0 || OutW == 0 ||
      KH == 0 || KW == 0 || StrideH == 0 || StrideW == 0 || DilH == 0 || DilW == 0) begin : gen_size
    $fatal(1, "zero among widths %0d %0d %0d, In %0dx%0d Out %0dx%0d K %0dx%0d, %0dx%0d, %0dx%0d",
           LaneW, Lanes, Channels, InH, InW, OutH, OutW, KH, KW, StrideH, StrideW, DilH, DilW);
  end
  if (FIRST_ROW < 0 || FIRST_ROW >= int'(InH) || FIRST_COL < 0 || FIRST_COL >= int'(InW))
  begin : gen_first
    $fatal(1, "the first window must end in the %0dx%0d map; it ends at %0d, %0d",
           InH, InW, FIRST_ROW, FIRST_COL);
  end
  if (LAST_ROW >= InH || LAST_COL >= InW) begin : gen_last
    $fatal(1, "the last window must begin less than a map behind the first; Out %0dx%0d, In %0dx%0d",
           OutH, OutW, InH, InW);
  end
  if (KH > 1 && ROW_DELAY < 2) begin : gen_delay
    $fatal(1, "need at least two beats in DilH rows; got InW %0d, %0d channel beats", InW, BEATS);
  end

  typedef logic [Lanes-1:0][LaneW-1:0] word_t;

  // ---- the queue of input beats
  logic              push, take;
  logic [LevelW-1:0] level_q;
  logic [QueueW-1:0] write_q, read_q;
  word_t             data_q;

  // Comparisons are made a step ahead, here and below, so that no step waits for one.
  logic room_q;    // level_q != QUEUE
  logic words_q;   // level_q != 0
  logic filled_q;  // level_q >= TAIL

  assign ready_o = room_q;
  assign push    = valid_i && ready_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      level_q  <= '0;
      room_q   <= 1'b1;
      words_q  <= 1'b0;
      filled_q <= TAIL == 0;
      write_q  <= '0;
      read_q   <= '0;
    end else begin
      if (push != take) begin
        level_q  <= push ? level_q + 1'b1 : level_q - 1'b1;
        room_q   <= take || level_q != LevelW'(QUEUE - 1);
        words_q  <= push || level_q != LevelW'(1);
        filled_q <= push ? filled_q || level_q == LevelW'(TAIL - 1) : filled_q && level_q != LevelW'(TAIL);
      end
      if (push) write_q <= write_q == QueueW'(QUEUE - 1) ? '0 : write_q + 1'b1;
      if (take) read_q <= read_q == QueueW'(QUEUE - 1) ? '0 : read_q + 1'b1;
    end
  end

  engine_ram #(
    .Width(Lanes * LaneW),
    .Depth(QUEUE)
  ) u_queue (
    .clk_i,
    .we_i   (push),
    .waddr_i(write_q),
    .wdata_i(data_i),
    .re_i   (take),
    .raddr_i(read_q),
    .rdata_o(data_q)
  );

  // ---- steps: a beat taken from the queue each, or an empty one
  logic advance, step, enough, walking_q;
  logic may_take, may_step, may_walk;  // if the pipeline advances
  logic first_q;  // the next beat to take is the first of its frame

  assign advance  = !valid_o || ready_i;
  assign may_take = enough && words_q;
  assign may_step = !enough || words_q;
  assign take     = advance && may_take;
  assign step     = advance && may_step;
  if (TAIL == 0) begin : gen_prompt
    logic unused_late;
    assign unused_late = &{1'b0, first_q, filled_q};
    assign enough      = 1'b1;
  end else begin : gen_late
    assign enough = !(first_q && walking_q) || filled_q;
  end

  // ---- the place in its frame of the next beat to take; the beat before the first anchor
  localparam int BEFORE_COL = FIRST_COL == 0 ? int'(InW) - 1 : FIRST_COL - 1;
  localparam int BEFORE_ROW = FIRST_COL > 0 ? FIRST_ROW : FIRST_ROW == 0 ? int'(InH) - 1 : FIRST_ROW - 1;
  logic [BeatW-1:0] in_beat_q;
  logic [ColW-1:0]  in_col_q;
  logic [RowW-1:0]  in_row_q;
  logic             in_pixel_q;  // in_beat_q == BEATS - 1
  logic             in_line_q;   // in_col_q == InW - 1
  logic             begin_q;     // it is the first window's anchor
  logic             in_pixel, in_line, in_frame;

  assign in_pixel = take && in_pixel_q;
  assign in_line  = in_pixel && in_line_q;
  assign in_frame = in_row_q == RowW'(InH - 1);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      in_beat_q  <= '0;
      in_col_q   <= '0;
      in_row_q   <= '0;
      in_pixel_q <= BEATS == 1;
      in_line_q  <= InW == 1;
      first_q    <= 1'b1;
      begin_q    <= FIRST_ROW == 0 && FIRST_COL == 0;
    end else begin
      if (take) begin
        in_beat_q  <= in_pixel_q ? '0 : in_beat_q + 1'b1;
        in_pixel_q <= BEATS == 1 || (!in_pixel_q && in_beat_q == BeatW'(BEATS - 2));
        first_q    <= in_pixel_q && in_line_q && in_frame;
        begin_q    <= in_pixel_q && in_col_q == ColW'(BEFORE_COL) && in_row_q == RowW'(BEFORE_ROW);
      end
      if (in_pixel) begin
        in_col_q  <= in_line_q ? '0 : in_col_q + 1'b1;
        in_line_q <= InW == 1 || (!in_line_q && in_col_q == ColW'(InW - 2));
      end
      if (in_line) in_row_q <= in_frame ? '0 : in_row_q + 1'b1;
    end
  end

  // ---- the walk over the frame's anchors, from the first one on in raster order; all zero between
  // frames
  logic [BeatW-1:0]  beat_q;
  logic [ColW-1:0]   col_q;
  logic [RowW-1:0]   row_q;
  logic [StepHW-1:0] row_step_q;
  logic [StepWW-1:0] col_step_q;
  logic              beyond_q;   // no further window of the row
  logic              pixel_q;    // beat_q == BEATS - 1
  logic              line_q;     // col_q == InW - 1
  logic              end_q;      // col_q == LAST_COL
  logic              final_q;    // row_q == LAST_ROW
  logic              walk, line, last, taken;

  assign may_walk = walking_q ? may_step : may_take && begin_q;
  assign walk     = advance && may_walk;
  assign line     = pixel_q && line_q;
  assign last     = pixel_q && end_q && final_q;
  assign taken    = may_walk && row_step_q == '0 && col_step_q == '0 && !beyond_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || (walk && last)) begin
      walking_q  <= 1'b0;
      beyond_q   <= 1'b0;
      beat_q     <= '0;
      col_q      <= '0;
      row_q      <= '0;
      row_step_q <= '0;
      col_step_q <= '0;
      pixel_q    <= BEATS == 1;
      line_q     <= InW == 1;
      end_q      <= LAST_COL == 0;
      final_q    <= LAST_ROW == 0;
    end else if (walk) begin
      walking_q <= 1'b1;
      beat_q    <= pixel_q ? '0 : beat_q + 1'b1;
      pixel_q   <= BEATS == 1 || (!pixel_q && beat_q == BeatW'(BEATS - 2));
      if (pixel_q) begin
        beyond_q   <= !line_q && (beyond_q || end_q);
        col_q      <= line_q ? '0 : col_q + 1'b1;
        col_step_q <= line_q || col_step_q == StepWW'(StrideW - 1) ? '0 : col_step_q + 1'b1;
        line_q     <= InW == 1 || (!line_q && col_q == ColW'(InW - 2));
        end_q      <= line_q ? LAST_COL == 0 : LAST_COL > 0 && col_q == ColW'(LAST_COL - 1);
      end
      if (line) begin
        row_q      <= row_q + 1'b1;
        row_step_q <= row_step_q == StepHW'(StrideH - 1) ? '0 : row_step_q + 1'b1;
        final_q    <= LAST_ROW > 0 && row_q == RowW'(LAST_ROW - 1);
      end
    end
  end

  // ---- the step whose words have been read
  logic move, step_q, taken_q, ragged_q;

  assign move = advance && step_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      step_q  <= 1'b0;
      valid_o <= 1'b0;
    end else if (advance) begin
      step_q  <= step;
      valid_o <= step_q && taken_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (step) begin
      taken_q  <= taken;
      ragged_q <= pixel_q;
    end
  end

  // ---- the rows: a step reads what came in one row before and more, and moves all up by one
  word_t [KH-1:0] column;
  assign column[KH-1] = data_q;
  if (KH > 1) begin : gen_rows
    slide_delay #(.Width((KH - 1) * Lanes * LaneW), .Delay(ROW_DELAY)) u_rows (
      .clk_i,
      .rst_ni,
      .step_i(step),
      .move_i(move),
      .data_i(column[KH-1:1]),
      .data_o(column[KH-2:0])
    );
  end

  // ---- the columns likewise
  word_t [KW-1:0][KH-1:0] tap;
  assign tap[KW-1] = column;
  if (KW > 1) begin : gen_columns
    slide_delay #(.Width((KW - 1) * KH * Lanes * LaneW), .Delay(COL_DELAY)) u_columns (
      .clk_i,
      .rst_ni,
      .step_i(step),
      .move_i(move),
      .data_i(tap[KW-1:1]),
      .data_o(tap[KW-2:0])
    );
  end

  // ---- the window; lanes beyond the last channel are zero in the padding, too
  word_t pad;
  for (genvar l = 0; l < Lanes; l++) begin : gen_pad
    assign pad[l] = l >= LAST_LANES && ragged_q ? '0 : PadValue;
  end

  logic [KH-1:0] row_in_q;
  logic [KW-1:0] col_in_q;
  for (genvar i = 0; i < KH; i++) begin : gen_row
    slide_inside #(.Size(InH), .Offset(int'(i * DilH) - PadT), .Last(LAST_ROW), .PlaceW(RowW)) u_in (
      .clk_i,
      .en_i    (step),
      .place_i (row_q),
      .inside_o(row_in_q[i])
    );
  end
  for (genvar j = 0; j < KW; j++) begin : gen_col
    slide_inside #(.Size(InW), .Offset(int'(j * DilW) - PadL), .Last(LAST_COL), .PlaceW(ColW)) u_in (
      .clk_i,
      .en_i    (step),
      .place_i (col_q),
      .inside_o(col_in_q[j])
    );
    for (genvar i = 0; i < KH; i++) begin : gen_tap
      always_ff @(posedge clk_i) begin
        if (move) data_o[(j*KH+i)*Lanes+:Lanes] <= row_in_q[i] && col_in_q[j] ? tap[j][i] : pad;
      end
    end
  end

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
