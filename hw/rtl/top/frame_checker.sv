// SPDX-License-Identifier: Apache-2.0

/// Checks that frames arrive as they were packed: takes the check word off each one's end.
///
/// A frame is `Words` words and its check word, whose low 64 bits are the sum (modulo 2**64) of the
/// 64-bit parts of the frame's words and of {tag of the command, frames left in it, this one
/// included}. So what was changed in memory shows, and so does a frame that is not of this command.
/// With `Repeat`, the sum starts from `Start`: the frame is the same for all commands.
/// Words pass combinationally; a fault is told two cycles after its check word.
module frame_checker #(
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
  input  logic             valid_i,
  output logic             ready_o,
  input  logic [DataW-1:0] data_i,
  output logic             valid_o,
  input  logic             ready_i,
  output logic [DataW-1:0] data_o,
  output logic             fault_o  // one cycle
);
  logic        active;
  logic        at_check;
  logic        step;
  logic        compare_q;
  logic [63:0] sum;
  logic [63:0] given_q;
  logic [63:0] sum_q;

  frame_sum #(
    .DataW(DataW), .Words(Words), .Commands(Commands), .Repeat(Repeat), .Start(Start)
  ) u_sum (
    .clk_i, .rst_ni,
    .command_valid_i, .command_ready_o, .command_tag_i, .command_frames_i,
    .step_i(step), .data_i, .active_o(active), .at_check_o(at_check), .sum_o(sum)
  );

  assign valid_o = valid_i && active && !at_check;
  assign ready_o = active && (at_check || ready_i);
  assign data_o  = data_i;
  assign step    = valid_i && ready_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      compare_q <= 1'b0;
      fault_o   <= 1'b0;
    end else begin
      compare_q <= step && at_check;
      fault_o   <= compare_q && given_q != sum_q;
    end
  end
  always_ff @(posedge clk_i) begin
    if (step && at_check) begin
      given_q <= data_i[63:0];
      sum_q   <= sum;
    end
  end
endmodule
