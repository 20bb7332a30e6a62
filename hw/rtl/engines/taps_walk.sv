// SPDX-License-Identifier: Apache-2.0

/// Walks the beats of one window of `engine_taps` after the other: groups of channel beats, in each
/// the kernel's columns, in each its rows, in each the group's beats. Takes the place of each window
/// from `taps_place`, and gives of the beat that is to be read next its word in the ring and whether
/// it lies inside the map.
///
/// The order of windows is fixed, so words are told by one number that moves by constants, round and
/// round. With `issue_i` the beat is read, and the walk goes on; a window is taken with the last beat
/// of the one before it. `ready_o` depends combinationally on `issue_i`.
module taps_walk #(
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
  /// Beats of an input pixel, and channel beats of a group, a divisor of these.
  parameter int unsigned Beats = 1,
  parameter int unsigned GroupBeats = 1,
  /// Pixels in the ring.
  parameter int unsigned Pixels = 20,
  parameter int unsigned YW = 5,
  parameter int unsigned XW = 5,
  parameter int unsigned AddrW = 5,
  /// Of a number of pixels.
  parameter int unsigned CountW = 7
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  // The next window: the place of its first tap, whether it is the last one of its row, and one of
  // the last row, and the pixels that no later one reads.
  input  logic                 valid_i,
  output logic                 ready_o,
  input  logic signed [YW-1:0] y_i,
  input  logic signed [XW-1:0] x_i,
  input  logic                 line_last_i,
  input  logic                 frame_last_i,
  input  logic [CountW-1:0]    release_i,
  // The beat.
  output logic                 valid_o,
  input  logic                 issue_i,
  output logic [AddrW-1:0]     addr_o,
  output logic                 inside_o,
  output logic                 beat_last_o,   // a beat of the last channels
  /// Pixels that no later beat reads, once this one has been read.
  output logic [CountW-1:0]    release_o
);
  localparam int WORDS = int'(Pixels * Beats);
  localparam logic signed [YW-1:0] IN_H = YW'(InH);
  localparam logic signed [XW-1:0] IN_W = XW'(InW);

  // ---- place in the window
  logic beat_last, row_last, col_last, group_last, window_last, line_last_q, frame_last_q;
  logic row_done, col_done, group_done, load;

  beat_counter #(.Beats(GroupBeats)) u_beat (.clk_i, .rst_ni, .step_i(issue_i), .last_o(beat_last));
  beat_counter #(.Beats(KH)) u_row (.clk_i, .rst_ni, .step_i(row_done), .last_o(row_last));
  beat_counter #(.Beats(KW)) u_col (.clk_i, .rst_ni, .step_i(col_done), .last_o(col_last));
  beat_counter #(.Beats(Beats / GroupBeats)) u_group (
    .clk_i, .rst_ni, .step_i(group_done), .last_o(group_last)
  );
  assign row_done    = issue_i && beat_last;
  assign col_done    = row_done && row_last;
  assign group_done  = col_done && col_last;
  assign window_last = beat_last && row_last && col_last && group_last;
  assign beat_last_o = beat_last && group_last;
  assign ready_o     = !valid_o || (issue_i && window_last);
  assign load        = valid_i && ready_o;

  // ---- words: from each beat to the next one
  function automatic logic [AddrW-1:0] words(int count);
    return AddrW'(((count % WORDS) + WORDS) % WORDS);
  endfunction

  localparam int ROW     = int'(DilH * InW * Beats);   // to the tap below
  localparam int COL     = int'(DilW * Beats);         // to the tap beside
  localparam int TO_ROW  = ROW - int'(GroupBeats - 1);
  localparam int TO_COL  = COL - int'(KH - 1) * ROW - int'(GroupBeats - 1);
  localparam int TO_TOP  = -int'(KH - 1) * ROW - int'(KW - 1) * COL;   // from the last tap to the first
  localparam int TO_LEFT = -int'((OutW - 1) * StrideW * Beats);        // from the last window of a line
  localparam int TO_NEXT = TO_TOP - int'(Beats - 1);
  localparam int TO_LINE = TO_NEXT + TO_LEFT + int'(StrideH * InW * Beats);
  localparam int TO_FRAME =
      TO_NEXT + TO_LEFT + (int'(InH) - int'((OutH - 1) * StrideH)) * int'(InW * Beats);

  logic [AddrW-1:0] move;
  logic [AddrW:0]   sum, over;
  always_comb begin
    if (!beat_last) move = words(1);
    else if (!row_last) move = words(TO_ROW);
    else if (!col_last) move = words(TO_COL);
    else if (!group_last) move = words(TO_TOP + 1);
    else if (!line_last_q) move = words(TO_NEXT + int'(StrideW * Beats));
    else if (!frame_last_q) move = words(TO_LINE);
    else move = words(TO_FRAME);
  end
  assign sum  = {1'b0, addr_o} + {1'b0, move};
  assign over = sum - (AddrW + 1)'(WORDS);
  always_ff @(posedge clk_i) begin
    if (!rst_ni) addr_o <= words(-int'((PadT * InW + PadL) * Beats));
    else if (issue_i) addr_o <= over[AddrW] ? sum[AddrW-1:0] : over[AddrW-1:0];
  end

  // ---- whether a tap lies inside the map
  logic signed [YW-1:0] y_q;
  logic signed [XW-1:0] x_q;
  always_ff @(posedge clk_i) begin
    if (load) begin
      y_q <= y_i;
      x_q <= x_i;
    end else begin
      if (row_done && KH > 1) y_q <= y_q + (row_last ? YW'(-int'((KH - 1) * DilH)) : YW'(DilH));
      if (col_done && KW > 1) x_q <= x_q + (col_last ? XW'(-int'((KW - 1) * DilW)) : XW'(DilW));
    end
  end
  assign inside_o = y_q >= 0 && y_q < IN_H && x_q >= 0 && x_q < IN_W;

  logic [CountW-1:0] release_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_o <= 1'b0;
    else if (ready_o) valid_o <= valid_i;
    if (load) begin
      line_last_q  <= line_last_i;
      frame_last_q <= frame_last_i;
      release_q    <= release_i;
    end
  end
  assign release_o = window_last ? release_q : '0;
endmodule
