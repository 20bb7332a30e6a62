// SPDX-License-Identifier: Apache-2.0

/// The K largest channels of each pixel, or with `Smallest` the smallest, sorted: their values, or
/// with `Indices` their channels. Of equal channels the lower one comes first, with `Last` the
/// higher one. A pixel comes in ceil(Channels / Lanes) beats; its K results are one beat.
///
/// The lanes of a beat are merged by a tree of sorted lists, a level per cycle; its result is merged
/// into the list of the pixel. One input beat per cycle, pixels follow without a bubble. Latency
/// from the last beat of a pixel: 1 + ceil(log2(Lanes)). `ready_o` depends combinationally on
/// `ready_i`: all registers wait while a result is not taken.
module engine_topk #(
  parameter int unsigned Lanes    = 4,
  parameter int unsigned LaneW    = 8,
  parameter bit          Signed   = 1'b0,
  parameter int unsigned Channels = 10,
  parameter int unsigned K        = 1,
  parameter bit          Smallest = 1'b0,
  parameter bit          Last     = 1'b0,
  parameter bit          Indices  = 1'b0,
  localparam int unsigned IndexW  = Channels > 1 ? $clog2(Channels) : 1,
  localparam int unsigned OutW    = Indices ? IndexW : LaneW
) (
  input  logic                        clk_i,
  input  logic                        rst_ni,  // synchronous
  input  logic                        valid_i,
  output logic                        ready_o,
  input  logic [Lanes-1:0][LaneW-1:0] data_i,
  output logic                        valid_o,
  input  logic                        ready_i,
  output logic [K-1:0][OutW-1:0]      data_o
);
  if (Lanes == 0 || LaneW == 0 || K == 0 || K > Channels) begin : gen_check
    $fatal(1, "need Lanes, LaneW and 1 <= K <= Channels; got %0d, %0d, %0d of %0d",
           Lanes, LaneW, K, Channels);
  end

  localparam int unsigned LEVELS = $clog2(Lanes);
  localparam int unsigned LEAVES = 1 << LEVELS;
  localparam int unsigned BEATS  = Lanes > 0 ? (Channels + Lanes - 1) / Lanes : 1;  // of a pixel
  localparam int unsigned BEAT_W = BEATS > 1 ? $clog2(BEATS) : 1;
  // Above the value, a key has a bit that sets channels apart from what fills lists and last beats.
  localparam int unsigned KEY_W   = LaneW + 1;
  localparam int unsigned ENTRY_W = KEY_W + IndexW;
  // Flipping the sign bit makes signed values compare like unsigned ones, flipping all bits turns
  // the order round.
  localparam logic [LaneW-1:0] FLIP = {LaneW{Smallest}} ^ (LaneW'(Signed) << (LaneW - 1));

  typedef logic [K-1:0][ENTRY_W-1:0] list_t;

  logic              advance;
  logic [BEAT_W-1:0] beat_q;
  logic              last_beat;
  list_t             leaf [LEAVES];
  list_t             best;       // of one beat
  logic              best_valid;
  logic              best_first;
  logic              best_last;
  list_t             held;       // of the beats before in the same pixel
  list_t             list_q;
  list_t             merged;

  assign advance   = !valid_o || ready_i;
  assign ready_o   = advance;
  assign last_beat = beat_q == BEAT_W'(BEATS - 1);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) beat_q <= '0;
    else if (advance && valid_i) beat_q <= last_beat ? '0 : beat_q + 1'b1;
  end

  // Channels of the beat; what a ragged last beat has beyond them counts for nothing.
  for (genvar p = 0; p < LEAVES; p++) begin : gen_leaf
    if (p < Lanes) begin : gen_lane
      logic [IndexW-1:0] index;
      logic              exists;
      if (Indices) begin : gen_index
        assign index = IndexW'(32'(beat_q) * Lanes + p);
      end else begin : gen_value
        assign index = '0;
      end
      assign exists = (BEATS - 1) * Lanes + p < Channels || !last_beat;
      always_comb begin
        leaf[p]    = '0;
        leaf[p][0] = exists ? {1'b1, data_i[p] ^ FLIP, index} : '0;
      end
    end else begin : gen_none
      assign leaf[p] = '0;
    end
  end

  if (LEVELS == 0) begin : gen_single
    assign best       = leaf[0];
    assign best_valid = valid_i;
    assign best_first = beat_q == '0;
    assign best_last  = last_beat;
  end else begin : gen_tree
    logic [LEVELS-1:0] valid_q, first_q, last_q;
    list_t             node_q [LEAVES-1];
    // Node n has the children 2n+1 and 2n+2; those beyond the last node are the leaves.
    for (genvar n = 0; n < LEAVES - 1; n++) begin : gen_node
      list_t earlier, later, both;
      if (2 * n + 1 < LEAVES - 1) begin : gen_inner
        assign earlier = node_q[2*n+1];
        assign later   = node_q[2*n+2];
      end else begin : gen_outer
        assign earlier = leaf[2*n+2-LEAVES];
        assign later   = leaf[2*n+3-LEAVES];
      end
      topk_merge #(
        .K(K), .KeyW(KEY_W), .IndexW(IndexW), .LaterWins(Last)
      ) u_merge (
        .a_i(earlier), .b_i(later), .sorted_o(both)
      );
      always_ff @(posedge clk_i) if (advance) node_q[n] <= both;
    end
    always_ff @(posedge clk_i) begin
      if (!rst_ni) valid_q <= '0;
      else if (advance) valid_q <= LEVELS'({valid_q, valid_i});
      if (advance) begin
        first_q <= LEVELS'({first_q, beat_q == '0});
        last_q  <= LEVELS'({last_q, last_beat});
      end
    end
    assign best       = node_q[0];
    assign best_valid = valid_q[LEVELS-1];
    assign best_first = first_q[LEVELS-1];
    assign best_last  = last_q[LEVELS-1];
  end

  assign held = best_first ? '0 : list_q;
  topk_merge #(
    .K(K), .KeyW(KEY_W), .IndexW(IndexW), .LaterWins(Last)
  ) u_last (
    .a_i(held), .b_i(best), .sorted_o(merged)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_o <= 1'b0;
    else if (advance) valid_o <= best_valid && best_last;
  end
  always_ff @(posedge clk_i) if (advance && best_valid) list_q <= merged;

  for (genvar r = 0; r < K; r++) begin : gen_result
    if (Indices) begin : gen_index
      assign data_o[r] = list_q[r][IndexW-1:0];
    end else begin : gen_value
      assign data_o[r] = list_q[r][IndexW+:LaneW] ^ FLIP;
    end
  end

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
