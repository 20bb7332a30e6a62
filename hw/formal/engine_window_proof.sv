// SPDX-License-Identifier: Apache-2.0

/// The address arithmetic of `engine_window`, proven for good (by induction) for any stalls and
/// dilations. The r-th kept row of a frame has the place `(first + r) % Rows` in the ring, where `first`
/// is the place of the first one of the reader's frame. Then, for each tap of each beat that is read:
/// - it is treated as inside exactly if its coordinates lie in the map;
/// - inside, its address is that of its row, column and channel beat;
/// - its pixel has come, and nothing has been or is being written over it;
/// and each input beat is written to the address of its row, column and channel beat, if its row is kept.
/// All coordinates come from counters of this module's own. `engine_window_data_proof` follows the data.
module engine_window_proof #(
  parameter int unsigned Lanes = 1,
  parameter int unsigned Channels = 1,
  parameter int unsigned InH = 3,
  parameter int unsigned InW = 3,
  parameter int unsigned KH = 2,
  parameter int unsigned KW = 2,
  parameter int unsigned StrideH = 1,
  parameter int unsigned StrideW = 1,
  parameter int unsigned DilH = 1,
  parameter int unsigned DilW = 1,
  parameter int          PadT = 0,
  parameter int          PadL = 0,
  parameter int unsigned OutH = 2,
  parameter int unsigned OutW = 2,
  parameter int unsigned Taps = 4,
  parameter int unsigned GroupBeats = 1,
  parameter int unsigned Rows = 3,
  parameter bit          Deform = 1'b0,
  parameter int unsigned DilationW = 2,
  parameter bit          DilationSigned = 1'b1,
  parameter int          DilationLo = 0,
  parameter int          DilationHi = 0
) (
  input logic                 clk_i,
  input logic                 rst_ni,
  input logic                 valid_i,
  input logic [Lanes-1:0][0:0] data_i,
  input logic                 dil_valid_i,
  input logic [DilationW-1:0] dil_i,
  input logic                 ready_i
);
  logic                       ready_o, dil_ready_o, valid_o;
  logic [Taps*Lanes-1:0][0:0] data_o;

  engine_window #(
    .LaneW(1), .Lanes(Lanes), .Channels(Channels), .InH(InH), .InW(InW), .KH(KH), .KW(KW),
    .StrideH(StrideH), .StrideW(StrideW), .DilH(DilH), .DilW(DilW), .PadT(PadT), .PadL(PadL),
    .OutH(OutH), .OutW(OutW), .Taps(Taps), .GroupBeats(GroupBeats), .Rows(Rows), .Deform(Deform),
    .DilationW(DilationW), .DilationSigned(DilationSigned), .DilationLo(DilationLo),
    .DilationHi(DilationHi)
  ) dut (
    .clk_i, .rst_ni, .valid_i, .ready_o, .data_i, .dil_valid_i, .dil_ready_o, .dil_i, .valid_o,
    .ready_i, .data_o
  );

  // Coordinates and addresses, all small; `shift` keeps a dividend positive.
  typedef logic signed [9:0] num_t;
  localparam num_t BEATS = num_t'((Channels + Lanes - 1) / Lanes);
  localparam num_t GROUP_BEATS = num_t'(GroupBeats);
  localparam num_t CHANNEL_GROUPS = BEATS / GROUP_BEATS;
  localparam int unsigned ROW_TAPS = Taps < KH ? Taps : KH;
  localparam int unsigned COL_TAPS = Taps > KH ? KW : 1;
  localparam num_t ROW_STEPS = num_t'((KH + ROW_TAPS - 1) / ROW_TAPS);
  localparam num_t COL_STEPS = num_t'(KW / COL_TAPS);
  localparam num_t ROWS = num_t'(Rows);
  localparam num_t ROW_WORDS = num_t'(InW) * BEATS;
  localparam num_t SHIFT = num_t'(8 * Rows);
  // Row slot n lies in bank n % BANKS, behind n / BANKS others.
  localparam bit   FOLDED = ROW_TAPS < KH && DilH == 1 && !Deform && Rows % ROW_TAPS == 0;
  localparam num_t BANKS = ROW_TAPS == 1 ? num_t'(1) : FOLDED ? num_t'(ROW_TAPS) : num_t'(Rows);
  localparam num_t HI_ABS = num_t'(DilationHi < 0 ? -DilationHi : DilationHi);
  localparam num_t LO_ABS = num_t'(DilationLo < 0 ? -DilationLo : DilationLo);
  localparam num_t SKIP = num_t'(Deform || PadT > 0 ? 0 : -PadT);  // rows above the first window
  localparam num_t REACH = Deform ? (HI_ABS > LO_ABS ? HI_ABS : LO_ABS) * num_t'((KH - 1) / 2) : '0;

  function automatic num_t row_of(num_t oy, num_t dilation, num_t i);
    return Deform ? oy + dilation * (i - num_t'((KH - 1) / 2))
                  : oy * num_t'(StrideH) - num_t'(PadT) + i * num_t'(DilH);
  endfunction

  function automatic num_t col_of(num_t ox, num_t dilation, num_t j);
    return Deform ? ox + dilation * (j - num_t'((KW - 1) / 2))
                  : ox * num_t'(StrideW) - num_t'(PadL) + j * num_t'(DilW);
  endfunction

  /// Rows of a frame from the first one below `SKIP` to the lowest one that any window reads.
  function automatic int used_rows();
    int last;
    last = Deform ? int'(OutH) - 1 + int'(REACH)
                  : int'((OutH - 1) * StrideH + (KH - 1) * DilH) - PadT;
    if (last < 0) last = 0;
    used_rows = (last >= int'(InH) ? int'(InH) : last + 1) - int'(SKIP);
  endfunction
  localparam num_t USED = num_t'(used_rows());

  /// Kept rows above the first one that output row `oy` or a later one can read.
  function automatic num_t spent_rows(num_t oy);
    num_t top;
    top = Deform ? oy - REACH : oy * num_t'(StrideH) - num_t'(PadT) - SKIP;
    if (top < 0) top = '0;
    spent_rows = top > USED ? USED : top;
  endfunction

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;
  always_comb if (!started_q) assume (!rst_ni);

  // ---- counters of the input: the beat that comes next
  logic push;
  num_t in_beat_q, in_col_q, in_row_q;
  assign push = valid_i && ready_o;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      in_beat_q <= '0;
      in_col_q  <= '0;
      in_row_q  <= '0;
    end else if (push) begin
      in_beat_q <= in_beat_q == BEATS - 1 ? '0 : in_beat_q + 1'b1;
      if (in_beat_q == BEATS - 1) begin
        in_col_q <= in_col_q == num_t'(InW - 1) ? '0 : in_col_q + 1'b1;
        if (in_col_q == num_t'(InW - 1)) begin
          in_row_q <= in_row_q == num_t'(InH - 1) ? '0 : in_row_q + 1'b1;
        end
      end
    end
  end

  // ---- counters of the reader: the beat that is read next, and its pixel's dilation
  logic issue, last_beat, last_row, last_col, last_group, pixel_end, frame_end;
  num_t group_beat_q, row_step_q, col_step_q, group_q, beat, ox_q, oy_q, dilation_q;
  assign issue      = dut.issue;
  assign last_beat  = group_beat_q == GROUP_BEATS - 1;
  assign last_row   = row_step_q == ROW_STEPS - 1;
  assign last_col   = col_step_q == COL_STEPS - 1;
  assign last_group = group_q == CHANNEL_GROUPS - 1;
  assign beat       = group_q * GROUP_BEATS + group_beat_q;
  assign pixel_end  = issue && last_beat && last_row && last_col && last_group;
  assign frame_end  = pixel_end && ox_q == num_t'(OutW - 1) && oy_q == num_t'(OutH - 1);
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      group_beat_q <= '0;
      row_step_q   <= '0;
      col_step_q   <= '0;
      group_q      <= '0;
      ox_q         <= '0;
      oy_q         <= '0;
    end else if (issue) begin
      group_beat_q <= last_beat ? '0 : group_beat_q + 1'b1;
      if (last_beat) row_step_q <= last_row ? '0 : row_step_q + 1'b1;
      if (last_beat && last_row) col_step_q <= last_col ? '0 : col_step_q + 1'b1;
      if (last_beat && last_row && last_col) group_q <= last_group ? '0 : group_q + 1'b1;
      if (pixel_end) begin
        ox_q <= ox_q == num_t'(OutW - 1) ? '0 : ox_q + 1'b1;
        if (ox_q == num_t'(OutW - 1)) oy_q <= oy_q == num_t'(OutH - 1) ? '0 : oy_q + 1'b1;
      end
    end
  end

  num_t dilation;
  always_comb begin
    dilation = DilationSigned ? num_t'(signed'(dil_i)) : signed'(num_t'(dil_i));
    if (dilation < num_t'(DilationLo)) dilation = num_t'(DilationLo);
    if (dilation > num_t'(DilationHi)) dilation = num_t'(DilationHi);
  end
  always_ff @(posedge clk_i) if (Deform && dil_valid_i && dil_ready_o) dilation_q <= dilation;

  // ---- rows between reader and writer
  num_t first_q;   // place in the ring of the first kept row of the reader's frame
  num_t frames_q;  // frames that the writer has begun and the reader has not ended, less one
  num_t lead;      // kept rows that have come, counted from that one
  logic keeps;
  assign keeps = in_row_q >= SKIP && in_row_q < SKIP + USED;
  assign lead  = frames_q * USED +
      (in_row_q < SKIP ? num_t'(0) : in_row_q >= SKIP + USED ? USED : in_row_q - SKIP);
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      first_q  <= '0;
      frames_q <= '0;
    end else begin
      frames_q <= frames_q - num_t'(frame_end) +
          num_t'(push && in_beat_q == BEATS - 1 && in_col_q == num_t'(InW - 1) &&
                 in_row_q == num_t'(InH - 1));
      if (frame_end) first_q <= (first_q + USED) % ROWS;
    end
  end

  function automatic num_t place(num_t row);
    return (first_q + row + SHIFT) % ROWS;
  endfunction

  function automatic num_t bank_of(num_t slot);
    return slot % BANKS;
  endfunction

  function automatic num_t address_of(num_t slot, num_t col, num_t channel_beat);
    return slot / BANKS * ROW_WORDS + col * BEATS + channel_beat;
  endfunction


  // ---- what is promised
  logic writing;  // the row `lead` is begun, now or earlier
  assign writing = keeps && (in_col_q != '0 || in_beat_q != '0 || push);
  for (genvar t = 0; t < Taps; t++) begin : gen_tap
    localparam int unsigned C = t / ROW_TAPS;
    localparam int unsigned I = t % ROW_TAPS;
    num_t kernel_row, row, kept, col, bank, turned, address;
    logic inside_map;
    assign kernel_row = row_step_q * num_t'(ROW_TAPS) + num_t'(I);
    assign row        = row_of(oy_q, dilation_q, kernel_row);
    assign kept       = row - SKIP;
    assign col        = col_of(ox_q, dilation_q, col_step_q * num_t'(COL_TAPS) + num_t'(C));
    assign inside_map = kernel_row < num_t'(KH) && row >= 0 && row < num_t'(InH) && col >= 0 &&
                        col < num_t'(InW);
    // The bank that the tap comes from: its own choice, or by turning the banks.
    assign bank       = signed'(num_t'(dut.rbank[I]));
    assign turned     = (signed'(num_t'(dut.rbank[0])) + num_t'(I * DilH)) % BANKS;
    assign address    = signed'(num_t'(bank < signed'(num_t'(dut.rbank[0])) ? dut.raddr_below[C]
                                                                            : dut.raddr[C]));

    always_comb begin
      if (started_q && rst_ni && issue) begin
        Inside_A: assert (dut.in_map[t] == inside_map);
        if (inside_map) begin
          Arrived_A: assert (kept < lead || (kept == lead && keeps && col < in_col_q));
          NotOverwritten_A: assert (kept > lead - ROWS || (kept == lead - ROWS && !writing));
          Bank_A: assert (bank == bank_of(place(kept)) && (Deform || turned == bank));
          Address_A: assert (address == address_of(place(kept), col, beat));
        end
      end
    end
  end

  always_comb begin
    if (started_q && rst_ni) begin
      Kept_A: assert (dut.drop == !keeps);
      WrittenTo_A: assert (signed'(num_t'(dut.wbank_q)) == bank_of(place(lead)) &&
          signed'(num_t'(dut.waddr_q)) ==
          address_of(place(lead), keeps ? in_col_q : '0, keeps ? in_beat_q : '0));
    end
  end

  // ---- invariants inside, by which the above is inductive
  num_t next_ox, next_oy, next_first;  // the pixel that the scan describes next
  logic shown;                         // the walk is at the reader's pixel
  assign shown = dut.walk_valid;
  always_comb begin
    next_ox    = ox_q;
    next_oy    = oy_q;
    next_first = first_q;
    if (shown) begin
      next_ox = ox_q == num_t'(OutW - 1) ? '0 : ox_q + 1'b1;
      if (ox_q == num_t'(OutW - 1)) begin
        next_oy = oy_q == num_t'(OutH - 1) ? '0 : oy_q + 1'b1;
        if (oy_q == num_t'(OutH - 1)) next_first = (first_q + USED) % ROWS;
      end
    end
  end

  // First tap of the beat, and what the walk and the scan hold of it.
  num_t y, x, next_y, next_x, next_slot;
  assign y         = row_of(oy_q, dilation_q, row_step_q * num_t'(ROW_TAPS)) - SKIP;
  assign x         = col_of(ox_q, dilation_q, col_step_q * num_t'(COL_TAPS));
  assign next_y    = Deform ? next_oy : next_oy * num_t'(StrideH) - num_t'(PadT) - SKIP;
  assign next_x    = Deform ? next_ox : next_ox * num_t'(StrideW) - num_t'(PadL);
  assign next_slot = (next_first + next_y + SHIFT) % ROWS;

  localparam int unsigned BANK_W = BANKS > 1 ? $clog2(32'(BANKS)) : 1;
  localparam int unsigned BANK_WORDS = Rows / BANKS * ROW_WORDS;
  localparam int unsigned GROUP_W = BANK_WORDS > 1 ? $clog2(BANK_WORDS) : 1;
  localparam int unsigned COL_W = ROW_WORDS > 1 ? $clog2(32'(ROW_WORDS)) : 1;

  function automatic logic [GROUP_W+BANK_W-1:0] place_bits(num_t slot);
    return {GROUP_W'(slot / BANKS * ROW_WORDS), BANK_W'(slot % BANKS)};
  endfunction

  always_comb begin
    if (started_q && rst_ni) begin
      InputRanges_A: assert (in_beat_q >= 0 && in_beat_q < BEATS && in_col_q >= 0 &&
          in_col_q < num_t'(InW) && in_row_q >= 0 && in_row_q < num_t'(InH));
      ReaderRanges_A: assert (group_beat_q >= 0 && group_beat_q < GROUP_BEATS && row_step_q >= 0 &&
          row_step_q < ROW_STEPS && col_step_q >= 0 && col_step_q < COL_STEPS && group_q >= 0 &&
          group_q < CHANNEL_GROUPS && ox_q >= 0 && ox_q < num_t'(OutW) && oy_q >= 0 &&
          oy_q < num_t'(OutH) && first_q >= 0 && first_q < ROWS);
      Dilation_A: assert (!Deform || !shown ||
          (dilation_q >= num_t'(DilationLo) && dilation_q <= num_t'(DilationHi)));
      InputCounters_A: assert (signed'(num_t'(dut.wbeat_q)) == in_beat_q &&
          signed'(num_t'(dut.wcol_q)) == in_col_q);
      RowBegin_A: assert (signed'(num_t'(dut.wbase_q)) == place(lead) / BANKS * ROW_WORDS);
      Lead_A: assert (num_t'(dut.lead_q) == lead && frames_q >= -1 && frames_q <= ROWS + 1);
      Room_A: assert (signed'(num_t'(dut.room_q)) == ROWS - lead + spent_rows(oy_q) &&
                      lead <= ROWS + spent_rows(oy_q));
      // The reader ends a frame ahead of pixels that no window reads, at most.
      Ahead_A: assert (frames_q >= 0 || in_row_q >= SKIP + USED - 1);
      RoomToWrite_A: assert (!keeps || dut.room_q != '0 || (in_col_q == '0 && in_beat_q == '0));

      ScanCounters_A: assert (signed'(num_t'(dut.u_scan.ox_q)) == next_ox &&
                              signed'(num_t'(dut.u_scan.oy_q)) == next_oy);
      ScanOrigin_A: assert (num_t'(dut.u_scan.y_q) == next_y && num_t'(dut.u_scan.x_q) == next_x);
      ScanPlace_A: assert (dut.u_scan.place_q == place_bits(next_slot));
      ScanWord_A: assert (dut.u_scan.addr_q == COL_W'(next_x * BEATS));
      ScanSpent_A: assert (signed'(num_t'(dut.u_scan.base_q)) == spent_rows(next_oy));

      WalkCounters_A: assert (signed'(num_t'(dut.u_walk.beat_q)) == group_beat_q &&
          signed'(num_t'(dut.u_walk.row_step_q)) == row_step_q &&
          signed'(num_t'(dut.u_walk.col_step_q)) == col_step_q &&
          signed'(num_t'(dut.u_walk.channel_q)) == group_q);
      WalkIdle_A: assert (shown || (beat == '0 && row_step_q == '0 && col_step_q == '0));
      if (shown) begin
        WalkOrigin_A: assert (num_t'(dut.u_walk.y_q) == y && num_t'(dut.u_walk.x_q) == x);
        WalkPlace_A: assert (dut.u_walk.place_q == place_bits(place(y)));
        WalkWord_A: assert (dut.u_walk.addr_q == COL_W'(x * BEATS + beat));
        WalkDilation_A: assert (signed'(num_t'(dut.u_walk.kind_q)) ==
                                (Deform ? dilation_q - num_t'(DilationLo) : num_t'(0)));
        Ends_A: assert (dut.row_last_q == (ox_q == num_t'(OutW - 1)) &&
                        dut.frame_last_q == (dut.row_last_q && oy_q == num_t'(OutH - 1)));
        // After the last row everything is spent, and the count starts again in the next frame.
        Release_A: assert (!dut.row_last_q || signed'(num_t'(dut.release_q)) ==
            (dut.frame_last_q ? USED : spent_rows(oy_q + 1'b1)) - spent_rows(oy_q));
        NeedsAPixel_A: assert (signed'(num_t'(dut.need_row_q)) < USED && dut.need_col_q < InW);
        NeedsTheLastRow_A: assert (!dut.frame_last_q ||
                                   signed'(num_t'(dut.need_row_q)) == USED - 1);
      end
    end
  end
  if (USED < num_t'(InH)) begin : gen_drops
    always_comb if (started_q && rst_ni) begin
      RowCounter_A: assert (signed'(num_t'(dut.gen_drop.wrow_q)) == in_row_q);
    end
  end

  // Kernel rows and columns inside the map are those that the pixel waits for.
  for (genvar i = 0; i < KH; i++) begin : gen_row
    num_t row, kept;
    assign row  = row_of(oy_q, dilation_q, num_t'(i));
    assign kept = row - SKIP;
    always_comb if (started_q && rst_ni && shown && row >= 0 && row < num_t'(InH)) begin
      RowAwaited_A: assert (kept < USED && kept >= spent_rows(oy_q) &&
                            kept <= signed'(num_t'(dut.need_row_q)));
    end
  end
  for (genvar j = 0; j < KW; j++) begin : gen_col
    num_t col;
    assign col = col_of(ox_q, dilation_q, num_t'(j));
    always_comb if (started_q && rst_ni && shown && col >= 0 && col < num_t'(InW)) begin
      ColAwaited_A: assert (col <= signed'(num_t'(dut.need_col_q)));
    end
  end

  logic again_q;  // a frame has ended
  always_ff @(posedge clk_i) again_q <= rst_ni && (again_q || frame_end);
  always_comb SecondFrameEnds_C: cover (started_q && rst_ni && frame_end && again_q);
endmodule
