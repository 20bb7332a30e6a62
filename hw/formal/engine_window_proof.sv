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

  // ---- counters of the reader: the beat that is issued next
  logic issue, last_beat, last_row, last_col, last_group, pixel_end, frame_end;
  num_t group_beat_q, row_step_q, col_step_q, group_q, beat, ox_q, oy_q;
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

  // ---- dilations of the pixels that the scan has left and the reader has not ended, oldest first
  num_t dilation, dilations_q [4];
  logic [2:0] held;   // how many
  always_comb begin
    dilation = DilationSigned ? num_t'(signed'(dil_i)) : signed'(num_t'(dil_i));
    if (dilation < num_t'(DilationLo)) dilation = num_t'(DilationLo);
    if (dilation > num_t'(DilationHi)) dilation = num_t'(DilationHi);
  end
  assign held = 3'(dut.walk_valid) + 3'(dut.u_wait.waits_q) + 3'(dut.u_wait.u_next.level_q);
  always_ff @(posedge clk_i) begin
    for (int k = 0; k < 4; k++) begin
      if (pixel_end && k < 3) dilations_q[k] <= dilations_q[k+1];
      if (Deform && dil_valid_i && dil_ready_o && 3'(k) == held - 3'(pixel_end)) dilations_q[k] <= dilation;
    end
  end

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


  // ---- what is promised of the beat that is being read: what is due was written down when it was issued
  logic writing;  // the row `lead` is begun, now or earlier
  assign writing = keeps && (in_col_q != '0 || in_beat_q != '0 || push);
  for (genvar t = 0; t < Taps; t++) begin : gen_tap
    localparam int unsigned C = t / ROW_TAPS;
    localparam int unsigned I = t % ROW_TAPS;
    num_t kernel_row, row, kept, col, bank, turned, address;
    num_t kept_q, slot_q, col_q, beat_q;   // `kept_q` is counted from the reader's frame
    logic inside_map, inside_q;
    assign kernel_row = row_step_q * num_t'(ROW_TAPS) + num_t'(I);
    assign row        = row_of(oy_q, dilations_q[0], kernel_row);
    assign kept       = row - SKIP;
    assign col        = col_of(ox_q, dilations_q[0], col_step_q * num_t'(COL_TAPS) + num_t'(C));
    assign inside_map = kernel_row < num_t'(KH) && row >= 0 && row < num_t'(InH) && col >= 0 &&
                        col < num_t'(InW);
    always_ff @(posedge clk_i) begin
      if (issue) begin
        inside_q <= inside_map;
        kept_q   <= kept - (frame_end ? USED : num_t'(0));
        slot_q   <= place(kept);
        col_q    <= col;
        beat_q   <= beat;
      end
    end
    // The bank that the tap comes from: its own choice, or by turning the banks.
    assign bank       = signed'(num_t'(dut.read_q.bank[I]));
    assign turned     = (signed'(num_t'(dut.read_q.bank[0])) + num_t'(I * DilH)) % BANKS;
    assign address    = signed'(num_t'(bank < signed'(num_t'(dut.read_q.bank[0])) ? dut.raddr_below[C]
                                                                                  : dut.raddr[C]));

    always_comb begin
      if (started_q && rst_ni && issue && inside_map) begin
        Arrived_A: assert (kept < lead || (kept == lead && keeps && col < in_col_q));
      end
      if (started_q && rst_ni && dut.read_valid_q) begin
        Inside_A: assert (dut.in_map[t] == inside_q);
        if (inside_q) begin
          Unreleased_A: assert (kept_q >= spent_rows(oy_q) - signed'(num_t'(dut.read_release_q)));
          NotOverwritten_A: assert (kept_q > lead - ROWS || (kept_q == lead - ROWS && !writing));
          Bank_A: assert (bank == bank_of(slot_q) && (Deform || turned == bank));
          Address_A: assert (address == address_of(slot_q, col_q, beat_q));
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
  localparam int unsigned COL_W = ROW_WORDS > 1 ? $clog2(32'(ROW_WORDS)) : 1;
  localparam int unsigned ROW_W = $clog2(2 * 32'(USED) + Rows + 2) + 1;
  localparam int unsigned PIXEL_W = InW > 1 ? $clog2(InW) : 1;

  logic [ROW_W-1:0] base_q;   // kept rows of the frames before the reader's, modulo
  always_ff @(posedge clk_i) begin
    if (!rst_ni) base_q <= '0;
    else if (frame_end) base_q <= base_q + ROW_W'(USED);
  end

  /// An output pixel, `frames` frames after the reader's.
  typedef struct packed {
    num_t             ox, oy, first, frames;
    logic [ROW_W-1:0] base;
  } pixel_t;

  function automatic pixel_t after(pixel_t p);
    after    = p;
    after.ox = p.ox == num_t'(OutW - 1) ? '0 : p.ox + 1'b1;
    if (p.ox == num_t'(OutW - 1)) begin
      after.oy = p.oy == num_t'(OutH - 1) ? '0 : p.oy + 1'b1;
      if (p.oy == num_t'(OutH - 1)) begin
        after.first  = (p.first + USED) % ROWS;
        after.frames = p.frames + 1'b1;
        after.base   = p.base + ROW_W'(USED);
      end
    end
  endfunction

  /// The last kept row and the last column that any window of these can read; within the map.
  function automatic num_t lowest_row(num_t oy);
    num_t last;
    last = Deform ? oy + REACH
                  : oy * num_t'(StrideH) - num_t'(PadT) + num_t'((KH - 1) * DilH) - SKIP;
    if (last < 0) last = '0;
    lowest_row = last >= USED ? USED - 1'b1 : last;
  endfunction
  function automatic num_t rightmost_col(num_t ox);
    num_t last;
    last = Deform ? ox + (HI_ABS > LO_ABS ? HI_ABS : LO_ABS) * num_t'((KW - 1) / 2)
                  : ox * num_t'(StrideW) - num_t'(PadL) + num_t'((KW - 1) * DilW);
    if (last < 0) last = '0;
    rightmost_col = last >= num_t'(InW) ? num_t'(InW - 1) : last;
  endfunction
  function automatic logic arrived(pixel_t p);
    num_t ahead;
    ahead   = lead - p.frames * USED - lowest_row(p.oy);
    arrived = ahead > 0 || (ahead == 0 && keeps && in_col_q > rightmost_col(p.ox));
  endfunction
  function automatic logic [ROW_W+PIXEL_W-1:0] need_of(pixel_t p);
    return {p.base + ROW_W'(lowest_row(p.oy)), PIXEL_W'(rightmost_col(p.ox))};
  endfunction
  function automatic num_t released(pixel_t p);
    released = '0;
    if (p.ox == num_t'(OutW - 1)) begin
      released = (p.oy == num_t'(OutH - 1) ? USED : spent_rows(p.oy + 1'b1)) - spent_rows(p.oy);
    end
  endfunction
  /// Where a description begins: the centre with `Deform`, else tap (0, 0).
  function automatic num_t y_of(pixel_t p);
    return Deform ? p.oy : p.oy * num_t'(StrideH) - num_t'(PadT) - SKIP;
  endfunction
  function automatic num_t x_of(pixel_t p);
    return Deform ? p.ox : p.ox * num_t'(StrideW) - num_t'(PadL);
  endfunction
  function automatic num_t slot_at(pixel_t p, num_t y);
    return (p.first + y + SHIFT) % ROWS;
  endfunction
  function automatic num_t kind_of(num_t of);
    return Deform ? of - num_t'(DilationLo) : num_t'(0);
  endfunction

  // The pixels on their way: at the reader, waiting, in the FIFO, and the one that the scan is at.
  pixel_t p_walk, p_wait, p_head, p_skid, p_scan;
  logic   waits, one, two;
  num_t   wait_dilation, head_dilation, skid_dilation;
  assign waits         = dut.u_wait.waits_q;
  assign one           = dut.u_wait.u_next.level_q != 2'd0;
  assign two           = dut.u_wait.u_next.level_q == 2'd2;
  assign p_walk        = '{ox: ox_q, oy: oy_q, first: first_q, frames: '0, base: base_q};
  assign p_wait        = dut.walk_valid ? after(p_walk) : p_walk;
  assign p_head        = waits ? after(p_wait) : p_wait;
  assign p_skid        = one ? after(p_head) : p_head;
  assign p_scan        = two ? after(p_skid) : p_skid;
  assign wait_dilation = dilations_q[3'(dut.walk_valid)];
  assign head_dilation = dilations_q[3'(dut.walk_valid)+3'(waits)];
  assign skid_dilation = dilations_q[3'(dut.walk_valid)+3'(waits)+3'd1];

  // First tap of the beat.
  num_t y, x, wait_y, wait_x;
  assign y      = row_of(oy_q, dilations_q[0], row_step_q * num_t'(ROW_TAPS)) - SKIP;
  assign x      = col_of(ox_q, dilations_q[0], col_step_q * num_t'(COL_TAPS));
  assign wait_y = row_of(p_wait.oy, wait_dilation, '0) - SKIP;
  assign wait_x = col_of(p_wait.ox, wait_dilation, '0);

  always_comb begin
    if (started_q && rst_ni) begin
      InputRanges_A: assert (in_beat_q >= 0 && in_beat_q < BEATS && in_col_q >= 0 &&
          in_col_q < num_t'(InW) && in_row_q >= 0 && in_row_q < num_t'(InH));
      ReaderRanges_A: assert (group_beat_q >= 0 && group_beat_q < GROUP_BEATS && row_step_q >= 0 &&
          row_step_q < ROW_STEPS && col_step_q >= 0 && col_step_q < COL_STEPS && group_q >= 0 &&
          group_q < CHANNEL_GROUPS && ox_q >= 0 && ox_q < num_t'(OutW) && oy_q >= 0 &&
          oy_q < num_t'(OutH) && first_q >= 0 && first_q < ROWS);
      RowBegin_A: assert (signed'(num_t'(dut.wbase_q)) == place(lead) / BANKS * ROW_WORDS);
      Position_A: assert (dut.row_q == base_q + ROW_W'(lead) &&
                          signed'(num_t'(dut.col_q)) == (keeps ? in_col_q : num_t'(0)));
      Frames_A: assert (frames_q >= -1 && frames_q <= ROWS + 1);
      // Rows on their way from the reader to the writer are free for neither.
      Room_A: assert (signed'(num_t'(dut.room_q)) + signed'(num_t'(dut.freed_q)) +
          signed'(num_t'(dut.read_release_q)) == ROWS - lead + spent_rows(oy_q) &&
          signed'(num_t'(dut.freed_q)) <= USED && signed'(num_t'(dut.read_release_q)) <= USED);
      Open_A: assert (dut.open_q == (dut.room_q != '0));
      // The reader ends a frame ahead of pixels that no window reads, at most.
      Ahead_A: assert (frames_q >= 0 || in_row_q >= SKIP + USED - 1);
      RoomToWrite_A: assert (!keeps || dut.room_q != '0 || (in_col_q == '0 && in_beat_q == '0));

      ScanOrigin_A: assert (num_t'(dut.u_scan.y_q) == y_of(p_scan) && num_t'(dut.u_scan.x_q) == x_of(p_scan));
      ScanSlot_A: assert (signed'(num_t'(dut.u_scan.slot_q)) == slot_at(p_scan, y_of(p_scan)));
      ScanWord_A: assert (dut.u_scan.addr_q == COL_W'(x_of(p_scan) * BEATS));
      ScanSpent_A: assert (signed'(num_t'(dut.u_scan.spent_q)) == spent_rows(p_scan.oy));
      ScanBefore_A: assert (dut.u_scan.before_q == p_scan.base);

      if (one) begin
        Head_A: assert (num_t'(dut.u_wait.next.y) == y_of(p_head) && num_t'(dut.u_wait.next.x) == x_of(p_head) &&
            signed'(num_t'(dut.u_wait.next.slot)) == slot_at(p_head, y_of(p_head)) &&
            dut.u_wait.next.addr == COL_W'(x_of(p_head) * BEATS) && dut.u_wait.next.need == need_of(p_head) &&
            num_t'(dut.u_wait.next.spent_next - dut.u_wait.next.spent) == released(p_head) &&
            signed'(num_t'(dut.u_wait.next.kind)) == kind_of(head_dilation) && in_range(head_dilation));
      end
      if (two) begin
        Skid_A: assert (num_t'(dut.u_wait.newer.y) == y_of(p_skid) && num_t'(dut.u_wait.newer.x) == x_of(p_skid) &&
            signed'(num_t'(dut.u_wait.newer.slot)) == slot_at(p_skid, y_of(p_skid)) &&
            dut.u_wait.newer.addr == COL_W'(x_of(p_skid) * BEATS) && dut.u_wait.newer.need == need_of(p_skid) &&
            num_t'(dut.u_wait.newer.spent_next - dut.u_wait.newer.spent) == released(p_skid) &&
            signed'(num_t'(dut.u_wait.newer.kind)) == kind_of(skid_dilation) && in_range(skid_dilation));
      end
      if (waits) begin
        WaitOrigin_A: assert (num_t'(dut.u_wait.y_o) == wait_y && num_t'(dut.u_wait.x_o) == wait_x);
        WaitSlot_A: assert (signed'(num_t'(dut.u_wait.slot_o)) == slot_at(p_wait, wait_y));
        WaitWord_A: assert (dut.u_wait.addr_o == COL_W'(wait_x * BEATS));
        WaitNeed_A: assert (dut.u_wait.need_q == need_of(p_wait));
        WaitRelease_A: assert (signed'(num_t'(dut.u_wait.release_o)) == released(p_wait));
        WaitDilation_A: assert (signed'(num_t'(dut.u_wait.kind_o)) == kind_of(wait_dilation) && in_range(wait_dilation));
        WaitArrived_A: assert (!dut.u_wait.arrived_q || arrived(p_wait));
      end
      WalkIdle_A: assert (dut.walk_valid || (beat == '0 && row_step_q == '0 && col_step_q == '0));
      if (dut.walk_valid) begin
        WalkOrigin_A: assert (num_t'(dut.u_walk.y_q) == y && num_t'(dut.u_walk.x_q) == x);
        WalkSlot_A: assert (signed'(num_t'(dut.u_walk.slot_q)) == place(y));
        WalkWord_A: assert (dut.u_walk.addr_q == COL_W'(x * BEATS + beat));
        WalkDilation_A: assert (signed'(num_t'(dut.u_walk.kind_q)) == kind_of(dilations_q[0]) && in_range(dilations_q[0]));
        WalkRelease_A: assert (signed'(num_t'(dut.u_walk.release_q)) == released(p_walk));
        WalkArrived_A: assert (arrived(p_walk));
      end
    end
  end

  function automatic logic in_range(num_t of);
    return !Deform || (of >= num_t'(DilationLo) && of <= num_t'(DilationHi));
  endfunction

  // Counters that exist where there is something to count.
  if (BEATS > 1) begin : gen_wbeat
    always_comb if (started_q && rst_ni) begin
      InputBeat_A: assert (signed'(num_t'(dut.u_wbeat.gen_count.count_q)) == in_beat_q);
    end
  end
  if (InW > 1) begin : gen_wcol
    always_comb if (started_q && rst_ni) begin
      InputCol_A: assert (signed'(num_t'(dut.u_wcol.gen_count.count_q)) == in_col_q);
    end
  end
  if (USED < num_t'(InH)) begin : gen_drops
    always_comb if (started_q && rst_ni) begin
      RowCounter_A: assert (signed'(num_t'(dut.gen_drop.wrow_q)) == in_row_q);
    end
  end
  if (OutW > 1) begin : gen_ox
    always_comb if (started_q && rst_ni) begin
      ScanCol_A: assert (signed'(num_t'(dut.u_scan.u_ox.gen_count.count_q)) == p_scan.ox);
    end
  end
  if (OutH > 1) begin : gen_oy
    always_comb if (started_q && rst_ni) begin
      ScanRow_A: assert (signed'(num_t'(dut.u_scan.u_oy.gen_count.count_q)) == p_scan.oy);
    end
  end
  if (GROUP_BEATS > 1) begin : gen_beat
    always_comb if (started_q && rst_ni) begin
      WalkBeat_A: assert (signed'(num_t'(dut.u_walk.u_beat.gen_count.count_q)) == group_beat_q);
    end
  end
  if (ROW_STEPS > 1) begin : gen_row_step
    always_comb if (started_q && rst_ni) begin
      WalkRowStep_A: assert (signed'(num_t'(dut.u_walk.u_row.gen_count.count_q)) == row_step_q);
    end
  end
  if (COL_STEPS > 1) begin : gen_col_step
    always_comb if (started_q && rst_ni) begin
      WalkColStep_A: assert (signed'(num_t'(dut.u_walk.u_col.gen_count.count_q)) == col_step_q);
    end
  end
  if (CHANNEL_GROUPS > 1) begin : gen_group
    always_comb if (started_q && rst_ni) begin
      WalkGroup_A: assert (signed'(num_t'(dut.u_walk.u_channel.gen_count.count_q)) == group_q);
    end
  end

  // Kernel rows and columns inside the map are those that the pixel waits for.
  for (genvar i = 0; i < KH; i++) begin : gen_row
    num_t row, kept;
    assign row  = row_of(oy_q, dilations_q[0], num_t'(i));
    assign kept = row - SKIP;
    always_comb if (started_q && rst_ni && dut.walk_valid && row >= 0 && row < num_t'(InH)) begin
      RowAwaited_A: assert (kept < USED && kept >= spent_rows(oy_q) && kept <= lowest_row(oy_q));
    end
  end
  for (genvar j = 0; j < KW; j++) begin : gen_col
    num_t col;
    assign col = col_of(ox_q, dilations_q[0], num_t'(j));
    always_comb if (started_q && rst_ni && dut.walk_valid && col >= 0 && col < num_t'(InW)) begin
      ColAwaited_A: assert (col <= rightmost_col(ox_q));
    end
  end

  logic again_q;  // a frame has ended
  always_ff @(posedge clk_i) again_q <= rst_ni && (again_q || frame_end);
  always_comb SecondFrameEnds_C: cover (started_q && rst_ni && frame_end && again_q);
endmodule
