// SPDX-License-Identifier: Apache-2.0

/// Walks the output pixels of `engine_window` in raster order and describes each one: where its
/// first tap lies in the map and in the line buffer, which input pixel must have arrived first, and
/// how many rows may be released after it.
///
/// A description goes with each cycle in which `ready_i` is high; it stands beside its registers by
/// two adders. With `Deform` each takes one beat of the dilation stream, and `dil_ready_o` is
/// `ready_i`; without it, the descriptions never end.
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
  /// Input rows that are kept: the rows below them reach no output.
  parameter int unsigned UsedH = 8,
  /// Beats of one input pixel.
  parameter int unsigned Beats = 1,
  /// The ring of row slots, see `window_ring`; a row slot has `InW * Beats` words.
  parameter int unsigned Banks = 1,
  parameter int unsigned Groups = 4,
  parameter bit          Deform = 1'b0,
  parameter int unsigned DilationW = 4,
  parameter bit          DilationSigned = 1'b0,
  parameter int          DilationLo = 0,
  parameter int          DilationHi = 0,
  /// Widths of the results, chosen by the engine: wide enough for every tap in the padding.
  parameter int unsigned YW = 8,
  parameter int unsigned XW = 8,
  parameter int unsigned BankW = 1,
  parameter int unsigned GroupW = 5,
  parameter int unsigned ColW = 3,
  parameter int unsigned KindW = 1,
  parameter int unsigned CountW = 4
) (
  input  logic                    clk_i,
  input  logic                    rst_ni,
  input  logic                    dil_valid_i,
  output logic                    dil_ready_o,
  input  logic [DilationW-1:0]    dil_i,
  output logic                    valid_o,
  input  logic                    ready_i,
  /// Coordinates of tap (0, 0), and its place: row slot, and word within the row. Meaningless
  /// outside the map.
  output logic signed [YW-1:0]    y_o,
  output logic signed [XW-1:0]    x_o,
  output logic [GroupW+BankW-1:0] place_o,
  output logic [ColW-1:0]         addr_o,
  /// The dilation, counted from the bottom of its range.
  output logic [KindW-1:0]        kind_o,
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
  localparam int unsigned KINDS = Deform ? unsigned'(DilationHi - DilationLo) + 1 : 1;
  localparam int unsigned PlaceW = GroupW + BankW;

  // What a window reaches below and to the right of (y_q, x_q).
  localparam int SPAN_H = REACH * MID_H + (Deform ? 0 : int'((KH - 1) * DilH));
  localparam int SPAN_W = REACH * MID_W + (Deform ? 0 : int'((KW - 1) * DilW));
  localparam logic signed [YW-1:0] USED_H = YW'(UsedH);
  localparam logic signed [XW-1:0] IN_W = XW'(InW);
  localparam int unsigned OyW = OutH > 1 ? $clog2(OutH) : 1;
  localparam int unsigned OxW = OutW > 1 ? $clog2(OutW) : 1;

  // Row slots are used in turn, so a row's place is its number modulo the ring.
  function automatic logic [PlaceW-1:0] place_of(int row);
    int slot;
    slot = ((row % int'(Banks * Groups)) + int'(Banks * Groups)) % int'(Banks * Groups);
    return {GroupW'(slot / int'(Banks) * int'(InW * Beats)), BankW'(slot % int'(Banks))};
  endfunction

  localparam logic [PlaceW-1:0] FIRST = place_of(-PAD_T);
  localparam logic [PlaceW-1:0] ROW_STEP = place_of(int'(StrideH));
  localparam logic [PlaceW-1:0] FRAME_STEP = place_of(int'(UsedH) - int'((OutH - 1) * StrideH));

  // The walk. `y_q`, `x_q` are the input coordinates of tap (0, 0), or of the centre with `Deform`.
  logic [OyW-1:0]       oy_q;
  logic [OxW-1:0]       ox_q;
  logic signed [YW-1:0] y_q;
  logic signed [XW-1:0] x_q;
  logic [PlaceW-1:0]    place_q, place_next;
  logic [ColW-1:0]      addr_q;
  logic [CountW-1:0]    base_q;

  logic              take;
  logic              row_last, frame_last;
  logic [CountW-1:0] base_next;

  assign row_last   = ox_q == OxW'(OutW - 1);
  assign frame_last = row_last && oy_q == OyW'(OutH - 1);

  window_ring #(
    .Banks(Banks), .Groups(Groups), .Unit(InW * Beats), .BankW(BankW), .GroupW(GroupW)
  ) u_next (
    .a_i  (place_q),
    .b_i  (frame_last ? FRAME_STEP : ROW_STEP),
    .sum_o(place_next)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      oy_q    <= '0;
      ox_q    <= '0;
      y_q     <= YW'(-PAD_T);
      x_q     <= XW'(-PAD_L);
      place_q <= FIRST;
      addr_q  <= ColW'(-PAD_L * int'(Beats));
      base_q  <= '0;
    end else if (take) begin
      if (!row_last) begin
        ox_q   <= ox_q + 1'b1;
        x_q    <= x_q + XW'(StrideW);
        addr_q <= addr_q + ColW'(StrideW * Beats);
      end else begin
        ox_q    <= '0;
        x_q     <= XW'(-PAD_L);
        addr_q  <= ColW'(-PAD_L * int'(Beats));
        oy_q    <= frame_last ? '0 : oy_q + 1'b1;
        y_q     <= frame_last ? YW'(-PAD_T) : y_q + YW'(StrideH);
        place_q <= place_next;
        base_q  <= frame_last ? '0 : base_next;
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
  always_comb begin
    y_end = y_q + YW'(SPAN_H);
    x_end = x_q + XW'(SPAN_W);
    if (y_end < 0) need_row_o = '0;
    else if (y_end >= USED_H) need_row_o = CountW'(UsedH - 1);
    else need_row_o = CountW'(y_end);
    if (x_end < 0) need_col_o = '0;
    else if (x_end >= IN_W) need_col_o = CountW'(InW - 1);
    else need_col_o = CountW'(x_end);
  end

  assign row_last_o   = row_last;
  assign frame_last_o = frame_last;
  assign release_o    = base_next - base_q;
  assign take         = valid_o && ready_i;

  // ---- tap (0, 0)
  if (Deform) begin : gen_deform
    localparam int unsigned DW = DilationW + 1;
    logic signed [DW-1:0] dilation;
    logic signed [YW-1:0] y_offset;
    logic signed [XW-1:0] x_offset;
    logic [ColW-1:0]      addr_offset;
    logic [PlaceW-1:0]    place_offset;

    assign dilation    = DilationSigned ? DW'(signed'(dil_i)) : signed'(DW'(dil_i));
    assign valid_o     = dil_valid_i;
    assign dil_ready_o = ready_i;

    always_comb begin
      if (32'(dilation) <= DilationLo) kind_o = '0;
      else if (32'(dilation) >= DilationHi) kind_o = KindW'(KINDS - 1);
      else kind_o = KindW'(32'(dilation) - DilationLo);
      y_offset     = '0;
      x_offset     = '0;
      addr_offset  = '0;
      place_offset = '0;
      for (int v = 0; v < int'(KINDS); v++) begin
        if (kind_o == KindW'(v)) begin
          y_offset     = YW'(-(DilationLo + v) * MID_H);
          x_offset     = XW'(-(DilationLo + v) * MID_W);
          addr_offset  = ColW'(-(DilationLo + v) * MID_W * int'(Beats));
          place_offset = place_of(-(DilationLo + v) * MID_H);
        end
      end
    end

    window_ring #(
      .Banks(Banks), .Groups(Groups), .Unit(InW * Beats), .BankW(BankW), .GroupW(GroupW)
    ) u_first (
      .a_i  (place_q),
      .b_i  (place_offset),
      .sum_o(place_o)
    );
    assign y_o    = y_q + y_offset;
    assign x_o    = x_q + x_offset;
    assign addr_o = addr_q + addr_offset;
  end else begin : gen_static
    logic unused_dilation;
    assign unused_dilation = &{1'b0, dil_valid_i, dil_i, DilationSigned};
    assign valid_o         = 1'b1;
    assign dil_ready_o     = 1'b0;
    assign kind_o          = '0;
    assign y_o             = y_q;
    assign x_o             = x_q;
    assign place_o         = place_q;
    assign addr_o          = addr_q;
  end
endmodule
