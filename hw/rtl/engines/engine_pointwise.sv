// SPDX-License-Identifier: Apache-2.0

/// An integer expression of one to three streams, lane by lane. Parameters hold the expression as a
/// list of nodes, each of which reads earlier ones; the last one is the result. Node n has two's
/// complement `Width[n]` bits.
///
/// | Op | node | | Op | node |
/// |---|---|---|---|---|
/// | 0 IN    | a lane of stream Args[n][0]   | | 7 MAX     | the greater of two               |
/// | 1 CONST | Value[n]                      | | 8 MIN     | the less of two                  |
/// | 2 REG   | argument 0 behind a register  | | 9 EQ      | 1 if both are equal, else 0      |
/// | 3 ADD   | argument 0 + argument 1       | | 10 LT     | 1 if argument 0 < 1, else 0      |
/// | 4 SUB   | argument 0 - argument 1       | | 11 LE     | 1 if argument 0 <= 1, else 0     |
/// | 5 MUL   | argument 0 * argument 1       | | 12 SELECT | argument 0 != 0 ? 1 : 2          |
/// | 6 ABS   | magnitude of argument 0       | | 13 SCALE  | argument 0 * Value[n], no DSP    |
///
/// The arguments of a node must have passed equally many registers (constants fit any), and the result
/// at least one.
///
/// Throughput: one beat per cycle. Latency: the registers from the streams to the result. The whole
/// pipeline waits while an output beat is not taken; combinational: each `ready_o` depends on
/// `ready_i` and on the valid of the other streams.
module engine_pointwise #(
  parameter int unsigned Lanes    = 2,
  /// Channels of a pixel.
  parameter int unsigned Channels = 2,
  parameter int unsigned Operands = 2,
  /// A lane of every stream. An IN node takes its lowest bits; where it is wider, the stream is
  /// unsigned and it gets zeros.
  parameter int unsigned InW      = 8,
  /// Lowest bits of the result that leave; they must hold it, as signed or as unsigned.
  parameter int unsigned OutW     = 10,
  /// Bit k: stream k brings one beat for each pixel, whose lane 0 meets all channels.
  parameter bit [Operands-1:0] Single = '0,
  /// Zeroes lanes beyond the last channel, for expressions that make something of zeros.
  parameter bit          Mask     = 1'b0,
  parameter int unsigned Nodes    = 4,
  parameter bit [Nodes-1:0][3:0]      Op    = {4'd2, 4'd3, 4'd0, 4'd0},
  /// Arguments of each node, the first one in the low bits.
  parameter bit [Nodes-1:0][2:0][7:0] Args  = {24'd2, 24'h000100, 24'd1, 24'd0},
  parameter bit [Nodes-1:0][7:0]      Width = {8'd10, 8'd10, 8'd9, 8'd9},
  parameter bit [Nodes-1:0][63:0]     Value = '0,
  localparam int unsigned DataW = InW * (Lanes * (Operands - $countones(Single)) + $countones(Single))
) (
  input  logic                       clk_i,
  input  logic                       rst_ni,  // synchronous
  input  logic [Operands-1:0]        valid_i,
  output logic [Operands-1:0]        ready_o,
  input  logic [DataW-1:0]           data_i,  // stream 0 in the low bits
  output logic                       valid_o,
  input  logic                       ready_i,
  output logic [Lanes-1:0][OutW-1:0] data_o
);
  if (Lanes == 0 || Channels == 0 || Operands == 0 || Operands > 3 || InW == 0 || OutW == 0)
  begin : gen_size
    $fatal(1, "need 1 to 3 operands and nothing 0; got Lanes %0d, Channels %0d, Operands %0d, InW %0d, OutW %0d",
           Lanes, Channels, Operands, InW, OutW);
  end
  if (Nodes == 0 || Nodes > 256) begin : gen_nodes
    $fatal(1, "need 1 to 256 nodes; got %0d", Nodes);
  end

  typedef enum logic [3:0] {
    IN, CONST, REG, ADD, SUB, MUL, ABS, MAX, MIN, EQ, LT, LE, SELECT, SCALE
  } op_e;

  /// Arguments of a node that are nodes.
  function automatic int unsigned arguments(logic [3:0] op);
    if (op == IN || op == CONST) return 0;
    if (op == REG || op == ABS || op == SCALE) return 1;
    return op == SELECT ? 3 : 2;
  endfunction

  /// Registers from the streams to behind each node.
  function automatic logic [Nodes-1:0][7:0] stages();
    logic [7:0] before_node;
    stages = '0;
    for (int unsigned n = 0; n < Nodes; n++) begin
      before_node = '0;
      for (int unsigned k = 0; k < arguments(Op[n]); k++) begin
        if (stages[Args[n][k]] > before_node) before_node = stages[Args[n][k]];
      end
      stages[n] = before_node + 8'(Op[n] == REG);
    end
  endfunction

  /// Lanes in `data_i` before those of a stream.
  function automatic int unsigned first_lane(int unsigned stream);
    first_lane = 0;
    for (int unsigned k = 0; k < stream; k++) first_lane += Single[k] ? 1 : Lanes;
  endfunction

  localparam logic [Nodes-1:0][7:0] STAGE = stages();
  localparam int unsigned STAGES = 32'(STAGE[Nodes-1]);

  for (genvar n = 0; n < Nodes; n++) begin : gen_check
    if (Op[n] > SCALE || Width[n] == 0 || Width[n] > 64) begin : gen_op
      $fatal(1, "node %0d: no operation %0d, or no width %0d from 1 to 64", n, Op[n], Width[n]);
    end
    if (Op[n] == IN && 32'(Args[n][0]) >= Operands) begin : gen_in
      $fatal(1, "node %0d reads stream %0d of %0d", n, Args[n][0], Operands);
    end
    for (genvar k = 0; k < 3; k++) begin : gen_arg
      if (k < arguments(Op[n])) begin : gen_used
        if (32'(Args[n][k]) >= n) begin : gen_order
          $fatal(1, "node %0d reads node %0d, which is not before it", n, Args[n][k]);
        end else if (Op[Args[n][k]] != CONST &&
                     STAGE[Args[n][k]] + 8'(Op[n] == REG) != STAGE[n]) begin : gen_late
          $fatal(1, "node %0d reads node %0d, which is %0d registers early", n, Args[n][k],
                 STAGE[n] - STAGE[Args[n][k]]);
        end
      end
    end
  end
  if (Op[Nodes-1] != REG) begin : gen_output
    $fatal(1, "node %0d is the last and must be a register; it has operation %0d", Nodes - 1,
           Op[Nodes-1]);
  end

  localparam int unsigned BEATS = (Channels + Lanes - 1) / Lanes;
  localparam bit          RAGGED = Mask && Channels % Lanes != 0;

  logic              advance;
  logic              take;
  logic              last;  // the beat at the inputs ends its pixel
  logic [STAGES-1:0] valid_q;

  assign advance = !valid_o || ready_i;
  assign take    = advance && &valid_i;
  assign valid_o = valid_q[STAGES-1];
  for (genvar k = 0; k < Operands; k++) begin : gen_ready
    localparam logic [Operands-1:0] SELF = Operands'(1) << k;
    assign ready_o[k] = advance && &(valid_i | SELF) && (last || !Single[k]);
  end

  if (Single != '0 || RAGGED) begin : gen_beats
    logic unused_segment;
    segment_counter #(.Beats(16'(BEATS))) u_beats (
      .clk_i, .rst_ni, .step_i(take), .segment_o(unused_segment), .last_o(last)
    );
  end else begin : gen_no_beats
    assign last = 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else if (advance) valid_q <= STAGES'({valid_q, take});
  end

  logic outside;  // the beat before the last register ends its pixel
  if (RAGGED) begin : gen_last
    logic [STAGES:0] last_q;
    assign last_q[0] = last;
    assign outside   = last_q[STAGES-1];
    always_ff @(posedge clk_i) begin
      if (advance) last_q[STAGES:1] <= last_q[STAGES-1:0];
    end
    logic unused_last;
    assign unused_last = last_q[STAGES];
  end else begin : gen_no_last
    logic unused_last;
    assign outside     = 1'b0;
    assign unused_last = last;
  end

  // Nodes narrower than InW leave the highest bits of their lanes alone.
  logic unused_data;
  assign unused_data = ^data_i;

  for (genvar p = 0; p < Lanes; p++) begin : gen_lane
    localparam bit BEYOND = RAGGED && p >= Channels % Lanes;

    for (genvar n = 0; n < Nodes; n++) begin : gen_node
      localparam int unsigned W = 32'(Width[n]);
      localparam int unsigned A = 32'(Args[n][0]);
      localparam int unsigned B = 32'(Args[n][1]);
      localparam int unsigned C = 32'(Args[n][2]);
      logic signed [W-1:0] value;
      logic unused_value;  // bits that its readers have no use for
      assign unused_value = ^value;

      if (Op[n] == IN) begin : gen_op
        localparam int unsigned AT = InW * (first_lane(A) + (Single[A] ? 0 : p));
        if (W > InW) begin : gen_unsigned
          assign value = {{(W - InW) {1'b0}}, data_i[AT+:InW]};
        end else begin : gen_slice
          assign value = data_i[AT+:W];
        end
      end else if (Op[n] == CONST) begin : gen_op
        assign value = Value[n][W-1:0];
      end else if (Op[n] == SCALE) begin : gen_op
        pointwise_scale #(.Factor(Value[n]), .InW(32'(Width[A])), .OutW(W)) u_scale (
          .value_i(gen_node[A].value), .product_o(value)
        );
      end else if (Op[n] == REG) begin : gen_op
        localparam bit CLEARED = n == Nodes - 1 && BEYOND;
        always_ff @(posedge clk_i) begin
          if (advance) value <= CLEARED && outside ? '0 : W'(gen_node[A].value);
        end
      end else if (Op[n] == ABS) begin : gen_op
        logic signed [W-1:0] a;
        assign a     = W'(gen_node[A].value);
        assign value = a < 0 ? -a : a;
      end else if (Op[n] == SELECT) begin : gen_op
        assign value = gen_node[A].value != '0 ? W'(gen_node[B].value) : W'(gen_node[C].value);
      end else if (Op[n] == MUL) begin : gen_op
        localparam int unsigned ProductW = 32'(Width[A]) + 32'(Width[B]);
        logic signed [ProductW-1:0] product;
        assign product = ProductW'(gen_node[A].value) * ProductW'(gen_node[B].value);
        assign value   = W'(product);
        logic unused_product;
        assign unused_product = ^product;
      end else if (Op[n] == ADD) begin : gen_op
        assign value = W'(gen_node[A].value) + W'(gen_node[B].value);
      end else if (Op[n] == SUB) begin : gen_op
        assign value = W'(gen_node[A].value) - W'(gen_node[B].value);
      end else begin : gen_op
        localparam int unsigned BothW = Width[A] > Width[B] ? 32'(Width[A]) : 32'(Width[B]);
        logic signed [BothW-1:0] a, b;
        logic                    less;
        assign a    = BothW'(gen_node[A].value);
        assign b    = BothW'(gen_node[B].value);
        assign less = a < b;
        if (Op[n] == MAX) begin : gen_max
          assign value = less ? W'(b) : W'(a);
        end else if (Op[n] == MIN) begin : gen_min
          assign value = less ? W'(a) : W'(b);
        end else begin : gen_compare
          logic equal;
          assign equal = a == b;
          assign value = W'({1'b0, (Op[n] != LT && equal) || (Op[n] != EQ && less)});
        end
      end
    end

    assign data_o[p] = OutW'(gen_node[Nodes-1].value);
  end

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
