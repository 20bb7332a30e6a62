// SPDX-License-Identifier: Apache-2.0

/// A network of three inputs and two outputs: `a` comes back as `x`, of other lanes; the sum of `b` and
/// `w` as `y`. `a` and `x` have 6 channels.
module loopback (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic [23:0] a_data_i,   // 3 lanes of 8 bits
  input  logic        a_valid_i,
  output logic        a_ready_o,
  input  logic [9:0]  b_data_i,   // 2 lanes of 5 bits, signed
  input  logic        b_valid_i,
  output logic        b_ready_o,
  input  logic [11:0] w_data_i,   // 2 lanes of 6 bits, signed
  input  logic        w_valid_i,
  output logic        w_ready_o,
  output logic [31:0] x_data_o,   // 4 lanes of 8 bits
  output logic        x_valid_o,
  input  logic        x_ready_i,
  output logic [23:0] y_data_o,   // 2 lanes of 12 bits, signed
  output logic        y_valid_o,
  input  logic        y_ready_i
);
  logic        x_valid, x_ready, y_valid, y_ready;
  logic [31:0] x_data;
  logic [23:0] y_data;

  stream_repack #(.LaneW(8), .LanesIn(3), .LanesOut(4), .InC(16'd6), .OutC(16'd6)) u_repack (
    .clk_i, .rst_ni, .valid_i(a_valid_i), .ready_o(a_ready_o), .data_i(a_data_i),
    .valid_o(x_valid), .ready_i(x_ready), .data_o(x_data)
  );
  stream_fifo #(.Width(32), .Depth(16)) u_x (
    .clk_i, .rst_ni, .valid_i(x_valid), .ready_o(x_ready), .data_i(x_data),
    .valid_o(x_valid_o), .ready_i(x_ready_i), .data_o(x_data_o)
  );
  assign y_valid   = b_valid_i && w_valid_i;
  assign b_ready_o = y_ready && w_valid_i;
  assign w_ready_o = y_ready && b_valid_i;
  for (genvar lane = 0; lane < 2; lane++) begin : gen_sum
    assign y_data[12*lane +: 12] =
        12'($signed(b_data_i[5*lane +: 5])) + 12'($signed(w_data_i[6*lane +: 6]));
  end
  stream_fifo #(.Width(24), .Depth(40)) u_y (
    .clk_i, .rst_ni, .valid_i(y_valid), .ready_o(y_ready), .data_i(y_data),
    .valid_o(y_valid_o), .ready_i(y_ready_i), .data_o(y_data_o)
  );
endmodule
