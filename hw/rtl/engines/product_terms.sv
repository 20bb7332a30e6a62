// SPDX-License-Identifier: Apache-2.0

/// Product of two signed numbers, as the sum of two terms, from multipliers of the device's own width
/// with a register behind each: a number too wide for one is cut, its upper part signed, the others
/// unsigned.
///
/// Latency: `technology_pkg::product_latency` cycles with `en_i`: one, and where more than two
/// multipliers meet, one for each level of a tree of adders that leaves two. Each term, and their
/// sum, fits ProductW signed bits.
module product_terms #(
  parameter int unsigned AW = 24,
  parameter int unsigned BW = 20,
  localparam int unsigned ProductW = AW + BW
) (
  input  logic                       clk_i,
  input  logic                       en_i,
  input  logic signed [AW-1:0]       a_i,
  input  logic signed [BW-1:0]       b_i,
  output logic signed [ProductW-1:0] term_o,
  output logic signed [ProductW-1:0] other_o   // zero behind a single multiplier
);
  // Bits of a number without its sign that a multiplier takes.
  localparam int unsigned StepA = (AW >= BW ? technology_pkg::WideW : technology_pkg::NarrowW) - 1;
  localparam int unsigned StepB = (AW >= BW ? technology_pkg::NarrowW : technology_pkg::WideW) - 1;
  localparam int unsigned PARTS = technology_pkg::product_parts(AW, BW);
  localparam int unsigned PARTS_A = technology_pkg::parts(AW, StepA);
  localparam int unsigned PARTS_B = technology_pkg::parts(BW, StepB);
  localparam int unsigned STAGES = technology_pkg::product_latency(AW, BW);

  for (genvar s = 0; s < STAGES; s++) begin : gen_stage
    localparam int unsigned TERMS = ((PARTS - 1) >> s) + 1;
    for (genvar n = 0; n < TERMS; n++) begin : gen_term
      logic signed [ProductW-1:0] term;
      if (s == 0) begin : gen_product
        localparam int unsigned A = n % PARTS_A;
        localparam int unsigned B = n / PARTS_A;
        // An upper part has what is left, a lower one a zero for its sign.
        localparam int unsigned PartA = A == PARTS_A - 1 ? AW - A * StepA : StepA + 1;
        localparam int unsigned PartB = B == PARTS_B - 1 ? BW - B * StepB : StepB + 1;
        logic signed [PartA-1:0] a;
        logic signed [PartB-1:0] b;
        if (A == PARTS_A - 1) begin : gen_upper_a
          assign a = a_i[AW-1:A*StepA];
        end else begin : gen_lower_a
          assign a = {1'b0, a_i[A*StepA+:StepA]};
        end
        if (B == PARTS_B - 1) begin : gen_upper_b
          assign b = b_i[BW-1:B*StepB];
        end else begin : gen_lower_b
          assign b = {1'b0, b_i[B*StepB+:StepB]};
        end
        logic signed [PartA+PartB-1:0] product_q;
        always_ff @(posedge clk_i) if (en_i) product_q <= (PartA + PartB)'(a) * (PartA + PartB)'(b);
        assign term = ProductW'(product_q) <<< (A * StepA + B * StepB);
      end else if (2 * n + 1 <= (2 * (PARTS - 1)) >> s) begin : gen_add
        always_ff @(posedge clk_i) begin
          if (en_i) term <= gen_stage[s-1].gen_term[2*n].term + gen_stage[s-1].gen_term[2*n+1].term;
        end
      end else begin : gen_pass
        always_ff @(posedge clk_i) if (en_i) term <= gen_stage[s-1].gen_term[2*n].term;
      end
    end
  end

  assign term_o = gen_stage[STAGES-1].gen_term[0].term;
  if (PARTS == 1) begin : gen_single
    assign other_o = '0;
  end else begin : gen_two
    assign other_o = gen_stage[STAGES-1].gen_term[1].term;
  end
endmodule
