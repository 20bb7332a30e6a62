// SPDX-License-Identifier: Apache-2.0

/// Chooses among requests in turn: the first at or after the one that follows the last taken.
/// Combinational from `request_i`; the turn moves with `take_i`. The choice stays while its request
/// stands and none before it in turn rises.
module round_robin #(
  parameter int unsigned Ports = 3,
  localparam int unsigned PortW = Ports > 1 ? $clog2(Ports) : 1
) (
  input  logic             clk_i,
  input  logic             rst_ni,  // synchronous
  input  logic [Ports-1:0] request_i,
  input  logic             take_i,
  output logic [PortW-1:0] chosen_o,
  output logic             any_o
);
  assign any_o = |request_i;

  if (Ports == 1) begin : gen_one
    logic unused;
    assign unused   = &{1'b0, clk_i, rst_ni, take_i};
    assign chosen_o = '0;
  end else begin : gen_turn
    logic [PortW-1:0] turn_q;

    always_comb begin
      chosen_o = '0;
      for (int unsigned p = Ports; p > 0; p--) if (request_i[p-1]) chosen_o = PortW'(p - 1);
      for (int unsigned p = Ports; p > 0; p--) begin
        if (request_i[p-1] && PortW'(p - 1) >= turn_q) chosen_o = PortW'(p - 1);
      end
    end
    always_ff @(posedge clk_i) begin
      if (!rst_ni) turn_q <= '0;
      else if (take_i) turn_q <= chosen_o == PortW'(Ports - 1) ? '0 : chosen_o + 1'b1;
    end
  end
endmodule
