// SPDX-License-Identifier: Apache-2.0

/// Walks the output pixels of `engine_deform` in raster order. Each description says where the
/// pixel's window lies, which input pixel must have arrived before any of its taps is read, whatever
/// the offsets, and how many input rows are needed no more after it.
///
/// One description per cycle, one cycle of latency; descriptions never end.
module deform_scan #(
  parameter int unsigned InW = 8,
  parameter int unsigned OutH = 8,
  parameter int unsigned OutW = 8,
  parameter int unsigned StrideH = 1,
  parameter int unsigned StrideW = 1,
  parameter int unsigned PadT = 1,
  parameter int unsigned PadL = 1,
  /// First and last row, and last column, that a tap can read, counted from a window's origin.
  parameter int          MinY = -1,
  parameter int          MaxY = 3,
  parameter int          MaxX = 3,
  /// Input rows that are kept: the rows below them reach no output.
  parameter int unsigned UsedH = 8,
  parameter int unsigned Rows = 6,
  /// `slot_o` is the slot of the row at `MinY`; otherwise that of the frame's first row.
  parameter bit          FromTop = 1'b1,
  /// Widths of the results, chosen by the engine.
  parameter int unsigned YW = 8,
  parameter int unsigned XW = 8,
  parameter int unsigned SlotW = 3,
  parameter int unsigned CountW = 5
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,   // synchronous
  output logic                 valid_o,
  input  logic                 ready_i,
  /// Origin of the window: where tap (0, 0) lies without an offset.
  output logic signed [YW-1:0] y_o,
  output logic signed [XW-1:0] x_o,
  output logic [SlotW-1:0]     slot_o,
  output logic [CountW-1:0]    need_row_o,
  output logic [CountW-1:0]    need_col_o,
  /// This pixel ends an output row: `release_o` input rows are needed no more.
  output logic                 row_last_o,
  output logic [CountW-1:0]    release_o,
  output logic                 frame_last_o
);
  function automatic int modulo(int a, int m);
    return ((a % m) + m) % m;
  endfunction

  localparam int ROWS = int'(Rows);
  localparam int FIRST_SLOT = FromTop ? modulo(MinY - int'(PadT), ROWS) : 0;
  localparam int ROW_STEP = FromTop ? modulo(int'(StrideH), ROWS) : 0;
  localparam int FRAME_STEP =
      modulo(int'(UsedH) - (FromTop ? int'((OutH - 1) * StrideH) : 0), ROWS);
  localparam logic signed [YW-1:0] USED_H = YW'(UsedH);
  localparam logic signed [XW-1:0] IN_W = XW'(InW);
  localparam int unsigned OyW = OutH > 1 ? $clog2(OutH) : 1;
  localparam int unsigned OxW = OutW > 1 ? $clog2(OutW) : 1;

  logic [OyW-1:0]       oy_q;
  logic [OxW-1:0]       ox_q;
  logic signed [YW-1:0] y_q;
  logic signed [XW-1:0] x_q;
  logic [SlotW-1:0]     slot_q;
  logic [CountW-1:0]    base_q;   // rows of this frame that are released already

  logic              take, row_last, frame_last;
  logic [SlotW:0]    slot_sum;
  logic [SlotW-1:0]  slot_next;
  logic [CountW-1:0] base_next;

  assign take       = !valid_o || ready_i;
  assign row_last   = ox_q == OxW'(OutW - 1);
  assign frame_last = row_last && oy_q == OyW'(OutH - 1);
  assign slot_sum   = {1'b0, slot_q} + (SlotW + 1)'(frame_last ? FRAME_STEP : ROW_STEP);
  assign slot_next  = SlotW'(slot_sum >= (SlotW + 1)'(Rows) ? slot_sum - (SlotW + 1)'(Rows)
                                                            : slot_sum);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      oy_q   <= '0;
      ox_q   <= '0;
      y_q    <= YW'(-int'(PadT));
      x_q    <= XW'(-int'(PadL));
      slot_q <= SlotW'(FIRST_SLOT);
      base_q <= '0;
    end else if (take) begin
      if (!row_last) begin
        ox_q <= ox_q + 1'b1;
        x_q  <= x_q + XW'(StrideW);
      end else begin
        ox_q   <= '0;
        x_q    <= XW'(-int'(PadL));
        oy_q   <= frame_last ? '0 : oy_q + 1'b1;
        y_q    <= frame_last ? YW'(-int'(PadT)) : y_q + YW'(StrideH);
        slot_q <= slot_next;
        base_q <= frame_last ? '0 : base_next;
      end
    end
  end

  // ---- rows that no later output row can reach
  logic signed [YW-1:0] top_next;
  assign top_next = y_q + YW'(int'(StrideH) + MinY);
  always_comb begin
    if (frame_last || top_next >= USED_H) base_next = CountW'(UsedH);
    else if (top_next < 0) base_next = '0;
    else base_next = CountW'(top_next);
  end

  // ---- the last input pixel that this window can read, kept within the map so that every output
  // waits for at least the first pixel of its frame
  logic signed [YW-1:0] y_end;
  logic signed [XW-1:0] x_end;
  logic [CountW-1:0]    need_row, need_col;
  always_comb begin
    y_end = y_q + YW'(MaxY);
    x_end = x_q + XW'(MaxX);
    if (y_end < 0) need_row = '0;
    else if (y_end >= USED_H) need_row = CountW'(UsedH - 1);
    else need_row = CountW'(y_end);
    if (x_end < 0) need_col = '0;
    else if (x_end >= IN_W) need_col = CountW'(InW - 1);
    else need_col = CountW'(x_end);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_o <= 1'b0;
    else valid_o <= 1'b1;
    if (take) begin
      y_o          <= y_q;
      x_o          <= x_q;
      slot_o       <= slot_q;
      need_row_o   <= need_row;
      need_col_o   <= need_col;
      row_last_o   <= row_last;
      frame_last_o <= frame_last;
      release_o    <= base_next - base_q;
    end
  end
endmodule
