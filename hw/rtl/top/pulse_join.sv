// SPDX-License-Identifier: Apache-2.0

/// One pulse when every port had one more; ports may run ahead of each other by 2**16 - 1 pulses.
/// Combinational for a single port, else latency 1.
module pulse_join #(
  parameter int unsigned Ports = 2
) (
  input  logic             clk_i,
  input  logic             rst_ni,  // synchronous
  input  logic [Ports-1:0] pulse_i,
  output logic             pulse_o
);
  if (Ports == 1) begin : gen_one
    logic unused;
    assign unused  = &{1'b0, clk_i, rst_ni};
    assign pulse_o = pulse_i[0];
  end else begin : gen_join
    logic [Ports-1:0][15:0] ahead_q;
    logic [Ports-1:0]       some;

    for (genvar p = 0; p < Ports; p++) begin : gen_port
      assign some[p] = ahead_q[p] != '0;
      always_ff @(posedge clk_i) begin
        if (!rst_ni) ahead_q[p] <= '0;
        else ahead_q[p] <= ahead_q[p] + 16'(pulse_i[p]) - 16'(pulse_o);
      end
    end
    assign pulse_o = &some;
  end
endmodule
