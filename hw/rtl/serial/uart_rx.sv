// SPDX-License-Identifier: Apache-2.0

/// Receives bytes from an asynchronous line: 8 data bits, no parity, low bit first.
///
/// `Step` / 65536 bits pass in a cycle. Each bit is looked at once, in its middle by the edge of the
/// start bit, so rates may differ by some 4 %. A byte without a stop bit is lost, and told.
module uart_rx #(
  parameter int unsigned Step = 3932
) (
  input  logic       clk_i,
  input  logic       rst_ni,  // synchronous
  input  logic       rx_i,    // asynchronous, high at rest
  output logic       valid_o, // one cycle
  output logic [7:0] data_o,
  output logic       error_o  // one cycle
);
  if (Step == 0 || Step > 16384) begin : gen_check
    $fatal(1, "need at least 4 cycles for a bit, and Step from 1 on; got Step %0d", Step);
  end

  logic        sync_q;
  logic        rx_q;
  logic        active_q;
  logic [3:0]  bits_q;   // of this byte that are over: start bit, data
  logic [15:0] phase_q;
  logic [16:0] phase;
  logic        middle;

  assign phase  = 17'(phase_q) + 17'(Step);
  assign middle = active_q && phase[16];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      {sync_q, rx_q} <= 2'b11;
      active_q       <= 1'b0;
      valid_o        <= 1'b0;
      error_o        <= 1'b0;
    end else begin
      {sync_q, rx_q} <= {rx_i, sync_q};
      valid_o        <= middle && bits_q == 4'd9 && rx_q;
      error_o        <= middle && bits_q == 4'd9 && !rx_q;
      if (!active_q) active_q <= !rx_q;
      else if (middle && (bits_q == 4'd9 || (bits_q == 4'd0 && rx_q))) active_q <= 1'b0;
    end
  end
  always_ff @(posedge clk_i) begin
    phase_q <= active_q ? phase[15:0] : 16'h8000;
    if (!active_q) bits_q <= '0;
    else if (middle) bits_q <= bits_q + 1'b1;
    if (middle && bits_q != 4'd9) data_o <= {rx_q, data_o[7:1]};
  end
endmodule
