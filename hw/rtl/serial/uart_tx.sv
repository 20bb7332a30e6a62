// SPDX-License-Identifier: Apache-2.0

/// Sends bytes on an asynchronous line: 8 data bits, no parity, one stop bit, low bit first.
///
/// `Step` / 65536 bits pass in a cycle, on average: the edges are at most a cycle off their places.
module uart_tx #(
  parameter int unsigned Step = 3932
) (
  input  logic       clk_i,
  input  logic       rst_ni,  // synchronous
  input  logic       valid_i,
  output logic       ready_o,
  input  logic [7:0] data_i,
  output logic       tx_o     // high at rest
);
  if (Step == 0 || Step > 16384) begin : gen_check
    $fatal(1, "need at least 4 cycles for a bit, and Step from 1 on; got Step %0d", Step);
  end

  logic [9:0]  bits_q;   // what is left of the byte, the line's bit lowest; ends in ones
  logic [3:0]  left_q;
  logic [15:0] phase_q;
  logic [16:0] phase;
  logic        next;

  assign phase   = 17'(phase_q) + 17'(Step);
  assign next    = phase[16];
  assign ready_o = left_q == '0;
  assign tx_o    = bits_q[0];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      bits_q <= '1;
      left_q <= '0;
    end else if (valid_i && ready_o) begin
      bits_q <= {1'b1, data_i, 1'b0};
      left_q <= 4'd10;
    end else if (next && left_q != '0) begin
      bits_q <= {1'b1, bits_q[9:1]};
      left_q <= left_q - 1'b1;
    end
  end
  always_ff @(posedge clk_i) phase_q <= ready_o ? '0 : phase[15:0];
endmodule
