// SPDX-License-Identifier: Apache-2.0

/// Places of the windows of `engine_taps`, one after the other: each is given once its last pixel has
/// come, with the pixels that no later window reads.
///
/// Pixels come in a fixed order and windows go in one, so all that is to be known is how many pixels
/// are still to come before the next window: it grows with each window by a constant of its column, row
/// or frame, and shrinks with each pixel. `valid_o` depends on registers only.
module taps_place #(
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
  parameter int unsigned YW = 5,
  parameter int unsigned XW = 5,
  /// Of a number of pixels.
  parameter int unsigned CountW = 7
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  logic                 came_i,         // a pixel
  output logic                 valid_o,
  input  logic                 ready_i,
  output logic signed [YW-1:0] y_o,            // of the first tap
  output logic signed [XW-1:0] x_o,
  output logic                 line_last_o,    // the last window of its row
  output logic                 frame_last_o,   // a window of the last row
  /// Pixels that no later window reads.
  output logic [CountW-1:0]    release_o
);
  localparam int BELOW = int'((KH - 1) * DilH);    // from the first tap to the last one
  localparam int BESIDE = int'((KW - 1) * DilW);
  localparam int SH = int'(StrideH);
  localparam int SW = int'(StrideW);
  localparam int ROW = int'(InW);

  function automatic int least(int a, int b);
    return a < b ? a : b;
  endfunction
  function automatic int most(int a, int b);
    return a > b ? a : b;
  endfunction

  // ---- the place
  logic                 step;
  logic signed [YW-1:0] y_q;
  logic signed [XW-1:0] x_q;

  beat_counter #(.Beats(OutW)) u_ox (.clk_i, .rst_ni, .step_i(step), .last_o(line_last_o));
  beat_counter #(.Beats(OutH)) u_oy (
    .clk_i, .rst_ni, .step_i(step && line_last_o), .last_o(frame_last_o)
  );
  assign step = valid_o && ready_i;
  assign y_o  = y_q;
  assign x_o  = x_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      y_q <= YW'(-int'(PadT));
      x_q <= XW'(-int'(PadL));
    end else if (step) begin
      x_q <= line_last_o ? XW'(-int'(PadL)) : x_q + XW'(SW);
      if (line_last_o) y_q <= frame_last_o ? YW'(-int'(PadT)) : y_q + YW'(SH);
    end
  end

  // ---- what must come. A window ends in the map's last row and column where it reaches beyond them,
  // and in its first column where it lies to the left.
  localparam int FIRST_RIGHT = least(most(BESIDE - int'(PadL), 0), ROW - 1);
  localparam int LAST_RIGHT = least(most(int'(OutW - 1) * SW - int'(PadL) + BESIDE, 0), ROW - 1);
  localparam int FIRST_BOTTOM = least(BELOW - int'(PadT), int'(InH) - 1);
  localparam int LAST_BOTTOM = least(int'(OutH - 1) * SH - int'(PadT) + BELOW, int'(InH) - 1);
  localparam int FIRST = FIRST_BOTTOM * ROW + FIRST_RIGHT + 1;
  localparam int TO_FRAME = FIRST + int'(InH) * ROW - (LAST_BOTTOM * ROW + LAST_RIGHT + 1);
  localparam int TO_LINE = FIRST_RIGHT - LAST_RIGHT;
  // Places after which less than a stride is to come, or nothing.
  localparam int Y_END = int'(InH) - 1 - BELOW;
  localparam int X_END = ROW - 1 - BESIDE;

  logic [CountW-1:0]      claim, row_claim, col_claim;
  logic signed [CountW:0] owed_q;
  logic                   whole_q;   // the row that windows now end in is one that others ended in
  logic                   row_ends;
  assign row_ends = y_q >= YW'(Y_END);
  always_comb begin
    row_claim = CountW'(SH * ROW + TO_LINE);
    for (int n = 1; n < SH; n++) begin
      if (y_q == YW'(Y_END - n)) row_claim = CountW'(n * ROW + TO_LINE);
    end
    col_claim = CountW'(SW);
    for (int n = 1; n < SW; n++) begin
      if (x_q == XW'(n - BESIDE - SW)) col_claim = CountW'(least(n, ROW - 1));
      if (n < ROW && x_q == XW'(X_END - n)) col_claim = CountW'(n);
    end
    if (x_q <= XW'(-BESIDE - SW) || x_q >= XW'(X_END)) col_claim = '0;
    if (!line_last_o) claim = whole_q ? '0 : col_claim;
    else if (!frame_last_o) claim = row_ends ? '0 : row_claim;
    else claim = CountW'(TO_FRAME);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      owed_q  <= (CountW + 1)'(FIRST);
      whole_q <= 1'b0;
    end else begin
      owed_q <= owed_q + signed'({1'b0, step ? claim : '0}) - signed'((CountW + 1)'(came_i));
      if (step && line_last_o) whole_q <= row_ends && !frame_last_o;
    end
  end
  assign valid_o = owed_q <= 0;

  // ---- what is read for the last time: pixels before the first one that the next window reaches. Rows
  // above the map begin with it, and so does the left padding of each row.
  localparam int LAST_X   = int'(OutW - 1) * SW - int'(PadL);
  localparam int LAST_Y   = int'(OutH - 1) * SH - int'(PadT);
  localparam int LAST_COL = most(LAST_X, 0);   // of the first tap in a line's last window
  localparam int LAST_ROW = most(LAST_Y, 0);

  logic [CountW-1:0] row_release, col_release;
  logic              above;
  assign above = y_q < 0;
  always_comb begin
    row_release = CountW'(SH * ROW);
    for (int n = 1; n < SH; n++) begin
      if (y_q == YW'(n - SH)) row_release = CountW'(n * ROW);
    end
    if (y_q <= YW'(-SH)) row_release = '0;
    col_release = CountW'(SW);
    for (int n = 1; n < SW; n++) begin
      if (x_q == XW'(n - SW)) col_release = CountW'(n);
    end
    if (above || x_q <= XW'(-SW)) col_release = '0;
    if (!line_last_o) release_o = col_release;
    else if (!frame_last_o) release_o = row_release - (above ? '0 : CountW'(LAST_COL));
    else release_o = CountW'((int'(InH) - LAST_ROW) * ROW - (LAST_Y < 0 ? 0 : LAST_COL));
  end
endmodule
