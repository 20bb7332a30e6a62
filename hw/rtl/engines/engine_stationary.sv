// SPDX-License-Identifier: Apache-2.0

/// Matrix-vector products whose weights come as a stream: `Held` vectors are held, and each weight
/// word that comes multiplies all of them in turn. A vector is `BeatsIn` beats of `LanesIn`
/// activations; of each block of `Held` vectors leave `BeatsOut` times `Held` beats of `LanesOut`
/// accumulators, the pixels running faster.
///
/// For each block the weight stream brings `BeatsOut * BeatsIn` words in the order of the memory of
/// `engine_matvec`: word `out_beat * BeatsIn + in_beat` holds the weight of output lane o and input
/// lane i at bits [(o*LanesIn+i)*WgtW +: WgtW], signed. Accumulators are exact modulo 2**AccW.
///
/// Two output lanes share each multiplier where its operands fit 25 x 18 bits (`mac_array`); with
/// `LutMul` there are no multipliers but adders in LUTs.
///
/// Throughput: one block per Held * BeatsIn * BeatsOut cycles, without bubbles, while there is a
/// weight word every `Held` cycles. Two blocks are stored in turn, so the next one arrives at any
/// time while this one is used. Latency: 6 + ceil(log2(LanesIn)) cycles from the last input beat of a
/// block to the first product's sum, and Held * (BeatsIn - 1) more to the first beat out.
/// `ready_o` depends on registers only, `wgt_ready_o` combinationally on `ready_i`.
module engine_stationary #(
  parameter int unsigned LanesIn = 4,
  parameter int unsigned LanesOut = 4,
  parameter int unsigned ActW = 8,
  parameter bit          ActSigned = 1'b0,
  parameter int unsigned WgtW = 4,
  parameter int unsigned AccW = 20,
  parameter int unsigned BeatsIn = 2,
  parameter int unsigned BeatsOut = 2,
  /// Vectors that are held together.
  parameter int unsigned Held = 4,
  /// Multiply in LUTs rather than DSPs.
  parameter bit          LutMul = 1'b0
) (
  input  logic                                       clk_i,
  input  logic                                       rst_ni,   // synchronous
  input  logic                                       valid_i,
  output logic                                       ready_o,
  input  logic [LanesIn-1:0][ActW-1:0]               data_i,
  input  logic                                       wgt_valid_i,
  output logic                                       wgt_ready_o,
  input  logic [LanesOut-1:0][LanesIn-1:0][WgtW-1:0] wgt_i,
  output logic                                       valid_o,
  input  logic                                       ready_i,
  output logic [LanesOut-1:0][AccW-1:0]              data_o
);
  if (LanesIn == 0 || LanesOut == 0 || ActW == 0 || WgtW == 0 || AccW == 0 || BeatsIn == 0 ||
      BeatsOut == 0 || Held == 0) begin : gen_check
    $fatal(1, "zero among Lanes %0d, %0d ActW %0d WgtW %0d AccW %0d Beats %0d, %0d Held %0d",
           LanesIn, LanesOut, ActW, WgtW, AccW, BeatsIn, BeatsOut, Held);
  end

  localparam int unsigned BLOCK = BeatsIn * Held;
  localparam int unsigned AddrW = BLOCK > 0 ? $clog2(2 * BLOCK) : 1;
  // What a beat's products sum up to, which needs no more bits than that.
  localparam int unsigned TreeW = ActW + WgtW + $clog2(LanesIn);
  localparam int unsigned SumW = TreeW < AccW ? TreeW : AccW;

  typedef logic [AddrW-1:0] addr_t;
  localparam addr_t SECOND = addr_t'(BLOCK);

  // ---- two blocks of vectors: beat k of pixel p lies at k * Held + p
  addr_t      waddr_q, wbase_q, raddr_q;
  logic [1:0] full_q;
  logic       write, vector_in, filled, emptied;

  assign ready_o = !full_q[1];
  assign write   = valid_i && ready_o;

  logic write_beat_last, write_pixel_last;
  beat_counter #(.Beats(BeatsIn)) u_write_beats (
    .clk_i, .rst_ni, .step_i(write), .last_o(write_beat_last)
  );
  beat_counter #(.Beats(Held)) u_write_pixels (
    .clk_i, .rst_ni, .step_i(vector_in), .last_o(write_pixel_last)
  );
  assign vector_in = write && write_beat_last;
  assign filled    = vector_in && write_pixel_last;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      waddr_q <= '0;
      wbase_q <= '0;
      full_q  <= '0;
    end else begin
      full_q <= full_q + 2'(filled) - 2'(emptied);
      if (filled) begin
        waddr_q <= waddr_q == addr_t'(2 * BLOCK - 1) ? '0 : SECOND;
        wbase_q <= waddr_q == addr_t'(2 * BLOCK - 1) ? '0 : SECOND;
      end else if (vector_in) begin
        waddr_q <= wbase_q + 1'b1;
        wbase_q <= wbase_q + 1'b1;
      end else if (write) begin
        waddr_q <= waddr_q + addr_t'(Held);
      end
    end
  end

  // ---- a weight word meets the pixels in turn
  logic                                       take, step_ready, mac_ready, valid_q;
  logic                                       pixel_last, beat_last, output_last;
  logic [LanesIn-1:0][ActW-1:0]               act_q;
  logic [LanesOut-1:0][LanesIn-1:0][WgtW-1:0] wgt_q;

  beat_counter #(.Beats(Held)) u_pixels (.clk_i, .rst_ni, .step_i(take), .last_o(pixel_last));
  beat_counter #(.Beats(BeatsIn)) u_beats (
    .clk_i, .rst_ni, .step_i(take && pixel_last), .last_o(beat_last)
  );
  beat_counter #(.Beats(BeatsOut)) u_outputs (
    .clk_i, .rst_ni, .step_i(take && pixel_last && beat_last), .last_o(output_last)
  );

  assign step_ready  = !valid_q || mac_ready;
  assign take        = full_q != '0 && wgt_valid_i && step_ready;
  assign wgt_ready_o = take && pixel_last;
  assign emptied     = wgt_ready_o && beat_last && output_last;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      raddr_q <= '0;
      valid_q <= 1'b0;
    end else begin
      if (step_ready) valid_q <= take;
      if (take) begin
        if (!(pixel_last && beat_last)) raddr_q <= raddr_q + 1'b1;
        else if ((raddr_q == addr_t'(BLOCK - 1)) == output_last) raddr_q <= SECOND;
        else raddr_q <= '0;
      end
    end
    if (take) wgt_q <= wgt_i;
  end

  engine_ram #(
    .Width(LanesIn * ActW),
    .Depth(2 * BLOCK)
  ) u_vectors (
    .clk_i,
    .we_i   (write),
    .waddr_i(waddr_q),
    .wdata_i(data_i),
    .re_i   (take),
    .raddr_i(raddr_q),
    .rdata_o(act_q)
  );

  // ---- sums of a beat each
  logic                          sum_valid, sum_ready;
  logic [LanesOut-1:0][SumW-1:0] sum;
  mac_array #(
    .Lanes(LanesOut), .Inputs(LanesIn), .ActW(ActW), .ActSigned(ActSigned), .WgtW(WgtW),
    .AccW(SumW), .Share(LanesOut), .LutMul(LutMul)
  ) u_mac (
    .clk_i,
    .rst_ni,
    .valid_i(valid_q),
    .ready_o(mac_ready),
    .first_i(1'b1),
    .last_i (1'b1),
    .act_i  (act_q),
    .wgt_i  (wgt_q),
    .valid_o(sum_valid),
    .ready_i(sum_ready),
    .data_o (sum)
  );

  // ---- accumulators of all pixels, which come round in turn
  logic [Held-1:0][LanesOut-1:0][AccW-1:0] ring_q;   // the newest at 0
  logic [LanesOut-1:0][AccW-1:0] base, total;
  logic                          add, add_pixel_last, add_beat_last, add_first_q;

  assign sum_ready = !valid_o || ready_i;
  assign add       = sum_valid && sum_ready;
  beat_counter #(.Beats(Held)) u_add_pixels (
    .clk_i, .rst_ni, .step_i(add), .last_o(add_pixel_last)
  );
  beat_counter #(.Beats(BeatsIn)) u_add_beats (
    .clk_i, .rst_ni, .step_i(add && add_pixel_last), .last_o(add_beat_last)
  );

  assign base = add_first_q ? '0 : ring_q[Held-1];
  for (genvar l = 0; l < LanesOut; l++) begin : gen_add
    assign total[l] = base[l] + AccW'(signed'(sum[l]));
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_o     <= 1'b0;
      add_first_q <= 1'b1;
    end else begin
      if (sum_ready) valid_o <= add && add_beat_last;
      if (add && add_pixel_last) add_first_q <= add_beat_last;
    end
    if (add) ring_q <= $bits(ring_q)'({ring_q, total});
  end
  assign data_o = ring_q[0];

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
