// SPDX-License-Identifier: Apache-2.0

/// Counts beats in rounds of `Beats`: `last_o` stands while the next beat is the last of its round.
module beat_counter #(
  parameter int unsigned Beats = 4
) (
  input  logic clk_i,
  input  logic rst_ni,  // synchronous
  input  logic step_i,
  output logic last_o
);
  if (Beats == 0) begin : gen_check
    $fatal(1, "need at least one beat; got %0d", Beats);
  end

  if (Beats == 1) begin : gen_one
    logic unused;
    assign unused = &{1'b0, clk_i, rst_ni, step_i};
    assign last_o = 1'b1;
  end else begin : gen_count
    localparam int unsigned COUNT_W = $clog2(Beats);
    logic [COUNT_W-1:0] count_q;
    logic               last_q;  // count_q == Beats - 1

    assign last_o = last_q;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        count_q <= '0;
        last_q  <= 1'b0;
      end else if (step_i) begin
        count_q <= last_q ? '0 : count_q + 1'b1;
        last_q  <= !last_q && count_q == COUNT_W'(Beats - 2);
      end
    end
`ifdef FORMAL
    always_comb if (rst_ni) Last_A: assert (last_q == (count_q == COUNT_W'(Beats - 1)));
`endif
  end
endmodule
