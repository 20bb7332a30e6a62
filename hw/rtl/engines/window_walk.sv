// SPDX-License-Identifier: Apache-2.0

/// Walks the beats of one output pixel of `engine_window`: groups of channel beats, in each the
/// kernel's columns, in each the steps of `RowTaps` rows, in each the group's beats. Holds one
/// description of `window_wait` and gives, of the beat that is to be read next, the place of its
/// taps and which of them lie inside the map. All of a beat's outputs follow registers by one adder
/// and small tables.
///
/// With `issue_i` the beat is read, and the walk goes on; a description is taken with the last beat
/// of the one before it, so pixels follow without a pause. `ready_o` depends combinationally on
/// `issue_i`.
module window_walk #(
  parameter int unsigned InH = 8,
  parameter int unsigned InW = 8,
  parameter int unsigned KH = 3,
  parameter int unsigned KW = 3,
  parameter int unsigned DilH = 1,
  parameter int unsigned DilW = 1,
  /// Rows and columns of the map that an input pixel stands for, powers of two.
  parameter int unsigned RepeatH = 1,
  parameter int unsigned RepeatW = 1,
  parameter int unsigned Beats = 1,
  /// Channel beats of a group; a divisor of Beats.
  parameter int unsigned GroupBeats = 1,
  parameter int unsigned RowTaps = 1,
  parameter int unsigned ColTaps = 1,
  /// Row slot n of `Banks * Groups` lies in bank n % Banks, behind n / Banks others.
  parameter int unsigned Banks = 1,
  parameter int unsigned Groups = 4,
  parameter bit          Deform = 1'b0,
  parameter int          DilationLo = 0,
  parameter int          DilationHi = 0,
  parameter int unsigned YW = 8,
  parameter int unsigned XW = 8,
  parameter int unsigned SlotW = 2,
  parameter int unsigned BankW = 1,
  parameter int unsigned GroupW = 5,
  parameter int unsigned ColW = 3,
  parameter int unsigned KindW = 1,
  parameter int unsigned CountW = 4
) (
  input  logic                            clk_i,
  input  logic                            rst_ni,
  // The next pixel.
  input  logic                            valid_i,
  output logic                            ready_o,
  input  logic signed [YW-1:0]            y_i,
  input  logic signed [XW-1:0]            x_i,
  input  logic [SlotW-1:0]                slot_i,
  input  logic [ColW-1:0]                 addr_i,
  input  logic [KindW-1:0]                kind_i,
  input  logic [CountW-1:0]               release_i,
  // The beat.
  output logic                            valid_o,
  input  logic                            issue_i,
  /// Rows that are to be released once the beat has been read.
  output logic [CountW-1:0]               release_o,
  output logic                            beat_last_o,    // a beat of the last channels
  /// Bank of each row tap; the rows of the banks below the first one's lie in the group behind it.
  output logic [RowTaps-1:0][BankW-1:0]   bank_o,
  output logic [GroupW-1:0]               group_o,
  output logic [GroupW-1:0]               group_behind_o,
  output logic [RowTaps-1:0]              row_in_o,
  output logic [ColTaps-1:0][ColW-1:0]    addr_o,
  output logic [ColTaps-1:0]              col_in_o
);
  localparam int unsigned ROW_STEPS = (KH + RowTaps - 1) / RowTaps;
  localparam int unsigned COL_STEPS = KW / ColTaps;
  localparam int unsigned CHANNEL_GROUPS = Beats / GroupBeats;
  localparam int unsigned KINDS = Deform ? unsigned'(DilationHi - DilationLo) + 1 : 1;
  localparam int unsigned SLOTS = Banks * Groups;
  localparam logic signed [YW-1:0] IN_H = YW'(InH * RepeatH);
  localparam logic signed [XW-1:0] IN_W = XW'(InW * RepeatW);

  function automatic logic [SlotW-1:0] slot_of(int row);
    return SlotW'(((row % int'(SLOTS)) + int'(SLOTS)) % int'(SLOTS));
  endfunction

  // ---- position in the pixel
  logic beat_last, row_last, col_last, channel_last, pixel_last;
  logic step_done, column_done, load;

  beat_counter #(.Beats(GroupBeats)) u_beat (.clk_i, .rst_ni, .step_i(issue_i), .last_o(beat_last));
  beat_counter #(.Beats(ROW_STEPS)) u_row (.clk_i, .rst_ni, .step_i(step_done), .last_o(row_last));
  beat_counter #(.Beats(COL_STEPS)) u_col (.clk_i, .rst_ni, .step_i(column_done), .last_o(col_last));
  beat_counter #(.Beats(CHANNEL_GROUPS)) u_channel (
    .clk_i,
    .rst_ni,
    .step_i(column_done && col_last),
    .last_o(channel_last)
  );
  assign step_done   = issue_i && beat_last;
  assign column_done = step_done && row_last;
  assign pixel_last  = beat_last && row_last && col_last && channel_last;
  assign beat_last_o = beat_last && channel_last;
  assign ready_o     = !valid_o || (issue_i && pixel_last);
  assign load        = valid_i && ready_o;

  logic [CountW-1:0] release_q;
  assign release_o = pixel_last ? release_q : '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_o <= 1'b0;
    else if (ready_o) valid_o <= valid_i;
    if (load) release_q <= release_i;
  end

  // ---- offsets by the pixel's dilation: of the taps of a beat, to the next step and column, and back
  // from the last to the first
  logic [KindW-1:0]               kind_q;
  logic signed [YW-1:0]           y_q;   // the first tap of the beat
  logic signed [XW-1:0]           x_q;
  logic signed [YW-1:0]           y_step, y_back;
  logic signed [XW-1:0]           x_step, x_back;
  logic [ColW-1:0]                addr_step, addr_back;
  logic [SlotW-1:0]               slot_step, slot_back;
  logic signed [YW-1:0]           y_tap [RowTaps];
  logic signed [XW-1:0]           x_tap [ColTaps];
  logic [ColTaps-1:0][ColW-1:0]   addr_tap;
  logic [RowTaps-1:0][SlotW-1:0]  slot_tap;

  function automatic int dilation(int kind, int unsigned fixed);
    return Deform ? DilationLo + kind : int'(fixed);
  endfunction

  // From row or column `phase` of an input pixel so many further: input rows, and words of an input row.
  function automatic int rows_to(int phase, int further);
    return (phase + further) >>> $clog2(RepeatH);
  endfunction

  function automatic logic [ColW-1:0] words_to(int phase, int further);
    return ColW'(((phase + further) >>> $clog2(RepeatW)) * int'(Beats));
  endfunction

  always_comb begin
    y_step     = '0;
    y_back     = '0;
    x_step     = '0;
    x_back     = '0;
    addr_step  = '0;
    addr_back  = '0;
    slot_step  = '0;
    slot_back  = '0;
    addr_tap   = '0;
    slot_tap   = '0;
    for (int i = 0; i < int'(RowTaps); i++) y_tap[i] = '0;
    for (int j = 0; j < int'(ColTaps); j++) x_tap[j] = '0;
    for (int v = 0; v < int'(KINDS); v++) begin
      if (kind_q == KindW'(v)) begin
        y_step     = YW'(int'(RowTaps) * dilation(v, DilH));
        y_back     = YW'(-int'((ROW_STEPS - 1) * RowTaps) * dilation(v, DilH));
        x_step     = XW'(dilation(v, DilW));
        x_back     = XW'(-int'(COL_STEPS - 1) * dilation(v, DilW));
        for (int i = 0; i < int'(RowTaps); i++) y_tap[i] = YW'(i * dilation(v, DilH));
        for (int j = 0; j < int'(ColTaps); j++) x_tap[j] = XW'(j * dilation(v, DilW));
        for (int p = 0; p < int'(RepeatH); p++) begin
          if ((y_q & YW'(RepeatH - 1)) == YW'(p)) begin
            slot_step = slot_of(rows_to(p, int'(RowTaps) * dilation(v, DilH)));
            slot_back = slot_of(rows_to(p, -int'((ROW_STEPS - 1) * RowTaps) * dilation(v, DilH)));
            for (int i = 0; i < int'(RowTaps); i++) slot_tap[i] = slot_of(rows_to(p, i * dilation(v, DilH)));
          end
        end
        for (int p = 0; p < int'(RepeatW); p++) begin
          if ((x_q & XW'(RepeatW - 1)) == XW'(p)) begin
            addr_step = words_to(p, dilation(v, DilW)) - ColW'(GroupBeats - 1);
            addr_back = words_to(p, -int'(COL_STEPS - 1) * dilation(v, DilW)) + ColW'(1);
            for (int j = 0; j < int'(ColTaps); j++) addr_tap[j] = words_to(p, j * dilation(v, DilW));
          end
        end
      end
    end
  end

  // ---- the first tap of the beat
  logic [SlotW-1:0] slot_q, slot_next;
  logic [ColW-1:0]  addr_q, addr_move;

  window_ring #(.Rows(SLOTS)) u_next (
    .a_i  (slot_q),
    .b_i  (row_last ? slot_back : slot_step),
    .sum_o(slot_next)
  );

  always_comb begin
    if (!beat_last) addr_move = ColW'(1);
    else if (!row_last) addr_move = -ColW'(GroupBeats - 1);
    else addr_move = col_last ? addr_back : addr_step;
  end

  always_ff @(posedge clk_i) begin
    if (load) begin
      kind_q <= kind_i;
      y_q    <= y_i;
      x_q    <= x_i;
      slot_q <= slot_i;
      addr_q <= addr_i;
    end else begin
      if (issue_i) addr_q <= addr_q + addr_move;
      if (column_done) x_q <= x_q + (col_last ? x_back : x_step);
      if (step_done && ROW_STEPS > 1) begin
        y_q    <= y_q + (row_last ? y_back : y_step);
        slot_q <= slot_next;
      end
    end
  end

  // ---- all taps of the beat
  localparam logic [SLOTS-1:0][BankW-1:0] BANK_OF = banks();
  function automatic logic [SLOTS-1:0][BankW-1:0] banks();
    for (int n = 0; n < int'(SLOTS); n++) banks[n] = BankW'(n % int'(Banks));
  endfunction

  localparam logic [SLOTS-1:0][GroupW-1:0] GROUP_OF = groups(0);
  localparam logic [SLOTS-1:0][GroupW-1:0] GROUP_BEHIND = groups(1);
  function automatic logic [SLOTS-1:0][GroupW-1:0] groups(int behind);
    for (int n = 0; n < int'(SLOTS); n++) begin
      groups[n] = GroupW'((n / int'(Banks) + behind) % int'(Groups) * int'(InW * Beats));
    end
  endfunction

  for (genvar i = 0; i < RowTaps; i++) begin : gen_row
    logic signed [YW-1:0] y;
    logic [SlotW-1:0]     slot;
    assign y = y_q + y_tap[i];
    if (ROW_STEPS * RowTaps > KH && i >= KH - (ROW_STEPS - 1) * RowTaps) begin : gen_ragged
      assign row_in_o[i] = y >= 0 && y < IN_H && !row_last;
    end else begin : gen_whole
      assign row_in_o[i] = y >= 0 && y < IN_H;
    end
    window_ring #(.Rows(SLOTS)) u_tap (.a_i(slot_q), .b_i(slot_tap[i]), .sum_o(slot));
    assign bank_o[i] = BANK_OF[slot];
  end

  for (genvar j = 0; j < ColTaps; j++) begin : gen_col
    logic signed [XW-1:0] x;
    assign x           = x_q + x_tap[j];
    assign col_in_o[j] = x >= 0 && x < IN_W;
    assign addr_o[j]   = addr_q + addr_tap[j];
  end

  assign group_o        = GROUP_OF[slot_q];
  assign group_behind_o = GROUP_BEHIND[slot_q];
endmodule
