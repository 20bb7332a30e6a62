// SPDX-License-Identifier: Apache-2.0

/// One lane of `mac_array`: sums `Inputs` products and accumulates the sums over the beats from one
/// with `first_i` to the next one. A binary adder tree with a register at each level, then the
/// accumulator: it moves with `en_i`, and `sum_o` follows 1 + ceil(log2(Inputs)) steps later.
///
/// `carry_i` counts one for each product whose bit is set. A tree of N inputs and its accumulator
/// are N adders, so each of these bits enters an adder as its carry, and costs no adder of its own.
module mac_lane #(
  parameter int unsigned Inputs = 9,
  parameter int unsigned ProductW = 12,
  parameter int unsigned AccW = 20,
  localparam int unsigned LEVELS = $clog2(Inputs)
) (
  input  logic                            clk_i,
  input  logic                            en_i,
  input  logic [Inputs-1:0][ProductW-1:0] product_i,   // signed
  input  logic [Inputs-1:0]               carry_i,
  /// Of the sum that reaches the accumulator, LEVELS steps after its products.
  input  logic                            valid_i,
  input  logic                            first_i,
  output logic [AccW-1:0]                 sum_o
);
  function automatic int unsigned width_at(int unsigned level);
    return ProductW + level < AccW ? ProductW + level : AccW;
  endfunction

  // A node holds the sum of its products and of their carries but the first, which waits beside it.
  for (genvar s = 0; s <= LEVELS; s++) begin : gen_level
    localparam int unsigned NODES = ((Inputs - 1) >> s) + 1;
    localparam int unsigned SumW = width_at(s);
    logic signed [SumW-1:0] sum [NODES];
    logic [NODES-1:0]       carry;

    if (s == 0) begin : gen_leaves
      for (genvar n = 0; n < NODES; n++) begin : gen_leaf
        assign sum[n] = SumW'(signed'(product_i[n]));
      end
      assign carry = carry_i;
    end else begin : gen_nodes
      localparam int unsigned BELOW = ((Inputs - 1) >> (s - 1)) + 1;
      for (genvar n = 0; n < NODES; n++) begin : gen_node
        logic signed [SumW-1:0] total;
        if (2 * n + 1 < BELOW) begin : gen_add
          logic unused_lsb;
          // The carry enters through a bit below the sum, which every synthesis tool understands.
          assign {total, unused_lsb} = {SumW'(gen_level[s-1].sum[2*n]), 1'b1} +
              {SumW'(gen_level[s-1].sum[2*n+1]), gen_level[s-1].carry[2*n+1]};
        end else begin : gen_pass
          assign total = SumW'(gen_level[s-1].sum[2*n]);
        end
        always_ff @(posedge clk_i) begin
          if (en_i) begin
            sum[n]   <= total;
            carry[n] <= gen_level[s-1].carry[2*n];
          end
        end
      end
    end
  end

  logic [AccW-1:0] base, total;
  logic            unused_lsb;
  assign base = first_i ? '0 : sum_o;
  assign {total, unused_lsb} = {base, 1'b1} +
      {AccW'(gen_level[LEVELS].sum[0]), gen_level[LEVELS].carry[0]};
  always_ff @(posedge clk_i) begin
    if (en_i && valid_i) sum_o <= total;
  end
endmodule
