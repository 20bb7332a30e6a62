// SPDX-License-Identifier: Apache-2.0

/// What `engine_slide` promises, proven for good (by induction) for any stalls: each tap inside the
/// map is the pixel that came at its row, column and channel beat in its own frame, so none is read
/// before it came or after something was written over it; each tap outside is `PadValue`; no window
/// waits for a pixel of another frame; and the input stops behind a stalled output only.
///
/// The beats that come carry their own number, modulo a power of two that is more than the beats that
/// the engine can hold; while none is offered the input is anything. As the engine does nothing with
/// data but move them, numbers in the right places mean that all data are.
module engine_slide_proof #(
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
  parameter int unsigned OutH = 3,
  parameter int unsigned OutW = 3,
  parameter int unsigned NumberW = 5,
  localparam int unsigned LaneW = NumberW + 2
) (
  input logic                        clk_i,
  input logic                        rst_ni,
  input logic                        valid_i,
  input logic [Lanes-1:0][LaneW-1:0] junk_i,
  input logic                        ready_i
);
  typedef logic [NumberW-1:0]        number_t;   // of a beat, modulo 2**NumberW
  typedef logic signed [NumberW+1:0] num_t;      // a coordinate, or steps
  typedef logic [Lanes-1:0][LaneW-1:0] word_t;
  typedef struct packed {
    number_t origin;   // the number of tap (0, 0), if that were inside
    num_t    oy, ox, beat;
  } place_t;           // of a window beat

  localparam num_t BEATS = num_t'((Channels + Lanes - 1) / Lanes);
  localparam int unsigned LAST_LANES = Channels - (32'(BEATS) - 1) * Lanes;
  localparam num_t ROW = num_t'(InW) * BEATS;
  localparam num_t FRAME = num_t'(InH) * ROW;
  localparam num_t ROW_DELAY = num_t'(DilH) * ROW;
  localparam num_t COL_DELAY = num_t'(DilW) * BEATS;
  // The first window's last tap, and the steps from there to the last window and the frame's end.
  localparam num_t FIRST = num_t'((int'((KH - 1) * DilH) - PadT) * int'(ROW) +
                                  (int'((KW - 1) * DilW) - PadL) * int'(BEATS));
  localparam num_t LAST_COL = num_t'((OutW - 1) * StrideW);
  localparam num_t WALK = num_t'((OutH - 1) * StrideH) * ROW + (LAST_COL + 1) * BEATS;
  localparam num_t TAIL = FIRST + WALK > FRAME ? FIRST + WALK - FRAME : num_t'(0);
  localparam num_t QUEUE = TAIL + 2;
  // From a pixel's last beat to the next window, row of windows.
  localparam num_t WINDOW_STEP = (num_t'(StrideW) - 1) * BEATS + 1;
  localparam num_t ROW_STEP = num_t'(StrideH) * ROW - (LAST_COL + 1) * BEATS + 1;
  localparam place_t FIRST_PLACE = '{origin: number_t'(-PadT * int'(ROW) - PadL * int'(BEATS)),
                                     oy: '0, ox: '0, beat: '0};
  localparam int unsigned HELD = 32'(QUEUE) + (KH - 1) * 32'(ROW_DELAY) + (KW - 1) * 32'(COL_DELAY);

  if (HELD + 4 >= 2 ** NumberW || 2 * 32'(FRAME) >= 2 ** NumberW) begin : gen_numbers
    $fatal(1, "need NumberW for more than two frames of %0d beats and %0d held ones; got %0d",
           FRAME, HELD, NumberW);
  end

  localparam logic [LaneW-1:0] PAD = '1;

  /// The beat of a number; odd lanes are marked.
  function automatic word_t word_of(number_t number);
    for (int unsigned l = 0; l < Lanes; l++) word_of[l] = {1'b0, l[0], number};
  endfunction

  // ---- the engine, its input and the window beats that have left
  logic                              ready_o, valid_o;
  word_t                             data_i;
  logic [KH*KW*Lanes-1:0][LaneW-1:0] data_o;
  number_t                           in_q;   // of the beat that comes next
  place_t                            out_q;  // of the window beat that leaves next

  engine_slide #(
    .LaneW(LaneW), .Lanes(Lanes), .Channels(Channels), .InH(InH), .InW(InW), .KH(KH), .KW(KW),
    .StrideH(StrideH), .StrideW(StrideW), .DilH(DilH), .DilW(DilW), .PadT(PadT), .PadL(PadL),
    .OutH(OutH), .OutW(OutW), .PadValue(PAD)
  ) dut (
    .clk_i, .rst_ni, .valid_i, .ready_o, .data_i, .valid_o, .ready_i, .data_o
  );

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;
  always_comb if (!started_q) assume (!rst_ni);

  assign data_i = valid_i ? word_of(in_q) : junk_i;

  function automatic place_t after(place_t p);
    after = p;
    after.beat = p.beat == BEATS - 1 ? '0 : p.beat + 1'b1;
    if (p.beat == BEATS - 1) begin
      after.ox = p.ox == num_t'(OutW - 1) ? '0 : p.ox + 1'b1;
      if (p.ox == num_t'(OutW - 1)) after.oy = p.oy == num_t'(OutH - 1) ? '0 : p.oy + 1'b1;
    end
    if (p.beat != BEATS - 1) after.origin = p.origin + 1'b1;
    else if (p.ox != num_t'(OutW - 1)) after.origin = p.origin + number_t'(WINDOW_STEP);
    else if (p.oy != num_t'(OutH - 1)) after.origin = p.origin + number_t'(ROW_STEP);
    else after.origin = p.origin + number_t'(FRAME - WALK + 1);
  endfunction

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      in_q  <= '0;
      out_q <= FIRST_PLACE;
    end else begin
      if (valid_i && ready_o) in_q <= in_q + 1'b1;
      if (valid_o && ready_i) out_q <= after(out_q);
    end
  end

  /// Row and column of the tap (0, 0) of a window.
  function automatic num_t row_of(place_t p);
    return p.oy * num_t'(StrideH) - num_t'(PadT);
  endfunction

  function automatic num_t col_of(place_t p);
    return p.ox * num_t'(StrideW) - num_t'(PadL);
  endfunction

  function automatic logic row_inside(place_t p, num_t i);
    return row_of(p) + i * num_t'(DilH) >= 0 && row_of(p) + i * num_t'(DilH) < num_t'(InH);
  endfunction

  function automatic logic col_inside(place_t p, num_t j);
    return col_of(p) + j * num_t'(DilW) >= 0 && col_of(p) + j * num_t'(DilW) < num_t'(InW);
  endfunction

  /// What tap (i, j) is more.
  function automatic number_t further(num_t i, num_t j);
    return number_t'(i * ROW_DELAY + j * COL_DELAY);
  endfunction

  localparam number_t LAST_TAP = further(num_t'(KH - 1), num_t'(KW - 1));

  // ---- what is promised
  logic                              frame_end;
  logic                              behind;   // the frame to read from has been taken
  logic                              held_q;
  logic [KH*KW*Lanes-1:0][LaneW-1:0] offered_q;
  word_t                             padding;
  always_ff @(posedge clk_i) begin
    held_q    <= rst_ni && valid_o && !ready_i;
    offered_q <= data_o;
  end
  assign frame_end = valid_o && ready_i && after(out_q).oy == 0 && after(out_q).ox == 0 &&
                     after(out_q).beat == 0;
  for (genvar l = 0; l < Lanes; l++) begin : gen_padding
    assign padding[l] = l >= LAST_LANES && out_q.beat == BEATS - 1 ? '0 : PAD;
  end
  for (genvar j = 0; j < KW; j++) begin : gen_col
    for (genvar i = 0; i < KH; i++) begin : gen_row
      word_t offered;
      logic  inside_map;
      assign offered    = data_o[(j*KH+i)*Lanes+:Lanes];
      assign inside_map = row_inside(out_q, i) && col_inside(out_q, j);
      always_comb if (started_q && rst_ni && valid_o) begin
        PixelOfItsPlace_A: assert (!inside_map || offered == word_of(out_q.origin + further(i, j)));
        OutsideIsPadding_A: assert (inside_map || offered == padding);
      end
    end
  end
  always_comb if (started_q && rst_ni) begin
    HeldUntilTaken_A: assert (!held_q || (valid_o && data_o == offered_q));
    WaitsForItsFrameOnly_A: assert (!(behind && dut.advance) || dut.step);
    EmptyStepsTakeInput_A: assert (!dut.step || dut.take || ready_o);
    StopsBehindAStallOnly_A: assert (ready_o || !dut.advance || dut.take);
    QueueApart_A: assert (!(dut.push && dut.take) || dut.write_q != dut.read_q);
  end

  // ---- what the engine is at, by which the above is inductive
  place_t  issue_q, staged_q;   // the window beat that is read next, and the one that was read last
  number_t number_q;            // of the beat that is taken next
  num_t    take_q;              // its place in its frame
  number_t walk_q;              // of the walk's next step, if that were in its frame
  num_t    here_q;              // the place in its frame, or beyond
  number_t frame_q;             // of the first beat of the frame that leaves
  num_t    level, row, col, beat;
  logic    staged;
  assign staged = dut.step_q && dut.taken_q;
  assign level  = signed'(num_t'(dut.level_q));
  assign row    = signed'(num_t'(dut.row_q));
  assign col    = signed'(num_t'(dut.col_q));
  assign beat   = signed'(num_t'(dut.beat_q));
  assign behind = dut.walking_q && here_q >= FRAME;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      issue_q  <= FIRST_PLACE;
      number_q <= '0;
      take_q   <= '0;
      walk_q   <= number_t'(FIRST);
      here_q   <= FIRST;
      frame_q  <= '0;
    end else begin
      if (dut.walk) begin
        here_q <= here_q == FIRST + WALK - 1 ? FIRST : here_q + 1'b1;
        walk_q <= walk_q + number_t'(here_q == FIRST + WALK - 1 ? FRAME - WALK + 1 : num_t'(1));
      end
      if (frame_end) frame_q <= frame_q + number_t'(FRAME);
      if (dut.walk && dut.taken) issue_q <= after(issue_q);
      if (dut.take) begin
        number_q <= number_q + 1'b1;
        take_q   <= take_q == FRAME - 1 ? '0 : take_q + 1'b1;
      end
    end
    if (dut.step) staged_q <= issue_q;
  end

  // The first window beat at the walk's place or behind it.
  place_t next;
  always_comb begin
    next      = issue_q;
    next.oy   = row / num_t'(StrideH);
    next.ox   = col / num_t'(StrideW);
    next.beat = beat;
    if (row % num_t'(StrideH) != 0 || col > LAST_COL) begin
      next.oy   = next.oy + 1'b1;
      next.ox   = '0;
      next.beat = '0;
    end else if (col % num_t'(StrideW) != 0) begin
      next.ox   = next.ox + 1'b1;
      next.beat = '0;
    end
  end

  always_comb if (started_q && rst_ni) begin
    Ranges_A: assert (take_q >= 0 && take_q < FRAME && out_q.oy >= 0 && out_q.oy < num_t'(OutH) &&
                      out_q.ox >= 0 && out_q.ox < num_t'(OutW) && out_q.beat >= 0 &&
                      out_q.beat < BEATS);
    Staged_A: assert (!staged || staged_q == (valid_o ? after(out_q) : out_q));
    Issued_A: assert (issue_q == (staged ? after(staged_q) : valid_o ? after(out_q) : out_q));
    Queued_A: assert (level <= QUEUE && in_q - number_q == number_t'(level));
    Ring_A: assert (signed'(num_t'(dut.read_q)) < QUEUE && signed'(num_t'(dut.write_q)) ==
                    signed'(num_t'(dut.read_q)) + level -
                    (signed'(num_t'(dut.read_q)) + level >= QUEUE ? QUEUE : num_t'(0)));
    Taken_A: assert (take_q == signed'(num_t'(dut.in_row_q)) * ROW +
                               signed'(num_t'(dut.in_col_q)) * BEATS +
                               signed'(num_t'(dut.in_beat_q)) &&
                     signed'(num_t'(dut.in_col_q)) < num_t'(InW) &&
                     signed'(num_t'(dut.in_beat_q)) < BEATS);
    QueueFlags_A: assert (dut.room_q == (level != QUEUE) && dut.words_q == (level != 0) &&
                          dut.filled_q == (level >= TAIL));
    PlaceFlags_A: assert (dut.first_q == (take_q == 0) && dut.begin_q == (take_q == FIRST) &&
                          dut.in_pixel_q == (signed'(num_t'(dut.in_beat_q)) == BEATS - 1) &&
                          dut.in_line_q == (signed'(num_t'(dut.in_col_q)) == num_t'(InW) - 1));
    WalkFlags_A: assert (dut.pixel_q == (beat == BEATS - 1) && dut.line_q == (col == num_t'(InW) - 1) &&
                         dut.end_q == (col == LAST_COL) && dut.final_q == (row == num_t'((OutH - 1) * StrideH)));
    StartsOnce_A: assert (!(dut.take && dut.begin_q && dut.walking_q));

    Origin_A: assert (out_q.origin == frame_q + number_t'(row_of(out_q) * ROW +
                                                          col_of(out_q) * BEATS + out_q.beat));
    // The next window ends where the walk is, or as far behind it as its place is.
    Anchor_A: assert (issue_q.origin + LAST_TAP - walk_q == number_t'(
        (issue_q.oy * num_t'(StrideH) - row) * ROW + (issue_q.ox * num_t'(StrideW) - col) * BEATS +
        issue_q.beat - beat));
    Here_A: assert (here_q - FIRST == row * ROW + col * BEATS + beat);

    if (!dut.walking_q) begin
      Idle_A: assert (here_q == FIRST && row == 0 && col == 0 && beat == 0 &&
                      dut.row_step_q == '0 && dut.col_step_q == '0 && !dut.beyond_q);
      Between_A: assert (issue_q.oy == 0 && issue_q.ox == 0 && issue_q.beat == 0 &&
          walk_q - number_q == number_t'(FIRST - (take_q <= FIRST ? take_q : take_q - FRAME)));
    end else begin
      Walk_A: assert (col < num_t'(InW) && beat < BEATS && here_q > FIRST && here_q < FIRST + WALK);
      Steps_A: assert (signed'(num_t'(dut.row_step_q)) == row % num_t'(StrideH) &&
                       signed'(num_t'(dut.col_step_q)) == col % num_t'(StrideW) &&
                       dut.beyond_q == (col > LAST_COL));
      Next_A: assert (issue_q == next);
      Taking_A: assert (behind || (take_q == here_q && number_q == walk_q));
      Behind_A: assert (!behind || (take_q <= here_q - FRAME &&
          (take_q == 0 || take_q + level >= TAIL) &&
          walk_q - number_q == number_t'(here_q - FRAME - take_q)));
    end
    Ragged_A: assert (!staged || dut.ragged_q == (staged_q.beat == BEATS - 1));
  end

  // ---- where the beats lie
  /// Whether `word` may be what passed `age` steps before the last one: the beat taken then, if its
  /// frame goes on, and that of the walk, if its frame held one there.
  function automatic logic fits(word_t word, num_t age);
    fits = age >= take_q || word == word_of(number_q - number_t'(age + 1));
    if (dut.walking_q && here_q > age && here_q - 1 - age < FRAME) begin
      fits = fits && word == word_of(walk_q - number_t'(age + 1));
    end
  endfunction

  /// Steps since the word at `place` of a ring of `size` was stored.
  function automatic num_t steps_since(num_t next_place, num_t place, num_t size);
    steps_since = next_place > place ? next_place - 1 - place : next_place - 1 - place + size;
  endfunction

  for (genvar x = 0; x < QUEUE; x++) begin : gen_queue
    num_t turn;
    assign turn = steps_since(num_t'(x + 1), signed'(num_t'(dut.read_q)), QUEUE);
    always_comb if (started_q && rst_ni && turn < level) begin
      Queue_A: assert (dut.u_queue.gen_luts.words[x] == word_of(number_q + number_t'(turn)));
    end
  end

  for (genvar j = 0; j < KW; j++) begin : gen_line_col
    for (genvar i = 0; i < KH; i++) begin : gen_line_row
      localparam num_t AGE = num_t'(KW - 1 - j) * COL_DELAY + num_t'(KH - 1 - i) * ROW_DELAY;
      always_comb if (started_q && rst_ni && dut.step_q) begin
        Line_A: assert (fits(dut.tap[j][i], AGE));
        if (dut.taken_q) begin
          Inside_A: assert (dut.row_in_q[i] == row_inside(staged_q, i) &&
                            dut.col_in_q[j] == col_inside(staged_q, j));
          Tap_A: assert (!row_inside(staged_q, i) || !col_inside(staged_q, j) ||
                         dut.tap[j][i] == word_of(staged_q.origin + further(i, j)));
        end
      end
    end
  end

  if (KH > 1) begin : gen_rows
    num_t addr, waddr;
    assign addr  = signed'(num_t'(dut.gen_rows.u_rows.gen_memory.addr_q));
    assign waddr = signed'(num_t'(dut.gen_rows.u_rows.gen_memory.waddr_q));
    always_comb if (started_q && rst_ni) begin
      RowAddress_A: assert (addr < ROW_DELAY &&
          (!dut.step_q || waddr == (addr == 0 ? ROW_DELAY : addr) - 1));
      RowFlag_A: assert (dut.gen_rows.u_rows.gen_memory.last_q == (addr == ROW_DELAY - 1));
      RowsApart_A: assert (!(dut.step && dut.move) || addr != waddr);
    end
    for (genvar x = 0; x < ROW_DELAY; x++) begin : gen_word
      word_t [KH-2:0] stored;
      num_t           age;
      assign stored = dut.gen_rows.u_rows.gen_memory.u_ram.gen_luts.words[x];
      assign age    = steps_since(addr, num_t'(x), ROW_DELAY);
      for (genvar k = 0; k < KH - 1; k++) begin : gen_row
        // What the last step stores is not there yet.
        always_comb if (started_q && rst_ni && !(dut.step_q && age == 0)) begin
          Row_A: assert (fits(stored[k], age + num_t'(KH - 2 - k) * ROW_DELAY));
        end
      end
    end
  end

  if (KW > 1 && COL_DELAY == 1) begin : gen_register
    for (genvar j = 0; j < KW - 1; j++) begin : gen_col
      for (genvar i = 0; i < KH; i++) begin : gen_row
        always_comb if (started_q && rst_ni && !dut.step_q) begin
          Register_A: assert (fits(dut.tap[j][i],
                                   num_t'(KW - 2 - j) + num_t'(KH - 1 - i) * ROW_DELAY));
        end
      end
    end
  end else if (KW > 1) begin : gen_columns
    num_t addr, waddr;
    assign addr  = signed'(num_t'(dut.gen_columns.u_columns.gen_memory.addr_q));
    assign waddr = signed'(num_t'(dut.gen_columns.u_columns.gen_memory.waddr_q));
    always_comb if (started_q && rst_ni) begin
      ColumnAddress_A: assert (addr < COL_DELAY &&
          (!dut.step_q || waddr == (addr == 0 ? COL_DELAY : addr) - 1));
      ColumnFlag_A: assert (dut.gen_columns.u_columns.gen_memory.last_q == (addr == COL_DELAY - 1));
      ColumnsApart_A: assert (!(dut.step && dut.move) || addr != waddr);
    end
    for (genvar x = 0; x < COL_DELAY; x++) begin : gen_word
      word_t [KW-2:0][KH-1:0] stored;
      num_t                   age;
      assign stored = dut.gen_columns.u_columns.gen_memory.u_ram.gen_luts.words[x];
      assign age    = steps_since(addr, num_t'(x), COL_DELAY);
      for (genvar j = 0; j < KW - 1; j++) begin : gen_col
        for (genvar i = 0; i < KH; i++) begin : gen_row
          always_comb if (started_q && rst_ni && !(dut.step_q && age == 0)) begin
            Column_A: assert (fits(stored[j][i], age + num_t'(KW - 2 - j) * COL_DELAY +
                                                 num_t'(KH - 1 - i) * ROW_DELAY));
          end
        end
      end
    end
  end

  logic again_q;   // a frame has ended
  always_ff @(posedge clk_i) again_q <= rst_ni && (again_q || frame_end);
  always_comb SecondFrameEnds_C: cover (started_q && rst_ni && frame_end && again_q);
  if (TAIL > 0) begin : gen_tail
    always_comb if (started_q && rst_ni) begin
      EmptyStep_C: cover (dut.step && !dut.take);
      TailInNextFrame_C: cover (behind && dut.take);
    end
  end
endmodule
