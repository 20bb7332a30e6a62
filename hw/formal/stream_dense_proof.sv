// SPDX-License-Identifier: Apache-2.0

/// What `stream_dense` promises, for any stalls, any data, resets at any time, and any noise behind the
/// ends of segments at its input: element `e` of the n-th round that leaves is element `e` of the n-th round that came,
/// whatever `e` (a round is a segment of the side with the longer ones); a beat ends where its
/// segment does, with zeros behind; offered beats stay until they are taken; and as long as both
/// sides are willing, some beat moves in every cycle. Proven by induction; the assertions on where
/// elements lie inside are what makes it inductive.
module stream_dense_proof #(
  parameter int unsigned LaneW      = 1,
  parameter int unsigned LanesIn    = 4,
  parameter int unsigned LanesOut   = 3,
  parameter int unsigned SegmentIn  = 6,
  parameter int unsigned SegmentOut = 3
) (
  input logic                          clk_i,
  input logic                          rst_ni,
  input logic                          valid_i,
  input logic [LanesIn-1:0][LaneW-1:0] data_i,
  input logic                          ready_i,
  input logic [4:0]                    element_i  // any element of a round, the same one for good
);
  localparam int unsigned ROUND = SegmentIn > SegmentOut ? SegmentIn : SegmentOut;
  if (ROUND > 15) begin : gen_check
    $fatal(1, "positions have 5 bits: need rounds of at most 15 elements; got %0d", ROUND);
  end

  logic                           ready_o, valid_o;
  logic [LanesOut-1:0][LaneW-1:0] data_o;
  stream_dense #(
    .LaneW(LaneW), .LanesIn(LanesIn), .LanesOut(LanesOut), .SegmentIn(SegmentIn), .SegmentOut(SegmentOut)
  ) dut (
    .clk_i, .rst_ni, .valid_i, .ready_o, .data_i, .valid_o, .ready_i, .data_o
  );

  logic       started_q = 1'b0;
  logic [4:0] element_q;
  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    element_q <= element_i;
  end
  always_comb begin
    if (!started_q) assume (!rst_ni);
    assume (32'(element_i) < ROUND && (!started_q || element_i == element_q));
  end

  // ---- the source keeps an offered beat until it is taken
  logic waits_q;
  logic [LanesIn-1:0][LaneW-1:0] data_q;
  always_ff @(posedge clk_i) begin
    waits_q <= rst_ni && valid_i && !ready_o;
    data_q  <= data_i;
  end
  always_comb if (started_q && waits_q) assume (valid_i && data_i == data_q);

  // ---- where in the round each side is, and how many elements its beat has
  typedef logic [4:0] num_t;
  num_t in_pos_q, out_pos_q, in_rest, out_rest, in_count, out_count;
  assign in_rest   = num_t'(SegmentIn - 32'(in_pos_q) % SegmentIn);
  assign out_rest  = num_t'(SegmentOut - 32'(out_pos_q) % SegmentOut);
  assign in_count  = 32'(in_rest) > LanesIn ? num_t'(LanesIn) : in_rest;
  assign out_count = 32'(out_rest) > LanesOut ? num_t'(LanesOut) : out_rest;

  // ---- the watched element of rounds that have come, in a ring by the round's number
  logic push, pop, here_in, here_out;
  logic [LaneW-1:0] values_q [4];
  logic [2:0] came_q, left_q;  // rounds whose watched element has passed, modulo 8
  assign push     = valid_i && ready_o;
  assign pop      = valid_o && ready_i;
  assign here_in  = element_i >= in_pos_q && element_i < in_pos_q + in_count;
  assign here_out = element_i >= out_pos_q && element_i < out_pos_q + out_count;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      in_pos_q  <= '0;
      out_pos_q <= '0;
      came_q    <= '0;
      left_q    <= '0;
    end else begin
      if (push) begin
        in_pos_q <= 32'(in_pos_q + in_count) == ROUND ? '0 : in_pos_q + in_count;
        if (here_in) begin
          came_q                <= came_q + 1'b1;
          values_q[came_q[1:0]] <= data_i[element_i-in_pos_q];
        end
      end
      if (pop) begin
        out_pos_q <= 32'(out_pos_q + out_count) == ROUND ? '0 : out_pos_q + out_count;
        if (here_out) left_q <= left_q + 1'b1;
      end
    end
  end

  logic       held_q;
  logic [2:0] between;
  logic [LanesOut-1:0][LaneW-1:0] offered_q;
  assign between = came_q - left_q;
  always_ff @(posedge clk_i) begin
    held_q    <= rst_ni && valid_o && !ready_i;
    offered_q <= data_o;
  end

  always_comb if (started_q && rst_ni) begin
    ElementInOrder_A: assert (!(valid_o && here_out) ||
                              (between != '0 && data_o[element_i-out_pos_q] == values_q[left_q[1:0]]));
    RingSuffices_A: assert (between <= 3'd4);
    HeldUntilTaken_A: assert (!held_q || (valid_o && data_o == offered_q));
    SomethingMoves_A: assert (!(valid_i && ready_i) || push || pop);
  end

  // ---- where elements lie inside: behind each other, from the next one to leave
  function automatic int unsigned gcd(int unsigned a, int unsigned b);
    gcd = a;
    while (b % gcd != 0 || a % gcd != 0) gcd--;
  endfunction
  localparam int unsigned UNIT   = gcd(gcd(LanesIn, LanesOut), gcd(SegmentIn, SegmentOut));  // elements
  localparam int unsigned STORED = LanesIn + 2 * LanesOut - UNIT;
  int unsigned held, ahead;  // elements; those before the first watched one
  logic [STORED-1:0][LaneW-1:0] stored;
  assign held = 32'(dut.level_q) * UNIT;
  assign ahead  = (32'(element_i) + ROUND - 32'(out_pos_q)) % ROUND;
  assign stored = dut.units_q;
  always_comb if (started_q && rst_ni) begin
    Positions_A: assert (32'(in_pos_q) < ROUND && 32'(out_pos_q) < ROUND && held <= STORED &&
                         (32'(out_pos_q) + held) % ROUND == 32'(in_pos_q));
    Between_A: assert (32'(between) == (held + ROUND - 1 - ahead) / ROUND);
    BeatsBegin_A: assert ((32'(in_pos_q) % SegmentIn) % LanesIn == 0 && (32'(out_pos_q) % SegmentOut) % LanesOut == 0);
  end
  for (genvar k = 0; k < STORED; k++) begin : gen_stored
    localparam int unsigned BACK = k / ROUND;  // rounds behind the next one to leave
    always_comb if (started_q && rst_ni && held != 0) begin
      Stored_A: assert (k >= held || k % ROUND != ahead || stored[k] == values_q[left_q[1:0] + 2'(BACK)]);
    end
  end
  if (LanesIn < SegmentIn) begin : gen_in
    always_comb if (started_q && rst_ni) begin
      InBeat_A: assert (32'(dut.u_in.gen_count.count_q) == (32'(in_pos_q) % SegmentIn) / LanesIn);
    end
  end
  if (LanesOut < SegmentOut) begin : gen_out
    always_comb if (started_q && rst_ni) begin
      OutBeat_A: assert (32'(dut.u_out.gen_count.count_q) == (32'(out_pos_q) % SegmentOut) / LanesOut);
    end
  end

  for (genvar l = 0; l < LanesOut; l++) begin : gen_zero
    always_comb if (started_q && rst_ni && num_t'(l) >= out_count && valid_o) begin
      RaggedIsZero_A: assert (data_o[l] == '0);
    end
  end

  always_comb TwoRoundsPassed_C: cover (started_q && rst_ni && left_q == 3'd2);
endmodule
