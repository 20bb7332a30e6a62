// SPDX-License-Identifier: Apache-2.0

/// What `burst_walk` promises, for any commands and whenever its bursts are taken: they cover the
/// words of each frame once and in order, frame behind frame (or the same frame again, `Repeat`);
/// each is as long as it can be without crossing a multiple of its full size or the end of a frame;
/// and the last ones are called so. Proven by induction.
module burst_walk_proof #(
  parameter int unsigned WordBytes  = 8,
  parameter int unsigned AddrW      = 12,
  parameter int unsigned FrameWords = 5,
  parameter bit          Repeat     = 1'b0,
  parameter int unsigned BurstBeats = 4,
  localparam int unsigned BeatsW    = $clog2(BurstBeats) + 1
) (
  input logic             clk_i,
  input logic             rst_ni,
  input logic             command_valid_i,
  input logic [AddrW-1:0] command_address_i,
  input logic [31:0]      command_frames_i,
  input logic             burst_take_i
);
  logic              command_ready_o, burst_valid_o, last_of_frame_o, last_of_command_o, take;
  logic [AddrW-1:0]  address_o;
  logic [BeatsW-1:0] beats_o;

  burst_walk #(
    .WordBytes(WordBytes), .AddrW(AddrW), .FrameWords(FrameWords), .Repeat(Repeat), .BurstBeats(BurstBeats)
  ) dut (
    .clk_i, .rst_ni, .command_valid_i, .command_ready_o, .command_address_i, .command_frames_i,
    .burst_valid_o, .burst_take_i(take), .address_o, .beats_o, .last_of_frame_o, .last_of_command_o
  );
  assign take = burst_take_i && burst_valid_o;

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;
  always_comb begin
    if (!started_q) assume (!rst_ni);
    assume (32'(command_address_i) % WordBytes == 0 && command_frames_i != '0);
  end

  // ---- the reference: which word of which frame is the next
  logic             walking_q;
  logic [AddrW-1:0] frame_q;   // address of the present frame
  int unsigned      word_q;    // of it
  int unsigned      frames_q;  // left, this one included
  logic             walked_q;  // a command of several frames was walked through
  logic [AddrW-1:0] address;
  int unsigned      place;     // of the word among those of a full burst
  int unsigned      beats, end_word;
  assign address  = frame_q + AddrW'(word_q * WordBytes);
  assign place    = (32'(address) / WordBytes) % BurstBeats;
  assign beats    = 32'(beats_o);
  assign end_word = word_q + beats;

  logic changed_q;   // in the cycle before a command came, or a burst was taken
  always_ff @(posedge clk_i) changed_q <= rst_ni && ((command_valid_i && command_ready_o) || take);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      walking_q <= 1'b0;
      walked_q  <= 1'b0;
    end else if (command_valid_i && command_ready_o) begin
      walking_q <= 1'b1;
      frame_q   <= command_address_i;
      word_q    <= 0;
      frames_q  <= command_frames_i;
    end else if (take) begin
      word_q <= end_word;
      if (end_word == FrameWords) begin
        word_q    <= 0;
        frame_q   <= Repeat ? frame_q : frame_q + AddrW'(FrameWords * WordBytes);
        frames_q  <= frames_q - 1;
        walking_q <= frames_q != 1;
        walked_q  <= walked_q || (frames_q == 1 && frame_q != command_address_i);
      end
    end
  end

  always_comb if (started_q && rst_ni) begin
    OneCommand_A: assert (command_ready_o == !walking_q && (walking_q || !burst_valid_o));
    // A burst is there two cycles after a command or the burst before it.
    Offered_A: assert (!walking_q || burst_valid_o || changed_q);
    if (walking_q) begin
      Left_A: assert (word_q + 32'(dut.words_q) == FrameWords && word_q < FrameWords);
      Frames_A: assert (dut.frames_q == frames_q && frames_q != 0);
      Aligned_A: assert (32'(frame_q) % WordBytes == 0);
      Address_A: assert (address_o == address);
    end
    if (burst_valid_o) begin
      InOrder_A: assert (address_o == address);
      WithinFrame_A: assert (beats != 0 && end_word <= FrameWords);
      WithinBurst_A: assert (place + beats <= BurstBeats);
      Longest_A: assert (end_word == FrameWords || place + beats == BurstBeats);
      LastOfFrame_A: assert (last_of_frame_o == (end_word == FrameWords));
      LastOfCommand_A: assert (last_of_command_o == (end_word == FrameWords && frames_q == 1));
    end
  end
  if (Repeat) begin : gen_repeat
    always_comb if (started_q && rst_ni && walking_q) begin
      Base_A: assert (dut.gen_repeat.base_q == frame_q);
    end
  end

  always_comb SeveralFrames_C: cover (started_q && rst_ni && walked_q);
endmodule
