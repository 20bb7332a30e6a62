// SPDX-License-Identifier: Apache-2.0

/// Signed multiply-accumulate lanes: each lane sums the products of its `Inputs` activations and
/// weights over the beats from one with `first_i` to the one with `last_i`, then gives the sums of
/// all lanes as one output beat. Sums are exact modulo 2**AccW.
///
/// Throughput: one beat per cycle. Latency: 2 + ceil(log4(Inputs)) cycles from the last beat
/// (product register, adder tree of radix 4 with a register at each level, accumulator). The whole
/// pipeline waits while an output beat is not taken: `ready_o` depends combinationally on `ready_i`.
module mac_array #(
  parameter int unsigned Lanes = 4,
  parameter int unsigned Inputs = 9,
  parameter int unsigned ActW = 8,
  parameter bit          ActSigned = 1'b0,
  parameter int unsigned WgtW = 4,
  parameter int unsigned AccW = 20
) (
  input  logic                                   clk_i,
  input  logic                                   rst_ni,   // synchronous
  input  logic                                   valid_i,
  output logic                                   ready_o,
  input  logic                                   first_i,
  input  logic                                   last_i,
  input  logic [Lanes-1:0][Inputs-1:0][ActW-1:0] act_i,
  input  logic [Lanes-1:0][Inputs-1:0][WgtW-1:0] wgt_i,
  output logic                                   valid_o,
  input  logic                                   ready_i,
  output logic [Lanes-1:0][AccW-1:0]             data_o
);
  localparam int unsigned ProductW = ActW + WgtW;
  // Levels of the adder tree, each of which sums groups of four.
  localparam int unsigned LEVELS = ($clog2(Inputs) + 1) / 2;

  function automatic int unsigned width_at(int unsigned level);
    return ProductW + 2 * level < AccW ? ProductW + 2 * level : AccW;
  endfunction

  function automatic int unsigned count_at(int unsigned level);
    return ((Inputs - 1) >> (2 * level)) + 1;
  endfunction

  logic advance;
  assign advance = !valid_o || ready_i;
  assign ready_o = advance;

  // Flags travel with the data: after the products, and after each level.
  logic [LEVELS:0] valid_q, first_q, last_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= '0;
      valid_o <= 1'b0;
    end else if (advance) begin
      valid_q <= (LEVELS + 1)'({valid_q, valid_i});
      valid_o <= valid_q[LEVELS] && last_q[LEVELS];
    end
    if (advance) begin
      first_q <= (LEVELS + 1)'({first_q, first_i});
      last_q  <= (LEVELS + 1)'({last_q, last_i});
    end
  end

  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    for (genvar s = 0; s <= LEVELS; s++) begin : gen_level
      localparam int unsigned SUMS = count_at(s);
      localparam int unsigned SumW = width_at(s);
      logic signed [SumW-1:0] sum [SUMS];

      if (s == 0) begin : gen_products
        for (genvar i = 0; i < Inputs; i++) begin : gen_product
          logic signed [ProductW-1:0] product;
          if (ActSigned) begin : gen_signed
            assign product = ProductW'(signed'(act_i[l][i])) * ProductW'(signed'(wgt_i[l][i]));
          end else begin : gen_unsigned
            // One bit more makes the activation a non-negative signed number.
            logic signed [ActW:0] act;
            assign act     = signed'({1'b0, act_i[l][i]});
            assign product = ProductW'(act * signed'(wgt_i[l][i]));
          end
          always_ff @(posedge clk_i) begin
            if (advance) sum[i] <= SumW'(product);
          end
        end
      end else begin : gen_sums
        localparam int unsigned TERMS = count_at(s - 1);
        for (genvar g = 0; g < SUMS; g++) begin : gen_sum
          logic signed [SumW-1:0] total;
          always_comb begin
            total = '0;
            for (int unsigned t = 4 * g; t < 4 * g + 4 && t < TERMS; t++) begin
              total = total + SumW'(gen_level[s-1].sum[t]);
            end
          end
          always_ff @(posedge clk_i) begin
            if (advance) sum[g] <= total;
          end
        end
      end
    end

    logic signed [AccW-1:0] addend;
    assign addend = AccW'(gen_level[LEVELS].sum[0]);
    always_ff @(posedge clk_i) begin
      if (advance && valid_q[LEVELS]) begin
        data_o[l] <= first_q[LEVELS] ? addend : data_o[l] + addend;
      end
    end
  end
endmodule
