// SPDX-License-Identifier: Apache-2.0

/// Maximum or sum over the taps of a window. The window engine brings, for each beat of channels,
/// `Steps` beats of `Taps` taps (lane `t * Lanes + p` is lane `p` of tap `t`); one beat of results
/// comes out. Sums are exact modulo `2**OutW`, two's complement; adders, no DSP.
/// One input beat per cycle. Latency from the last step: 1, or 2 with both Taps > 1 and Steps > 1.
/// `ready_o` depends combinationally on `ready_i`: all registers wait while a result is not taken.
module engine_pool #(
  parameter int unsigned Lanes  = 2,
  parameter int unsigned Taps   = 3,
  parameter int unsigned Steps  = 3,
  parameter int unsigned LaneW  = 8,
  parameter bit          Signed = 1'b0,
  /// Add the taps; without it, take the largest.
  parameter bit          Sum    = 1'b0,
  /// Width of a result; of a maximum, LaneW.
  parameter int unsigned OutW   = LaneW
) (
  input  logic                             clk_i,
  input  logic                             rst_ni,  // synchronous
  input  logic                             valid_i,
  output logic                             ready_o,
  input  logic [Taps*Lanes-1:0][LaneW-1:0] data_i,
  output logic                             valid_o,
  input  logic                             ready_i,
  output logic [Lanes-1:0][OutW-1:0]       data_o
);
  if (Lanes == 0 || Taps == 0 || Steps == 0 || LaneW == 0) begin : gen_check
    $fatal(1, "Lanes, Taps, Steps and LaneW must not be 0; got %0d, %0d, %0d, %0d",
           Lanes, Taps, Steps, LaneW);
  end
  if (Sum ? OutW < LaneW : OutW != LaneW) begin : gen_width
    $fatal(1, "results of %0d bits do not fit lanes of %0d; a maximum needs as many, a sum no fewer",
           OutW, LaneW);
  end

  localparam int unsigned NODES = Taps > 0 ? 2 * Taps - 1 : 1;  // of a tree with a leaf a tap

  typedef logic [OutW-1:0] result_t;

  function automatic result_t merge(result_t a, result_t b);
    // Flipping the sign bit turns a signed comparison into an unsigned one.
    result_t flip;
    flip         = '0;
    flip[OutW-1] = Signed;
    if (Sum) merge = a + b;
    else merge = (a ^ flip) > (b ^ flip) ? a : b;
  endfunction

  logic                       advance;
  logic                       merged_valid;  // a beat of results over the taps of one step
  logic [Lanes-1:0][OutW-1:0] merged;

  assign advance = !valid_o || ready_i;
  assign ready_o = advance;

  // The result over the taps, by a tree of comparators or adders.
  logic [Lanes-1:0][OutW-1:0] tree;
  for (genvar p = 0; p < Lanes; p++) begin : gen_tree
    // Node n has the children 2n+1 and 2n+2; the last `Taps` nodes are the taps.
    logic [NODES-1:0][OutW-1:0] node;
    for (genvar t = 0; t < Taps; t++) begin : gen_leaf
      logic [LaneW-1:0] leaf;
      assign leaf = data_i[t*Lanes+p];
      assign node[Taps-1+t] = OutW'({{OutW{Signed & leaf[LaneW-1]}}, leaf});
    end
    for (genvar n = 0; n + 1 < Taps; n++) begin : gen_node
      assign node[n] = merge(node[2*n+1], node[2*n+2]);
    end
    assign tree[p] = node[0];
  end

  if (Taps == 1 || Steps == 1) begin : gen_direct
    assign merged       = tree;
    assign merged_valid = valid_i;
  end else begin : gen_stage
    always_ff @(posedge clk_i) begin
      if (!rst_ni) merged_valid <= 1'b0;
      else if (advance) merged_valid <= valid_i;
    end
    always_ff @(posedge clk_i) if (advance && valid_i) merged <= tree;
  end

  if (Steps == 1) begin : gen_single
    always_ff @(posedge clk_i) begin
      if (!rst_ni) valid_o <= 1'b0;
      else if (advance) valid_o <= merged_valid;
    end
    always_ff @(posedge clk_i) if (advance && merged_valid) data_o <= merged;
  end else begin : gen_steps
    localparam int unsigned STEP_W = $clog2(Steps);
    logic [STEP_W-1:0] step_q;
    logic              last;

    assign last = step_q == STEP_W'(Steps - 1);
    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        step_q  <= '0;
        valid_o <= 1'b0;
      end else if (advance) begin
        if (merged_valid) step_q <= last ? '0 : step_q + 1'b1;
        valid_o <= merged_valid && last;
      end
    end
    for (genvar p = 0; p < Lanes; p++) begin : gen_running
      always_ff @(posedge clk_i) begin
        if (advance && merged_valid) begin
          data_o[p] <= step_q == '0 ? merged[p] : merge(data_o[p], merged[p]);
        end
      end
    end
  end

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
