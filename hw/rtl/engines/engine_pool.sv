// SPDX-License-Identifier: Apache-2.0

/// Maximum or sum over the taps of a window. The window engine brings, for each beat of channels,
/// `Steps` beats of `Taps` taps (lane `t * Lanes + p` is lane `p` of tap `t`); one beat of results
/// comes out. Sums are exact modulo `2**OutW`, two's complement; adders, no DSP.
/// One input beat per cycle. Latency from the last step: a cycle for each level of the binary tree over
/// the taps, ceil(log2(Taps)), and one more with Steps > 1; at least 1.
/// All registers wait while two results are not taken; `ready_o` is a register.
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

  localparam int unsigned LEVELS = $clog2(Taps);  // of the tree, its leaves not counted
  // Levels with registers: all, but where the last one goes straight into the result.
  localparam int unsigned REGS = Steps == 1 && LEVELS > 0 ? LEVELS - 1 : LEVELS;

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
  logic [REGS:0]              tree_valid;    // of each level
  logic                       merged_valid;  // a beat of results over the taps of one step
  logic [Lanes-1:0][OutW-1:0] merged;

  logic                       result_valid;
  logic [Lanes-1:0][OutW-1:0] result;

  stream_fifo #(.Width(Lanes * OutW), .Depth(2)) u_output (
    .clk_i, .rst_ni,
    .valid_i(result_valid), .ready_o(advance), .data_i(result),
    .valid_o, .ready_i, .data_o
  );
  assign ready_o      = advance;
  assign merged_valid = tree_valid[REGS];

  assign tree_valid[0] = valid_i;
  for (genvar s = 1; s <= REGS; s++) begin : gen_valid
    always_ff @(posedge clk_i) begin
      if (!rst_ni) tree_valid[s] <= 1'b0;
      else if (advance) tree_valid[s] <= tree_valid[s-1];
    end
  end

  // The result over the taps, by a tree of comparators or adders.
  for (genvar p = 0; p < Lanes; p++) begin : gen_tree
    for (genvar s = 0; s <= LEVELS; s++) begin : gen_level
      localparam int unsigned NODES = ((Taps - 1) >> s) + 1;
      result_t node[NODES];
      for (genvar n = 0; n < NODES; n++) begin : gen_node
        result_t value;
        if (s == 0) begin : gen_leaf
          logic [LaneW-1:0] leaf;
          assign leaf  = data_i[n*Lanes+p];
          assign value = OutW'({{OutW{Signed & leaf[LaneW-1]}}, leaf});
        end else if (2 * n + 1 < ((2 * (Taps - 1)) >> s) + 1) begin : gen_merge
          assign value = merge(gen_level[s-1].node[2*n], gen_level[s-1].node[2*n+1]);
        end else begin : gen_pass
          assign value = gen_level[s-1].node[2*n];
        end
        if (s > 0 && s <= REGS) begin : gen_register
          always_ff @(posedge clk_i) if (advance) node[n] <= value;
        end else begin : gen_wire
          assign node[n] = value;
        end
      end
    end
    assign merged[p] = gen_level[LEVELS].node[0];
  end

  if (Steps == 1) begin : gen_single
    assign result_valid = merged_valid;
    assign result       = merged;
  end else begin : gen_steps
    localparam int unsigned STEP_W = $clog2(Steps);
    logic [STEP_W-1:0]          step_q;
    logic                       last;
    logic [Lanes-1:0][OutW-1:0] running_q;

    assign last         = step_q == STEP_W'(Steps - 1);
    assign result_valid = merged_valid && last;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) step_q <= '0;
      else if (advance && merged_valid) step_q <= last ? '0 : step_q + 1'b1;
    end
    for (genvar p = 0; p < Lanes; p++) begin : gen_running
      assign result[p] = step_q == '0 ? merged[p] : merge(running_q[p], merged[p]);
      always_ff @(posedge clk_i) if (advance && merged_valid) running_q[p] <= result[p];
    end
  end

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
