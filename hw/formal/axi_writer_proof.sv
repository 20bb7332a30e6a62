// SPDX-License-Identifier: Apache-2.0

/// What `axi_writer` promises, with any commands and stalls, and words that are taken for bursts only
/// that were granted: each is there. Proven by induction.
module axi_writer_proof #(
  parameter int unsigned DataW      = 64,
  parameter int unsigned AddrW      = 12,
  parameter int unsigned FrameWords = 5,
  parameter int unsigned BurstBeats = 4,
  parameter int unsigned Bursts     = 2,
  localparam int unsigned BeatsW    = $clog2(BurstBeats) + 1
) (
  input logic             clk_i,
  input logic             rst_ni,
  input logic             command_valid_i,
  input logic [AddrW-1:0] command_address_i,
  input logic [31:0]      command_frames_i,
  input logic             valid_i,
  input logic [DataW-1:0] data_i,
  input logic             request_ready_i,
  input logic             word_take_i
);
  localparam int unsigned ROOM = BurstBeats * Bursts;
  logic              command_ready_o, ready_o, request_valid_o, ends_frame, ends_command, busy_o;
  logic [AddrW-1:0]  request_address_o;
  logic [BeatsW-1:0] request_beats_o;
  logic [DataW-1:0]  word_o;

  axi_writer #(
    .DataW(DataW), .AddrW(AddrW), .FrameWords(FrameWords), .BurstBeats(BurstBeats), .Bursts(Bursts)
  ) dut (
    .clk_i, .rst_ni, .command_valid_i, .command_ready_o, .command_address_i, .command_frames_i,
    .valid_i, .ready_o, .data_i, .request_valid_o, .request_ready_i, .request_address_o, .request_beats_o,
    .request_ends_frame_o(ends_frame), .request_ends_command_o(ends_command),
    .word_take_i, .word_o, .busy_o
  );

  logic        started_q = 1'b0;
  int unsigned owed_q;    // words of granted bursts that were not taken
  int unsigned stored_q;
  logic        grant;
  assign grant = request_valid_o && request_ready_i;
  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    if (!rst_ni) begin
      owed_q   <= 0;
      stored_q <= 0;
    end else begin
      owed_q   <= owed_q + (grant ? 32'(request_beats_o) : 0) - 32'(word_take_i);
      stored_q <= stored_q + 32'(valid_i && ready_o) - 32'(word_take_i);
    end
  end
  always_comb begin
    if (!started_q) assume (!rst_ni);
    if (started_q && rst_ni) assume (!word_take_i || owed_q != 0);
    assume (32'(command_address_i) % (DataW / 8) == 0 && command_frames_i != '0);
  end

  always_comb if (started_q && rst_ni) begin
    IsThere_A: assert (!word_take_i || dut.word_valid);
    AsksWithAllWords_A: assert (!request_valid_o || owed_q + 32'(request_beats_o) <= stored_q);
    TakesUnlessFull_A: assert (ready_o == (stored_q < ROOM));
    // What is stored suffices for any burst, or there is room for more of it.
    NeverStuck_A: assert (!dut.walking || 32'(dut.free_q) >= 32'(request_beats_o) || ready_o || owed_q != 0);
    Asks_A: assert (!request_valid_o || (dut.walking && 32'(dut.free_q) >= 32'(request_beats_o)));

    Free_A: assert (32'(dut.free_q) + owed_q == stored_q && owed_q <= ROOM && stored_q <= ROOM);
    Level_A: assert (32'(dut.u_buffer.level_q) == stored_q);
    Beats_A: assert (!dut.walking || (request_beats_o != '0 && 32'(request_beats_o) <= BurstBeats));
  end
  always_comb if (started_q && rst_ni && busy_o) begin
    Left_A: assert (dut.u_walk.words_q != '0 && 32'(dut.u_walk.words_q) <= FrameWords);
  end

  always_comb Full_C: cover (started_q && rst_ni && stored_q == ROOM && owed_q == ROOM);
endmodule
