// SPDX-License-Identifier: Apache-2.0

/// Puts a check word at the end of each frame; `frame_checker` says what it holds. Words pass
/// combinationally, but none before there is a command.
module frame_sealer #(
  parameter int unsigned DataW    = 64,
  parameter int unsigned Words    = 8,
  parameter int unsigned Commands = 4
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
  output logic [DataW-1:0] data_o
);
  logic        active;
  logic        at_check;
  logic [63:0] sum;

  frame_sum #(.DataW(DataW), .Words(Words), .Commands(Commands)) u_sum (
    .clk_i, .rst_ni,
    .command_valid_i, .command_ready_o, .command_tag_i, .command_frames_i,
    .step_i(valid_o && ready_i), .data_i, .active_o(active), .at_check_o(at_check), .sum_o(sum)
  );

  assign valid_o = active && (at_check || valid_i);
  assign ready_o = active && !at_check && ready_i;
  assign data_o  = at_check ? DataW'(sum) : data_i;
endmodule
