// SPDX-License-Identifier: Apache-2.0

/// Walks the output pixels of `engine_window` in raster order and describes each one: where its
/// kernel rows and columns lie in the line buffer, which of them fall outside the map, which input
/// pixel must have arrived first, and how many rows may be released after it.
///
/// One description per cycle, one cycle of latency. With `Deform` each description takes one beat
/// of the dilation stream, and `dil_ready_o` depends combinationally on `ready_i`; without it, the
/// descriptions never end.
module window_scan #(
  parameter int unsigned InH = 8,
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
  /// Input rows that are kept: the rows below them reach no output.
  parameter int unsigned UsedH = 8,
  /// Beats of one input pixel.
  parameter int unsigned Beats = 1,
  parameter int unsigned Rows = 4,
  /// What one row slot counts in `row_sel_o`: 1 for a slot number, its words for an address.
  parameter int unsigned RowUnit = 1,
  parameter bit          Deform = 1'b0,
  parameter int unsigned DilationW = 4,
  parameter bit          DilationSigned = 1'b0,
  parameter int          DilationLo = 0,
  parameter int          DilationHi = 0,
  /// Widths of the results, chosen by the engine.
  parameter int unsigned SelW = 2,
  parameter int unsigned ColW = 3,
  parameter int unsigned CountW = 4
) (
  input  logic                    clk_i,
  input  logic                    rst_ni,
  input  logic                    dil_valid_i,
  output logic                    dil_ready_o,
  input  logic [DilationW-1:0]    dil_i,
  output logic                    valid_o,
  input  logic                    ready_i,
  /// Place of each kernel row in the buffer, and whether it lies inside the map.
  output logic [KH-1:0][SelW-1:0] row_sel_o,
  output logic [KH-1:0]           row_in_o,
  /// Word of each kernel column within a row, and whether it lies inside the map.
  output logic [KW-1:0][ColW-1:0] col_addr_o,
  output logic [KW-1:0]           col_in_o,
  /// The last input pixel that this window may read.
  output logic [CountW-1:0]       need_row_o,
  output logic [CountW-1:0]       need_col_o,
  /// This pixel ends an output row: `release_o` input rows are needed no more.
  output logic                    row_last_o,
  output logic [CountW-1:0]       release_o,
  output logic                    frame_last_o
);
  // Reach of a window around its centre; only a deformable window has one that varies.
  localparam int HI_ABS = DilationHi < 0 ? -DilationHi : DilationHi;
  localparam int LO_ABS = DilationLo < 0 ? -DilationLo : DilationLo;
  localparam int REACH = Deform ? (HI_ABS > LO_ABS ? HI_ABS : LO_ABS) : 0;
  localparam int MID_H = (int'(KH) - 1) / 2;
  localparam int MID_W = (int'(KW) - 1) / 2;
  localparam int PAD_T = Deform ? 0 : PadT;
  localparam int PAD_L = Deform ? 0 : PadL;

  // Dilations a window can have: those of the range, or the one that is fixed.
  localparam int unsigned KINDS = Deform ? unsigned'(DilationHi - DilationLo) + 1 : 1;
  localparam int unsigned KindW = KINDS > 1 ? $clog2(KINDS) : 1;

  function automatic int row_offset(int unsigned kind, int unsigned i);
    return Deform ? (DilationLo + int'(kind)) * (int'(i) - MID_H) : int'(i * DilH);
  endfunction

  function automatic int col_offset(int unsigned kind, int unsigned j);
    return Deform ? (DilationLo + int'(kind)) * (int'(j) - MID_W) : int'(j * DilW);
  endfunction

  function automatic int modulo(int a, int m);
    return ((a % m) + m) % m;
  endfunction

  // Signed coordinates, wide enough for every tap in the padding.
  localparam int SPAN_H = REACH * MID_H + (Deform ? 0 : int'((KH - 1) * DilH));
  localparam int SPAN_W = REACH * MID_W + (Deform ? 0 : int'((KW - 1) * DilW));
  localparam int unsigned YW = 2 + $clog2(int'(OutH * StrideH + InH + 1) + SPAN_H + PAD_T);
  localparam int unsigned XW = 2 + $clog2(int'(OutW * StrideW + InW + 1) + SPAN_W +
                                          (PAD_L < 0 ? -PAD_L : PAD_L));
  localparam logic signed [YW-1:0] IN_H = YW'(InH);
  localparam logic signed [YW-1:0] USED_H = YW'(UsedH);
  localparam logic signed [XW-1:0] IN_W = XW'(InW);
  localparam int unsigned OyW = OutH > 1 ? $clog2(OutH) : 1;
  localparam int unsigned OxW = OutW > 1 ? $clog2(OutW) : 1;

  // Row slots are used in turn, so a row's place is its number modulo the ring.
  localparam int RING = int'(Rows * RowUnit);
  localparam int FIRST_SEL = modulo(-PAD_T, int'(Rows)) * int'(RowUnit);
  localparam int ROW_STEP = modulo(int'(StrideH), int'(Rows)) * int'(RowUnit);
  localparam int FRAME_STEP =
      modulo(int'(UsedH) - int'((OutH - 1) * StrideH), int'(Rows)) * int'(RowUnit);

  function automatic logic [SelW-1:0] ring_add(logic [SelW-1:0] a, logic [SelW-1:0] b);
    logic [SelW:0] sum;
    sum = {1'b0, a} + {1'b0, b};
    if (sum >= (SelW + 1)'(RING)) sum = sum - (SelW + 1)'(RING);
    return sum[SelW-1:0];
  endfunction

  // The walk. `y_q`, `x_q` are the input coordinates of tap (0, 0), or of the centre with `Deform`.
  logic [OyW-1:0]       oy_q;
  logic [OxW-1:0]       ox_q;
  logic signed [YW-1:0] y_q;
  logic signed [XW-1:0] x_q;
  logic [SelW-1:0]      sel_q;
  logic [ColW-1:0]      addr_q;
  logic [CountW-1:0]    base_q;

  logic              take;
  logic [KindW-1:0]  kind;
  logic              row_last, frame_last;
  logic [CountW-1:0] base_next;

  assign row_last   = ox_q == OxW'(OutW - 1);
  assign frame_last = row_last && oy_q == OyW'(OutH - 1);

  // ---- the dilation of this pixel, counted from the bottom of its range
  if (Deform) begin : gen_dilation
    localparam int unsigned DW = DilationW + 1;
    logic signed [DW-1:0] dilation;
    assign dilation = DilationSigned ? DW'(signed'(dil_i)) : signed'(DW'(dil_i));

    always_comb begin
      if (32'(dilation) <= DilationLo) kind = '0;
      else if (32'(dilation) >= DilationHi) kind = KindW'(KINDS - 1);
      else kind = KindW'(32'(dilation) - DilationLo);
    end
    assign dil_ready_o = !valid_o || ready_i;
    assign take        = dil_valid_i && dil_ready_o;
  end else begin : gen_fixed
    logic unused_dilation;
    assign unused_dilation = &{1'b0, dil_valid_i, dil_i, DilationSigned};
    assign kind        = '0;
    assign dil_ready_o = 1'b0;
    assign take        = !valid_o || ready_i;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      oy_q   <= '0;
      ox_q   <= '0;
      y_q    <= YW'(-PAD_T);
      x_q    <= XW'(-PAD_L);
      sel_q  <= SelW'(FIRST_SEL);
      addr_q <= ColW'(-PAD_L * int'(Beats));
      base_q <= '0;
    end else if (take) begin
      if (!row_last) begin
        ox_q   <= ox_q + 1'b1;
        x_q    <= x_q + XW'(StrideW);
        addr_q <= addr_q + ColW'(StrideW * Beats);
      end else begin
        ox_q   <= '0;
        x_q    <= XW'(-PAD_L);
        addr_q <= ColW'(-PAD_L * int'(Beats));
        oy_q   <= frame_last ? '0 : oy_q + 1'b1;
        y_q    <= frame_last ? YW'(-PAD_T) : y_q + YW'(StrideH);
        sel_q  <= ring_add(sel_q, frame_last ? SelW'(FRAME_STEP) : SelW'(ROW_STEP));
        base_q <= frame_last ? '0 : base_next;
      end
    end
  end

  // ---- rows that no later output row can reach
  logic signed [YW-1:0] top_next;
  assign top_next = y_q + YW'(int'(StrideH) - REACH * MID_H);
  always_comb begin
    if (frame_last || top_next >= USED_H) base_next = CountW'(UsedH);
    else if (top_next < 0) base_next = '0;
    else base_next = CountW'(top_next);
  end

  // ---- the last input pixel that a window here can read at any dilation of the range, so that timing
  // (and the depth of every FIFO around) does not depend on data; kept within the map so that every
  // output waits for at least the first pixel of its frame
  logic signed [YW-1:0] y_end;
  logic signed [XW-1:0] x_end;
  logic [CountW-1:0]    need_row, need_col;
  always_comb begin
    y_end = y_q + YW'(SPAN_H);
    x_end = x_q + XW'(SPAN_W);
    if (y_end < 0) need_row = '0;
    else if (y_end >= USED_H) need_row = CountW'(UsedH - 1);
    else need_row = CountW'(y_end);
    if (x_end < 0) need_col = '0;
    else if (x_end >= IN_W) need_col = CountW'(InW - 1);
    else need_col = CountW'(x_end);
  end

  // ---- kernel rows and columns; places outside the map are meaningless and never used
  logic [KH-1:0]           row_in;
  logic [KH-1:0][SelW-1:0] row_sel;
  logic [KW-1:0]           col_in;
  logic [KW-1:0][ColW-1:0] col_addr;

  for (genvar i = 0; i < KH; i++) begin : gen_row
    logic signed [YW-1:0] offset, y;
    logic [SelW-1:0]      sel_offset;
    always_comb begin
      offset     = '0;
      sel_offset = '0;
      for (int unsigned v = 0; v < KINDS; v++) begin
        if (kind == KindW'(v)) begin
          offset     = YW'(row_offset(v, i));
          sel_offset = SelW'(modulo(row_offset(v, i), int'(Rows)) * int'(RowUnit));
        end
      end
    end
    assign y          = y_q + offset;
    assign row_in[i]  = y >= 0 && y < IN_H;
    assign row_sel[i] = ring_add(sel_q, sel_offset);
  end

  for (genvar j = 0; j < KW; j++) begin : gen_col
    logic signed [XW-1:0] offset, x;
    logic [ColW-1:0]      addr_offset;
    always_comb begin
      offset      = '0;
      addr_offset = '0;
      for (int unsigned v = 0; v < KINDS; v++) begin
        if (kind == KindW'(v)) begin
          offset      = XW'(col_offset(v, j));
          addr_offset = ColW'(col_offset(v, j) * int'(Beats));
        end
      end
    end
    assign x           = x_q + offset;
    assign col_in[j]   = x >= 0 && x < IN_W;
    assign col_addr[j] = addr_q + addr_offset;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_o <= 1'b0;
    else if (!valid_o || ready_i) valid_o <= take;
    if (take) begin
      row_sel_o    <= row_sel;
      row_in_o     <= row_in;
      col_addr_o   <= col_addr;
      col_in_o     <= col_in;
      need_row_o   <= need_row;
      need_col_o   <= need_col;
      row_last_o   <= row_last;
      frame_last_o <= frame_last;
      release_o    <= base_next - base_q;
    end
  end
endmodule
