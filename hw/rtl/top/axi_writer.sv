// SPDX-License-Identifier: Apache-2.0

/// Writes one tensor to memory: gathers its words into the bursts of commands.
///
/// A command is the address of its first frame and a number of frames, which lie one behind the
/// other, `FrameWords` words each. A burst is asked for when all of its words are there, so that the
/// bus never waits for the network. Words beyond the present command wait for the next one.
module axi_writer #(
  parameter int unsigned DataW      = 64,
  parameter int unsigned AddrW      = 32,
  /// Words of memory that a frame takes.
  parameter int unsigned FrameWords = 8,
  parameter int unsigned BurstBeats = 16,
  /// Full bursts that the buffer holds.
  parameter int unsigned Bursts     = 2,
  localparam int unsigned BeatsW    = $clog2(BurstBeats) + 1
) (
  input  logic              clk_i,
  input  logic              rst_ni,  // synchronous; not while bursts are on their way

  input  logic              command_valid_i,
  output logic              command_ready_o,
  input  logic [AddrW-1:0]  command_address_i,
  input  logic [31:0]       command_frames_i,

  input  logic              valid_i,
  output logic              ready_o,
  input  logic [DataW-1:0]  data_i,

  output logic              request_valid_o,
  input  logic              request_ready_i,
  output logic [AddrW-1:0]  request_address_o,
  output logic [BeatsW-1:0] request_beats_o,
  output logic              request_ends_frame_o,
  output logic              request_ends_command_o,

  /// The words of granted bursts, always there.
  input  logic              word_take_i,
  output logic [DataW-1:0]  word_o,
  /// A command is not yet asked for to its end.
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
  logic              push;
  logic              grant;
  logic              word_valid;
  logic [ROOM_W-1:0] free_q;  // words stored that no burst was granted for

  burst_walk #(
    .WordBytes(WORD_BYTES), .AddrW(AddrW), .FrameWords(FrameWords), .BurstBeats(BurstBeats)
  ) u_walk (
    .clk_i, .rst_ni,
    .command_valid_i, .command_ready_o, .command_address_i, .command_frames_i,
    .burst_valid_o(walking), .burst_take_i(grant),
    .address_o(request_address_o), .beats_o(request_beats_o),
    .last_of_frame_o(request_ends_frame_o), .last_of_command_o(request_ends_command_o)
  );

  assign busy_o          = !command_ready_o;
  // A cycle later than it could be said: nothing takes words away from a burst that waits.
  always_ff @(posedge clk_i) begin
    if (!rst_ni) request_valid_o <= 1'b0;
    else request_valid_o <= walking && !grant && free_q >= ROOM_W'(request_beats_o);
  end
  assign grant           = request_valid_o && request_ready_i;
  assign push            = valid_i && ready_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) free_q <= '0;
    else free_q <= free_q + ROOM_W'(push) - (grant ? ROOM_W'(request_beats_o) : '0);
  end

  stream_fifo #(.Width(DataW), .Depth(ROOM), .Block(1'b0)) u_buffer (
    .clk_i, .rst_ni,
    .valid_i, .ready_o, .data_i,
    .valid_o(word_valid), .ready_i(word_take_i), .data_o(word_o)
  );

`ifndef SYNTHESIS
  WordsAreThere_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      word_take_i |-> word_valid)
    else $error("%m: a word was taken that is not there");
`else
  logic unused_valid;
  assign unused_valid = word_valid;
`endif
endmodule
