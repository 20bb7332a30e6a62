// SPDX-License-Identifier: Apache-2.0

/// Reads one tensor from memory: turns commands into bursts, and gives the words in order.
///
/// A command is the address of its first frame and a number of frames, which lie one behind the
/// other, `FrameWords` words each; with `Repeat`, each frame is the same words again (weights that
/// are streamed). Bursts end at multiples of their full size, so none crosses a 4 KiB boundary.
/// A burst is asked for when the buffer has room for all of it, so that data never wait on the bus.
module axi_reader #(
  parameter int unsigned DataW      = 64,
  parameter int unsigned AddrW      = 32,
  /// Words of memory that a frame takes.
  parameter int unsigned FrameWords = 8,
  parameter bit          Repeat     = 1'b0,
  parameter int unsigned BurstBeats = 16,
  /// Full bursts that the buffer holds, and so the most that are on their way.
  parameter int unsigned Bursts     = 4,
  localparam int unsigned BeatsW    = $clog2(BurstBeats) + 1
) (
  input  logic              clk_i,
  input  logic              rst_ni,  // synchronous; not while bursts are on their way

  input  logic              command_valid_i,
  output logic              command_ready_o,
  input  logic [AddrW-1:0]  command_address_i,
  input  logic [31:0]       command_frames_i,

  output logic              request_valid_o,
  input  logic              request_ready_i,
  output logic [AddrW-1:0]  request_address_o,
  output logic [BeatsW-1:0] request_beats_o,

  input  logic              word_valid_i,  // always taken
  input  logic [DataW-1:0]  word_i,

  output logic              valid_o,
  input  logic              ready_i,
  output logic [DataW-1:0]  data_o,
  /// A command is not yet read to its end: words of it are to be asked for, to come or to be taken.
  output logic              busy_o
);
  localparam int unsigned WORD_BYTES = DataW / 8;
  localparam int unsigned ROOM       = BurstBeats * Bursts;
  localparam int unsigned ROOM_W     = $clog2(ROOM + 1);

  if (DataW < 64 || (DataW & (DataW - 1)) != 0 || BurstBeats < 2 || BurstBeats > 16 ||
      (BurstBeats & (BurstBeats - 1)) != 0 || Bursts == 0 || FrameWords == 0 ||
      BurstBeats * WORD_BYTES > 4096) begin : gen_check
    $fatal(1, "need DataW a power of two from 64, BurstBeats one of 2 to 16, Bursts and FrameWords; got %0d, %0d, %0d, %0d",
           DataW, BurstBeats, Bursts, FrameWords);
  end

  logic              walking;
  logic              grant;
  logic              pop;
  logic [ROOM_W-1:0] room_q;  // words that the buffer can take besides those on their way
  logic              room;
  logic              fifo_ready;
  logic [1:0]        ends;

  burst_walk #(
    .WordBytes(WORD_BYTES), .AddrW(AddrW), .FrameWords(FrameWords), .Repeat(Repeat),
    .BurstBeats(BurstBeats)
  ) u_walk (
    .clk_i, .rst_ni,
    .command_valid_i, .command_ready_o, .command_address_i, .command_frames_i,
    .burst_valid_o(walking), .burst_take_i(grant),
    .address_o(request_address_o), .beats_o(request_beats_o),
    .last_of_frame_o(ends[0]), .last_of_command_o(ends[1])
  );

  assign room            = room_q >= ROOM_W'(BurstBeats);
  assign busy_o          = !command_ready_o || room_q != ROOM_W'(ROOM);
  assign request_valid_o = walking && room;
  assign grant           = request_valid_o && request_ready_i;
  assign pop             = valid_o && ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) room_q <= ROOM_W'(ROOM);
    else room_q <= room_q + ROOM_W'(pop) - (grant ? ROOM_W'(request_beats_o) : '0);
  end

  stream_fifo #(.Width(DataW), .Depth(ROOM), .Block(1'b0)) u_buffer (
    .clk_i, .rst_ni,
    .valid_i(word_valid_i), .ready_o(fifo_ready), .data_i(word_i),
    .valid_o, .ready_i, .data_o
  );

  logic unused_ends;
  assign unused_ends = ^ends;

`ifndef SYNTHESIS
  WordsFindRoom_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      word_valid_i |-> fifo_ready)
    else $error("%m: a word came for which no room was kept");
`else
  logic unused_ready;
  assign unused_ready = fifo_ready;
`endif
endmodule
