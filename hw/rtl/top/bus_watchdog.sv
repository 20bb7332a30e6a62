// SPDX-License-Identifier: Apache-2.0

/// Says once that a bus on which something waits made no progress for `limit_i` cycles (0: never).
module bus_watchdog (
  input  logic        clk_i,
  input  logic        rst_ni,  // synchronous
  input  logic [31:0] limit_i,
  input  logic        waiting_i,
  input  logic        progress_i,
  output logic        timeout_o  // one cycle
);
  logic [31:0] count_q;
  logic        late;
  logic        told_q;

  assign late      = limit_i != '0 && count_q >= limit_i;
  assign timeout_o = late && !told_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || !waiting_i || progress_i) begin
      count_q <= '0;
      told_q  <= 1'b0;
    end else begin
      if (count_q != '1) count_q <= count_q + 1'b1;
      told_q <= told_q || late;
    end
  end
endmodule
