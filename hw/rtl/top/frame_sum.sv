// SPDX-License-Identifier: Apache-2.0

/// Sums the words of frames, from {tag, frames left} of their command on; with `Repeat`, all from
/// `Start` on, since they are one frame again and again.
///
/// `step_i` passes a word: `Words` of a frame, then (`at_check_o`) its check word, which is not
/// summed. `active_o` stands while there is a command; a queued one follows without a pause.
module frame_sum #(
  parameter int unsigned DataW    = 64,
  parameter int unsigned Words    = 8,
  parameter int unsigned Commands = 4,
  parameter bit          Repeat   = 1'b0,
  parameter logic [63:0] Start    = '0
) (
  input  logic             clk_i,
  input  logic             rst_ni,  // synchronous
  input  logic             command_valid_i,
  output logic             command_ready_o,
  input  logic [31:0]      command_tag_i,
  input  logic [31:0]      command_frames_i,
  input  logic             step_i,
  input  logic [DataW-1:0] data_i,
  output logic             active_o,
  output logic             at_check_o,
  output logic [63:0]      sum_o
);
  if (DataW < 64 || DataW % 64 != 0 || Words == 0) begin : gen_check
    $fatal(1, "need DataW a multiple of 64 and at least one word; got %0d, %0d", DataW, Words);
  end

  logic        queued;
  logic        load;
  logic        last;      // word of a frame that is summed
  logic        ends;      // the command's last frame is checked
  logic [31:0] queued_tag;
  logic [31:0] queued_frames;
  logic [31:0] tag_q;
  logic [31:0] frames_q;  // left, this one included
  logic [63:0] part;

  stream_fifo #(.Width(64), .Depth(Commands), .Block(1'b0)) u_commands (
    .clk_i, .rst_ni,
    .valid_i(command_valid_i), .ready_o(command_ready_o), .data_i({command_tag_i, command_frames_i}),
    .valid_o(queued), .ready_i(load), .data_o({queued_tag, queued_frames})
  );
  beat_counter #(.Beats(Words)) u_words (
    .clk_i, .rst_ni, .step_i(step_i && !at_check_o), .last_o(last)
  );

  assign ends = step_i && at_check_o && frames_q == 32'd1;
  assign load = queued && (!active_o || ends);

  always_comb begin
    part = '0;
    for (int unsigned p = 0; p < DataW / 64; p++) part += data_i[64*p +: 64];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      active_o   <= 1'b0;
      at_check_o <= 1'b0;
    end else begin
      if (load) active_o <= 1'b1;
      else if (ends) active_o <= 1'b0;
      if (step_i) at_check_o <= !at_check_o && last;
    end
  end
  always_ff @(posedge clk_i) begin
    if (load) begin
      tag_q    <= queued_tag;
      frames_q <= queued_frames;
      sum_o    <= Repeat ? Start : {queued_tag, queued_frames};
    end else if (step_i && at_check_o) begin
      frames_q <= frames_q - 32'd1;
      sum_o    <= Repeat ? Start : {tag_q, frames_q - 32'd1};
    end else if (step_i) begin
      sum_o <= sum_o + part;
    end
  end
endmodule
