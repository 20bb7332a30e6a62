// SPDX-License-Identifier: Apache-2.0

/// Walks the output pixels of `engine_window` in raster order and describes each one: where its
/// first tap lies in the map and in the line buffer, which input pixel must have arrived first, and
/// how many rows may be released after it.
///
/// A description is taken with each cycle in which `ready_i` is high; its outputs follow registers by
/// an adder and a choice. With `Deform` each takes one beat of the dilation stream, and `dil_ready_o`
/// is `ready_i`; without it, the descriptions never end.
module window_scan #(
  parameter int unsigned InW = 8,
  parameter int unsigned OutH = 8,
  parameter int unsigned OutW = 8,
  parameter int unsigned KH = 3,
  parameter int unsigned KW = 3,
  parameter int unsigned StrideH = 1,
  parameter int unsigned StrideW = 1,
  parameter int unsigned DilH = 1,
  parameter int unsigned DilW = 1,
  parameter int          PadT = 0,   // not negative
  /// Negative where the map's first columns reach no output.
  parameter int          PadL = 0,
  /// Rows and columns of the map that an input pixel stands for, powers of two.
  parameter int unsigned RepeatH = 1,
  parameter int unsigned RepeatW = 1,
  /// Input rows that are kept: the rows below them reach no output.
  parameter int unsigned UsedH = 8,
  /// Beats of one input pixel.
  parameter int unsigned Beats = 1,
  /// Row slots of the ring.
  parameter int unsigned Rows = 4,
  parameter bit          Deform = 1'b0,
  parameter int unsigned DilationW = 4,
  parameter bit          DilationSigned = 1'b0,
  parameter int          DilationLo = 0,
  parameter int          DilationHi = 0,
  /// Widths of the results, chosen by the engine: wide enough for every tap in the padding.
  parameter int unsigned YW = 8,
  parameter int unsigned XW = 8,
  parameter int unsigned SlotW = 2,
  parameter int unsigned ColW = 3,
  parameter int unsigned KindW = 1,
  parameter int unsigned CountW = 4,
  parameter int unsigned RowW = 5,
  parameter int unsigned PixelW = 3
) (
  input  logic                    clk_i,
  input  logic                    rst_ni,
  input  logic                    dil_valid_i,
  output logic                    dil_ready_o,
  input  logic [DilationW-1:0]    dil_i,
  output logic                    valid_o,
  input  logic                    ready_i,
  /// Coordinates of tap (0, 0), and its place: row slot, and word within the row. With `Deform` those
  /// of the centre. Meaningless outside the map.
  output logic signed [YW-1:0]    y_o,
  output logic signed [XW-1:0]    x_o,
  output logic [SlotW-1:0]        slot_o,
  output logic [ColW-1:0]         addr_o,
  /// The dilation, counted from the bottom of its range.
  output logic [KindW-1:0]        kind_o,
  /// The last input pixel that this window may read: its row among all kept rows since the reset,
  /// modulo a power of two, and its column.
  output logic [RowW-1:0]         need_row_o,
  output logic [PixelW-1:0]       need_col_o,
  /// Rows of this frame that no pixel of this row or a later one reads, and none behind this pixel.
  output logic [CountW-1:0]       spent_o,
  output logic [CountW-1:0]       spent_next_o
);
  // Reach of a window around its centre; only a deformable window has one that varies.
  localparam int HI_ABS = DilationHi < 0 ? -DilationHi : DilationHi;
  localparam int LO_ABS = DilationLo < 0 ? -DilationLo : DilationLo;
  localparam int REACH = Deform ? (HI_ABS > LO_ABS ? HI_ABS : LO_ABS) : 0;
  localparam int MID_H = (int'(KH) - 1) / 2;
  localparam int MID_W = (int'(KW) - 1) / 2;
  localparam int PAD_T = Deform ? 0 : PadT;
  localparam int PAD_L = Deform ? 0 : PadL;

  // What a window reaches below and to the right of (y_q, x_q).
  localparam int SPAN_H = REACH * MID_H + (Deform ? 0 : int'((KH - 1) * DilH));
  localparam int SPAN_W = REACH * MID_W + (Deform ? 0 : int'((KW - 1) * DilW));
  localparam logic signed [YW-1:0] USED_H = YW'(UsedH * RepeatH);
  localparam logic signed [XW-1:0] IN_W = XW'(InW * RepeatW);
  localparam int unsigned ROW_SHIFT = $clog2(RepeatH);
  localparam int unsigned COL_SHIFT = $clog2(RepeatW);

  // Row slots are used in turn, so a row's slot is its number modulo the ring.
  function automatic logic [SlotW-1:0] slot_of(int row);
    return SlotW'(((row % int'(Rows)) + int'(Rows)) % int'(Rows));
  endfunction

  localparam int FIRST_ROW = -PAD_T >>> ROW_SHIFT;
  localparam int LAST_ROW = (int'((OutH - 1) * StrideH) - PAD_T) >>> ROW_SHIFT;
  localparam logic [SlotW-1:0] FIRST = slot_of(FIRST_ROW);
  localparam logic [SlotW-1:0] FRAME_STEP = slot_of(int'(UsedH) + FIRST_ROW - LAST_ROW);
  localparam logic [ColW-1:0] FIRST_ADDR = ColW'((-PAD_L >>> COL_SHIFT) * int'(Beats));

  // The walk. `y_q`, `x_q` are the input coordinates of tap (0, 0), or of the centre with `Deform`.
  logic signed [YW-1:0] y_q;
  logic signed [XW-1:0] x_q;
  logic [SlotW-1:0]     slot_q, slot_next;
  logic [ColW-1:0]      addr_q;
  logic [CountW-1:0]    spent_q;
  logic [RowW-1:0]      before_q;   // kept rows of earlier frames, modulo

  logic take, row_last, oy_last;

  // Input rows and words to the next window, by where in its input pixel this one begins.
  logic [SlotW-1:0] row_step;
  logic [ColW-1:0]  addr_step;
  always_comb begin
    row_step  = '0;
    addr_step = '0;
    for (int p = 0; p < int'(RepeatH); p++) begin
      if ((y_q & YW'(RepeatH - 1)) == YW'(p)) row_step = slot_of((p + int'(StrideH)) >>> ROW_SHIFT);
    end
    for (int p = 0; p < int'(RepeatW); p++) begin
      if ((x_q & XW'(RepeatW - 1)) == XW'(p)) begin
        addr_step = ColW'(((p + int'(StrideW)) >>> COL_SHIFT) * int'(Beats));
      end
    end
  end

  beat_counter #(.Beats(OutW)) u_ox (.clk_i, .rst_ni, .step_i(take), .last_o(row_last));
  beat_counter #(.Beats(OutH)) u_oy (.clk_i, .rst_ni, .step_i(take && row_last), .last_o(oy_last));

  window_ring #(.Rows(Rows)) u_next (
    .a_i  (slot_q),
    .b_i  (oy_last ? FRAME_STEP : row_step),
    .sum_o(slot_next)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      y_q      <= YW'(-PAD_T);
      x_q      <= XW'(-PAD_L);
      slot_q   <= FIRST;
      addr_q   <= FIRST_ADDR;
      spent_q  <= '0;
      before_q <= '0;
    end else if (take) begin
      if (!row_last) begin
        x_q    <= x_q + XW'(StrideW);
        addr_q <= addr_q + addr_step;
      end else begin
        x_q     <= XW'(-PAD_L);
        addr_q  <= FIRST_ADDR;
        y_q     <= oy_last ? YW'(-PAD_T) : y_q + YW'(StrideH);
        slot_q  <= slot_next;
        spent_q <= oy_last ? '0 : spent_next_o;
        if (oy_last) before_q <= before_q + RowW'(UsedH);
      end
    end
  end

  // ---- rows that no later output row can reach
  logic signed [YW-1:0] top_next;
  assign top_next = y_q + YW'(int'(StrideH) - REACH * MID_H);
  always_comb begin
    if (!row_last) spent_next_o = spent_q;
    else if (oy_last || top_next >= USED_H) spent_next_o = CountW'(UsedH);
    else if (top_next < 0) spent_next_o = '0;
    else spent_next_o = CountW'(top_next >>> ROW_SHIFT);
  end

  // ---- the last input pixel that a window here can read at any dilation of the range, so that timing
  // (and the depth of every FIFO around) does not depend on data; kept within the map so that every
  // output waits for at least the first pixel of its frame
  logic signed [YW-1:0] y_end;
  logic signed [XW-1:0] x_end;
  logic [RowW-1:0]      need_row;
  always_comb begin
    y_end = y_q + YW'(SPAN_H);
    x_end = x_q + XW'(SPAN_W);
    if (y_end < 0) need_row = '0;
    else if (y_end >= USED_H) need_row = RowW'(UsedH - 1);
    else need_row = RowW'(y_end >>> ROW_SHIFT);
    if (x_end < 0) need_col_o = '0;
    else if (x_end >= IN_W) need_col_o = PixelW'(InW - 1);
    else need_col_o = PixelW'(x_end >>> COL_SHIFT);
  end

  assign need_row_o = before_q + need_row;
  assign spent_o    = spent_q;
  assign take       = valid_o && ready_i;
  assign y_o        = y_q;
  assign x_o        = x_q;
  assign slot_o     = slot_q;
  assign addr_o     = addr_q;

  if (Deform) begin : gen_deform
    localparam int unsigned DW = DilationW + 1;
    logic signed [DW-1:0] dilation;

    assign dilation    = DilationSigned ? DW'(signed'(dil_i)) : signed'(DW'(dil_i));
    assign valid_o     = dil_valid_i;
    assign dil_ready_o = ready_i;
    always_comb begin
      if (32'(dilation) <= DilationLo) kind_o = '0;
      else if (32'(dilation) >= DilationHi) kind_o = KindW'(DilationHi - DilationLo);
      else kind_o = KindW'(32'(dilation) - DilationLo);
    end
  end else begin : gen_static
    logic unused_dilation;
    assign unused_dilation = &{1'b0, dil_valid_i, dil_i, DilationSigned};
    assign valid_o         = 1'b1;
    assign dil_ready_o     = 1'b0;
    assign kind_o          = '0;
  end
endmodule
