// SPDX-License-Identifier: Apache-2.0

/// Brings streams of words from memory, each again and again: weights that have no room on the chip.
///
/// All streams lie in one region of memory, stream s from burst `First[s]` on: `Bursts[s]` bursts, of
/// which the last has `LastBeats[s]` words and the others `BurstBeats`, the size of all of them in
/// memory. The last word of all is the stream's check word, the sum, modulo 2**64, of `Start` and of
/// the 64-bit parts of the others; it is compared and not passed on. The first command after reset gives the region's address, a multiple of a burst's size;
/// from then on each stream is read ahead for as long as its buffer has room for a burst. Later commands
/// change nothing.
///
/// Streams are served in turn. A burst is asked for when there is room for all of it, so words never
/// wait on the bus; between requests pass two cycles or more.
module weight_feed #(
  parameter int unsigned DataW      = 64,
  parameter int unsigned AddrW      = 32,
  parameter int unsigned Streams    = 2,
  parameter int unsigned BurstBeats = 16,
  /// Bursts that are on their way.
  parameter int unsigned Outstanding = 8,
  parameter logic [Streams-1:0][15:0] First     = '0,
  parameter logic [Streams-1:0][15:0] Bursts    = {Streams{16'd1}},
  parameter logic [Streams-1:0][7:0]  LastBeats = {Streams{8'd2}},
  /// Full bursts that each buffer holds.
  parameter logic [Streams-1:0][7:0]  Depths    = {Streams{8'd2}},
  parameter logic [63:0] Start = '0,
  localparam int unsigned BeatsW = $clog2(BurstBeats) + 1
) (
  input  logic                          clk_i,
  input  logic                          rst_ni,  // synchronous; not while bursts are on their way

  input  logic                          command_valid_i,
  output logic                          command_ready_o,
  input  logic [AddrW-1:0]              command_address_i,

  output logic                          request_valid_o,
  input  logic                          request_ready_i,
  output logic [AddrW-1:0]              request_address_o,
  output logic [BeatsW-1:0]             request_beats_o,

  input  logic                          word_valid_i,  // always taken
  input  logic [DataW-1:0]              word_i,

  output logic [Streams-1:0]            valid_o,
  input  logic [Streams-1:0]            ready_i,
  output logic [Streams-1:0][DataW-1:0] data_o,
  output logic                          fault_o  // one cycle: a stream is not as it was packed
);
  localparam int unsigned STREAM_W = Streams > 1 ? $clog2(Streams) : 1;
  localparam int unsigned BURST_W  = $clog2(BurstBeats * DataW / 8);  // of a burst's bytes

  typedef logic [STREAM_W-1:0] stream_t;

  function automatic bit legal();
    legal = 1'b1;
    for (int unsigned s = 0; s < Streams; s++) begin
      if (Depths[s] == 0 || Bursts[s] == 0 || LastBeats[s] == 0 || 32'(LastBeats[s]) > BurstBeats ||
          (Bursts[s] == 1 && LastBeats[s] == 1)) legal = 1'b0;
    end
  endfunction

  if (DataW < 64 || (DataW & (DataW - 1)) != 0 || BurstBeats < 2 || BurstBeats > 16 ||
      (BurstBeats & (BurstBeats - 1)) != 0 || Outstanding == 0 || !legal()) begin : gen_check
    $fatal(1, "need DataW a power of two from 64, BurstBeats one of 2 to 16, Outstanding and Depths, two words or more in Bursts and LastBeats of 1 to BurstBeats; got %0d, %0d, %0d, %0h, %0h, %0h",
           DataW, BurstBeats, Outstanding, Depths, Bursts, LastBeats);
  end

  logic              active_q;
  logic [AddrW-1:0]  base_q;
  logic [Streams-1:0] hungry;    // there is room for a burst
  logic [Streams-1:0] begun_q;   // next_q holds the stream's next burst; before, that is 0
  logic [15:0]       next_q [Streams];

  assign command_ready_o = 1'b1;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) active_q <= 1'b0;
    else if (command_valid_i) active_q <= 1'b1;
    if (command_valid_i && !active_q) base_q <= command_address_i;
  end

  // ---- the next burst: a stream is chosen, then its burst is looked up, then it is asked for
  stream_t            chosen, stream_q;
  logic               any, choose, chosen_q, ask, last, order_ready;
  logic [15:0]        burst;
  logic [BeatsW-1:0]  beats;

  assign choose = any && active_q && !chosen_q && !request_valid_o;
  round_robin #(.Ports(Streams)) u_turn (
    .clk_i, .rst_ni, .request_i(hungry), .take_i(choose), .chosen_o(chosen), .any_o(any)
  );

  assign ask   = chosen_q && order_ready;
  assign burst = begun_q[stream_q] ? next_q[stream_q] : '0;
  assign last  = burst == Bursts[stream_q] - 16'd1;
  assign beats = last ? BeatsW'(LastBeats[stream_q]) : BeatsW'(BurstBeats);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      chosen_q        <= 1'b0;
      request_valid_o <= 1'b0;
      begun_q         <= '0;
    end else begin
      if (choose) chosen_q <= 1'b1;
      else if (ask) chosen_q <= 1'b0;
      if (ask) request_valid_o <= 1'b1;
      else if (request_ready_i) request_valid_o <= 1'b0;
      if (ask) begun_q[stream_q] <= 1'b1;
    end
    if (choose) stream_q <= chosen;
    if (ask) begin
      next_q[stream_q]  <= last ? '0 : burst + 16'd1;
      request_address_o <= base_q + (AddrW'(First[stream_q] + burst) << BURST_W);
      request_beats_o   <= beats;
    end
  end

  // ---- words, in the order in which they were asked for
  logic              owed_valid;
  stream_t           owner;
  logic [BeatsW-1:0] owed, beat_q;
  logic              owed_last, ends_stream, check;

  stream_fifo #(.Width(STREAM_W + BeatsW + 1), .Depth(Outstanding), .Block(1'b0)) u_order (
    .clk_i, .rst_ni,
    .valid_i(chosen_q), .ready_o(order_ready), .data_i({stream_q, last, beats}),
    .valid_o(owed_valid), .ready_i(word_valid_i && owed_last), .data_o({owner, ends_stream, owed})
  );
  assign owed_last = beat_q == owed - 1'b1;
  assign check     = ends_stream && owed_last;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) beat_q <= '0;
    else if (word_valid_i) beat_q <= owed_last ? '0 : beat_q + 1'b1;
  end

  logic [Streams-1:0] fifo_ready, mine;
  for (genvar s = 0; s < Streams; s++) begin : gen_stream
    localparam int unsigned ROOM   = BurstBeats * 32'(Depths[s]);
    localparam int unsigned ROOM_W = $clog2(ROOM + 1);
    logic [ROOM_W-1:0] room_q;  // words that the buffer can take besides those on their way

    assign hungry[s] = room_q >= ROOM_W'(BurstBeats);
    assign mine[s]   = word_valid_i && owed_valid && owner == stream_t'(s) && !check;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) room_q <= ROOM_W'(ROOM);
      else begin
        room_q <= room_q + ROOM_W'(valid_o[s] && ready_i[s]) -
                  (ask && stream_q == stream_t'(s) ? ROOM_W'(beats) - ROOM_W'(last) : '0);
      end
    end

    stream_fifo #(.Width(DataW), .Depth(ROOM), .Block(1'b0)) u_buffer (
      .clk_i, .rst_ni,
      .valid_i(mine[s]), .ready_o(fifo_ready[s]), .data_i(word_i),
      .valid_o(valid_o[s]), .ready_i(ready_i[s]), .data_o(data_o[s])
    );
  end

  // ---- sums of the streams, a cycle behind the words
  logic               sum_valid_q, sum_check_q;
  stream_t            sum_owner_q;
  logic [DataW-1:0]   sum_word_q;
  logic [Streams-1:0] summed_q;   // sums_q holds a sum of this pass; before, that is Start
  logic [63:0]        sums_q [Streams];
  logic [63:0]        sum, part;

  assign sum = summed_q[sum_owner_q] ? sums_q[sum_owner_q] : Start;
  always_comb begin
    part = '0;
    for (int unsigned p = 0; p < DataW / 64; p++) part += sum_word_q[64*p +: 64];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      sum_valid_q <= 1'b0;
      summed_q    <= '0;
      fault_o     <= 1'b0;
    end else begin
      sum_valid_q <= word_valid_i;
      fault_o     <= sum_valid_q && sum_check_q && sum != part;
      if (sum_valid_q) summed_q[sum_owner_q] <= !sum_check_q;
    end
    sum_word_q  <= word_i;
    sum_owner_q <= owner;
    sum_check_q <= check;
    if (sum_valid_q) sums_q[sum_owner_q] <= sum + part;
  end

`ifndef SYNTHESIS
  WordsFindRoom_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      word_valid_i |-> owed_valid && (check || |(mine & fifo_ready)))
    else $error("%m: a word came for which no room was kept");
`else
  logic unused_ready;
  assign unused_ready = ^fifo_ready;
`endif
endmodule
