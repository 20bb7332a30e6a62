// SPDX-License-Identifier: Apache-2.0

/// Walks through the bursts of commands: address, length, and where frames and commands end.
///
/// Bursts end at multiples of `BurstBeats` words in memory and at the ends of frames. The next
/// burst is offered two cycles after `burst_take_i`, from registers; between commands one cycle more
/// passes.
module burst_walk #(
  parameter int unsigned WordBytes  = 8,
  parameter int unsigned AddrW      = 32,
  parameter int unsigned FrameWords = 8,
  parameter bit          Repeat     = 1'b0,
  parameter int unsigned BurstBeats = 16,
  localparam int unsigned BeatsW    = $clog2(BurstBeats) + 1
) (
  input  logic              clk_i,
  input  logic              rst_ni,  // synchronous

  input  logic              command_valid_i,
  output logic              command_ready_o,
  input  logic [AddrW-1:0]  command_address_i,  // a multiple of WordBytes
  input  logic [31:0]       command_frames_i,   // at least 1

  output logic              burst_valid_o,
  input  logic              burst_take_i,
  output logic [AddrW-1:0]  address_o,
  output logic [BeatsW-1:0] beats_o,
  output logic              last_of_frame_o,
  output logic              last_of_command_o
);
  localparam int unsigned OFFSET_W = $clog2(WordBytes);
  localparam int unsigned WORDS_W  = $clog2(FrameWords + 1);
  localparam int unsigned SIZE_W   = BeatsW > WORDS_W ? BeatsW : WORDS_W;

  logic               active_q;
  logic [AddrW-1:0]   address_q;
  logic [WORDS_W-1:0] words_q;   // left in the frame
  logic [31:0]        frames_q;  // left, this one included
  logic [BeatsW-1:0]  to_boundary;
  logic               ends_frame;
  logic [AddrW-1:0]   next_address;

  assign command_ready_o = !active_q;
  assign address_o       = address_q;
  assign to_boundary     = BeatsW'(BurstBeats) - BeatsW'(address_q[OFFSET_W +: BeatsW-1]);
  assign ends_frame      = SIZE_W'(words_q) <= SIZE_W'(to_boundary);
  assign next_address    = address_q + (AddrW'(beats_o) << OFFSET_W);

  // The burst that begins at `address_q`, a cycle after that came to be.
  always_ff @(posedge clk_i) begin
    if (!rst_ni) burst_valid_o <= 1'b0;
    else burst_valid_o <= active_q && !burst_take_i;
    last_of_frame_o   <= ends_frame;
    last_of_command_o <= ends_frame && frames_q == 32'd1;
    beats_o           <= ends_frame ? BeatsW'(words_q) : to_boundary;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) active_q <= 1'b0;
    else if (command_valid_i && command_ready_o) active_q <= 1'b1;
    else if (burst_take_i && last_of_command_o) active_q <= 1'b0;
  end

  if (Repeat) begin : gen_repeat
    logic [AddrW-1:0] base_q;
    always_ff @(posedge clk_i) begin
      if (command_valid_i && command_ready_o) begin
        base_q    <= command_address_i;
        address_q <= command_address_i;
      end else if (burst_take_i) begin
        address_q <= last_of_frame_o ? base_q : next_address;
      end
    end
  end else begin : gen_advance
    always_ff @(posedge clk_i) begin
      if (command_valid_i && command_ready_o) address_q <= command_address_i;
      else if (burst_take_i) address_q <= next_address;
    end
  end

  always_ff @(posedge clk_i) begin
    if (command_valid_i && command_ready_o) begin
      words_q  <= WORDS_W'(FrameWords);
      frames_q <= command_frames_i;
    end else if (burst_take_i) begin
      words_q <= last_of_frame_o ? WORDS_W'(FrameWords) : words_q - WORDS_W'(beats_o);
      if (last_of_frame_o) frames_q <= frames_q - 32'd1;
    end
  end
endmodule
