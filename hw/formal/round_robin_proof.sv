// SPDX-License-Identifier: Apache-2.0

/// What `round_robin` promises: it chooses a request that stands, if there is one, and while a
/// request waits, no other is taken twice. Proven by induction, for any requests and resets.
module round_robin_proof #(
  parameter int unsigned Ports = 3,
  localparam int unsigned PortW = Ports > 1 ? $clog2(Ports) : 1
) (
  input logic             clk_i,
  input logic             rst_ni,
  input logic [Ports-1:0] request_i,
  input logic             take_i,
  input logic [PortW-1:0] port_i  // any port, the same one for good
);
  logic [PortW-1:0] chosen_o;
  logic             any_o, take;

  round_robin #(.Ports(Ports)) dut (.clk_i, .rst_ni, .request_i, .take_i(take), .chosen_o, .any_o);
  assign take = take_i && any_o;

  logic started_q = 1'b0;
  logic [PortW-1:0] port_q;
  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    port_q    <= port_i;
  end
  always_comb begin
    if (!started_q) assume (!rst_ni);
    assume (32'(port_i) < Ports && (!started_q || port_i == port_q));
  end

  int unsigned taken_q;  // others, while the port's request stands
  always_ff @(posedge clk_i) begin
    if (!rst_ni || !request_i[port_i] || (take && chosen_o == port_i)) taken_q <= 0;
    else if (take) taken_q <= taken_q + 1;
  end

  always_comb if (started_q && rst_ni) begin
    Any_A: assert (any_o == |request_i);
    Stands_A: assert (!any_o || request_i[chosen_o]);
    Fair_A: assert (taken_q < Ports);
  end
  if (Ports > 1) begin : gen_turn
    int unsigned turn, ahead;  // ports whose turn is before the watched one's
    assign turn  = 32'(dut.gen_turn.turn_q);
    assign ahead = (32'(port_i) + Ports - turn) % Ports;
    always_comb if (started_q && rst_ni) begin
      Turn_A: assert (turn < Ports && taken_q + ahead < Ports);
    end
  end

  always_comb AllWaited_C: cover (started_q && rst_ni && taken_q == Ports - 1);
endmodule
