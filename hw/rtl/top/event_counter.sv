// SPDX-License-Identifier: Apache-2.0

/// Counts the cycles in which `event_i` stands, in 64 bits of two halves, so that no carry is longer
/// than 32 bits. `count_o` is exact: the upper half waits a cycle, and so does the lower.
module event_counter (
  input  logic        clk_i,
  input  logic        rst_ni,  // synchronous
  input  logic        event_i,
  output logic [63:0] count_o
);
  logic [31:0] low_q;
  logic        carry_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      low_q   <= '0;
      carry_q <= 1'b0;
      count_o <= '0;
    end else begin
      {carry_q, low_q} <= 33'(low_q) + 33'(event_i);
      count_o          <= {count_o[63:32] + 32'(carry_q), low_q};
    end
  end
endmodule
