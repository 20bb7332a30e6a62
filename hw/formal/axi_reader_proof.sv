// SPDX-License-Identifier: Apache-2.0

/// What `axi_reader` promises, with any commands and stalls, and words that come for bursts only that
/// were granted: each finds room, and it is busy as long as words are to be asked for, to come or to
/// be taken. Proven by induction.
module axi_reader_proof #(
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
  input logic             request_ready_i,
  input logic             word_valid_i,
  input logic [DataW-1:0] word_i,
  input logic             ready_i
);
  localparam int unsigned ROOM = BurstBeats * Bursts;
  logic              command_ready_o, request_valid_o, valid_o, busy_o;
  logic [AddrW-1:0]  request_address_o;
  logic [BeatsW-1:0] request_beats_o;
  logic [DataW-1:0]  data_o;

  axi_reader #(
    .DataW(DataW), .AddrW(AddrW), .FrameWords(FrameWords), .BurstBeats(BurstBeats), .Bursts(Bursts)
  ) dut (
    .clk_i, .rst_ni, .command_valid_i, .command_ready_o, .command_address_i, .command_frames_i,
    .request_valid_o, .request_ready_i, .request_address_o, .request_beats_o,
    .word_valid_i, .word_i, .valid_o, .ready_i, .data_o, .busy_o
  );

  logic        started_q = 1'b0;
  int unsigned owed_q;    // words of granted bursts that have not come
  int unsigned stored_q;  // words that came and were not taken
  logic        grant;
  assign grant = request_valid_o && request_ready_i;
  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    if (!rst_ni) begin
      owed_q   <= 0;
      stored_q <= 0;
    end else begin
      owed_q   <= owed_q + (grant ? 32'(request_beats_o) : 0) - 32'(word_valid_i);
      stored_q <= stored_q + 32'(word_valid_i) - 32'(valid_o && ready_i);
    end
  end
  always_comb begin
    if (!started_q) assume (!rst_ni);
    if (started_q && rst_ni) assume (!word_valid_i || owed_q != 0);
    assume (32'(command_address_i) % (DataW / 8) == 0 && command_frames_i != '0);
  end

  always_comb if (started_q && rst_ni) begin
    FindsRoom_A: assert (!word_valid_i || dut.fifo_ready);
    Busy_A: assert (busy_o == (!command_ready_o || owed_q != 0 || stored_q != 0));
    Offers_A: assert (valid_o == (stored_q != 0));
    AsksForRoomThereIs_A: assert (!request_valid_o || owed_q + stored_q + 32'(request_beats_o) <= ROOM);

    Room_A: assert (32'(dut.room_q) + owed_q + stored_q == ROOM && owed_q <= ROOM && stored_q <= ROOM);
    Level_A: assert (32'(dut.u_buffer.level_q) == stored_q);
    Beats_A: assert (!request_valid_o || (request_beats_o != '0 && 32'(request_beats_o) <= BurstBeats));
  end
  always_comb if (started_q && rst_ni && !command_ready_o) begin
    Left_A: assert (dut.u_walk.words_q != '0 && 32'(dut.u_walk.words_q) <= FrameWords);
  end

  always_comb Full_C: cover (started_q && rst_ni && stored_q == ROOM && busy_o);
endmodule
