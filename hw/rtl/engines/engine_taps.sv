// SPDX-License-Identifier: Apache-2.0

/// Line buffer that gives the kernel windows of a stream of pixels tap by tap, and holds hardly more
/// pixels than one window spans: a ring of `Pixels` pixels, wherever rows begin in it.
///
/// Tap (i, j) of output pixel (oy, ox) is the input pixel (oy * StrideH - PadT + i * DilH,
/// ox * StrideW - PadL + j * DilW), outside the map `PadValue` in every channel. A beat carries `Lanes`
/// channels of one tap. Beats of a window: groups of `GroupBeats` channel beats, one after the other; in
/// each, all taps, down the columns; for each of these, the group's channel beats: the order of
/// `engine_window` with Taps = 1.
///
/// Latency: five cycles from the last input beat of a window to its first output beat. Throughput: one
/// beat in and one beat out per cycle; pixels and frames follow each other without a pause as long as
/// there is room. A window starts as soon as its last pixel has come; a pixel is released with the last
/// window that reads it.
///
/// Pixels: a window spans (KH-1)*DilH*InW + (KW-1)*DilW + 1 of them, never more than the map has; fewer
/// are refused. The first window ends in the map, and the last one begins in it. One pixel more lets the
/// next one come while a window is read; StrideH rows more keep strided windows from waiting.
///
/// `ready_o` depends on registers only.
module engine_taps #(
  parameter int unsigned LaneW = 8,
  parameter int unsigned Lanes = 2,
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
  parameter int unsigned Pixels = 20,
  parameter logic [LaneW-1:0] PadValue = '0
) (
  input  logic                        clk_i,
  input  logic                        rst_ni,   // synchronous
  input  logic                        valid_i,
  output logic                        ready_o,
  input  logic [Lanes-1:0][LaneW-1:0] data_i,
  output logic                        valid_o,
  input  logic                        ready_i,
  output logic [Lanes-1:0][LaneW-1:0] data_o
);
  localparam int unsigned BEATS = (Channels + Lanes - 1) / Lanes;
  localparam int unsigned MAP = InH * InW;
  localparam int unsigned SPAN = (KH - 1) * DilH * InW + (KW - 1) * DilW + 1;
  localparam int unsigned MIN_PIXELS = SPAN < MAP ? SPAN : MAP;
  localparam int unsigned WORDS = Pixels * BEATS;

  localparam int unsigned Y_MAX = OutH * StrideH + KH * DilH + PadT;
  localparam int unsigned X_MAX = OutW * StrideW + KW * DilW + PadL;
  localparam int unsigned YW = 1 + $clog2((Y_MAX > InH ? Y_MAX : InH) + 1);
  localparam int unsigned XW = 1 + $clog2((X_MAX > InW ? X_MAX : InW) + 1);
  localparam int unsigned AddrW = WORDS > 1 ? $clog2(WORDS) : 1;
  // Pixels that may be written: a frame's last rows may be released before they come.
  localparam int unsigned CountW = $clog2(Pixels + MAP + 1) + 1;

  if (LaneW == 0 || Lanes == 0 || Channels == 0 || InH == 0 || InW == 0 || OutH == 0 || OutW == 0 ||
      KH == 0 || KW == 0 || StrideH == 0 || StrideW == 0 || DilH == 0 || DilW == 0) begin : gen_size
    $fatal(1, "zero among widths %0d %0d %0d, In %0dx%0d Out %0dx%0d K %0dx%0d, %0dx%0d, %0dx%0d",
           LaneW, Lanes, Channels, InH, InW, OutH, OutW, KH, KW, StrideH, StrideW, DilH, DilW);
  end
  if (GroupBeats == 0 || BEATS % GroupBeats != 0) begin : gen_groups
    $fatal(1, "GroupBeats must divide the %0d channel beats; got %0d", BEATS, GroupBeats);
  end
  if ((OutH - 1) * StrideH >= InH + PadT || (OutW - 1) * StrideW >= InW + PadL) begin : gen_last
    $fatal(1, "the last window must begin in the map; got Out %0dx%0d, %0dx%0d on %0dx%0d, Pad %0d, %0d",
           OutH, OutW, StrideH, StrideW, InH, InW, PadT, PadL);
  end
  if (PadT > (KH - 1) * DilH) begin : gen_first
    $fatal(1, "the first window must end in the map; got PadT %0d, K %0d, Dil %0d", PadT, KH, DilH);
  end
  if (Pixels < MIN_PIXELS) begin : gen_pixels
    $fatal(1, "need Pixels >= %0d for windows that span %0d; got %0d", MIN_PIXELS, SPAN, Pixels);
  end

  // ---- the windows whose last pixel has come: where each begins
  logic                 place_valid, walk_ready, pixel_written, line_last, frame_last;
  logic signed [YW-1:0] y;
  logic signed [XW-1:0] x;
  logic [CountW-1:0]    place_release;

  taps_place #(
    .InH(InH), .InW(InW), .KH(KH), .KW(KW), .StrideH(StrideH), .StrideW(StrideW), .DilH(DilH),
    .DilW(DilW), .PadT(PadT), .PadL(PadL), .OutH(OutH), .OutW(OutW), .YW(YW), .XW(XW), .CountW(CountW)
  ) u_place (
    .clk_i,
    .rst_ni,
    .came_i      (pixel_written),
    .valid_o     (place_valid),
    .ready_i     (walk_ready),
    .y_o         (y),
    .x_o         (x),
    .line_last_o (line_last),
    .frame_last_o(frame_last),
    .release_o   (place_release)
  );

  // ---- the beats of a window, and the one that is being read
  typedef struct packed {
    logic [AddrW-1:0] addr;
    logic             in_map;
    logic             beat_last;
  } beat_t;
  beat_t             beat, read_q;
  logic              issue, advance, walk_valid, read_valid_q, store_valid_q;
  logic [CountW-1:0] walk_release, read_release_q, freed_q;

  taps_walk #(
    .InH(InH), .InW(InW), .KH(KH), .KW(KW), .StrideH(StrideH), .StrideW(StrideW), .DilH(DilH),
    .DilW(DilW), .PadT(PadT), .PadL(PadL), .OutH(OutH), .OutW(OutW), .Beats(BEATS),
    .GroupBeats(GroupBeats), .Pixels(Pixels), .YW(YW), .XW(XW), .AddrW(AddrW), .CountW(CountW)
  ) u_walk (
    .clk_i,
    .rst_ni,
    .valid_i     (place_valid),
    .ready_o     (walk_ready),
    .y_i         (y),
    .x_i         (x),
    .line_last_i (line_last),
    .frame_last_i(frame_last),
    .release_i   (place_release),
    .valid_o     (walk_valid),
    .issue_i     (issue),
    .addr_o      (beat.addr),
    .inside_o    (beat.in_map),
    .beat_last_o (beat.beat_last),
    .release_o   (walk_release)
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
      // Pixels are free once the last beat has been read that needs them.
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

  // ---- writer
  logic              write, beat_written, open_q;
  logic [AddrW-1:0]  waddr_q;
  logic [CountW-1:0] room_q, room;   // pixels that may come, the one that is being written included

  beat_counter #(.Beats(BEATS)) u_wbeat (.clk_i, .rst_ni, .step_i(write), .last_o(beat_written));

  assign ready_o       = open_q;
  assign write         = valid_i && ready_o;
  assign pixel_written = write && beat_written;
  assign room          = room_q + freed_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      waddr_q <= '0;
      room_q  <= CountW'(Pixels);
      open_q  <= 1'b1;
    end else begin
      if (write) waddr_q <= waddr_q == AddrW'(WORDS - 1) ? '0 : waddr_q + 1'b1;
      room_q <= room - CountW'(pixel_written);
      open_q <= pixel_written ? room > CountW'(1) : room != 0;
    end
  end

  window_store #(
    .LaneW(LaneW), .Lanes(Lanes), .LastLanes(Channels - (BEATS - 1) * Lanes), .Banks(1),
    .BankWords(WORDS), .RowTaps(1), .ColTaps(1), .PadValue(PadValue), .BankW(1), .AddrW(AddrW)
  ) u_store (
    .clk_i,
    .we_i         (write),
    .wbank_i      (1'b0),
    .waddr_i      (waddr_q),
    .wdata_i      (data_i),
    .en_i         (advance),
    .raddr_i      (read_q.addr),
    .raddr_below_i(read_q.addr),
    .rbank_i      (1'b0),
    .inside_i     (read_q.in_map),
    .last_beat_i  (read_q.beat_last),
    .data_o
  );

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
