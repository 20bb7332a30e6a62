// SPDX-License-Identifier: Apache-2.0

/// A network of two inputs and two outputs that gives back what it takes: `a` as `x`, of other lanes;
/// `b` as `y`, of wider ones. `a` and `x` have 6 channels.
module loopback (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic [23:0] a_data_i,   // 3 lanes of 8 bits
  input  logic        a_valid_i,
  output logic        a_ready_o,
  input  logic [9:0]  b_data_i,   // 2 lanes of 5 bits, signed
  input  logic        b_valid_i,
  output logic        b_ready_o,
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
  stream_cast #(.Lanes(2), .InW(5), .OutW(12), .Signed(1'b1)) u_cast (
    .clk_i, .rst_ni, .valid_i(b_valid_i), .ready_o(b_ready_o), .data_i(b_data_i),
    .valid_o(y_valid), .ready_i(y_ready), .data_o(y_data)
  );
  stream_fifo #(.Width(24), .Depth(40)) u_y (
    .clk_i, .rst_ni, .valid_i(y_valid), .ready_o(y_ready), .data_i(y_data),
    .valid_o(y_valid_o), .ready_i(y_ready_i), .data_o(y_data_o)
  );
endmodule
