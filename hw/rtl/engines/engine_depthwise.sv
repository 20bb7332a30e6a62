// SPDX-License-Identifier: Apache-2.0

/// Depthwise convolution on windows from `engine_window` with GroupBeats = 1, or any convolution in
/// groups that takes whole groups at once: `Lanes` groups of `GroupIn` channels give `GroupOut`
/// channels each. A lane multiplies its group's taps with its weights and accumulates them over the
/// `Steps` beats of a channel beat. With `LutMul` there are no multipliers but adders in LUTs.
///
/// Weight word `cb * Steps + step` of `RomFile` holds, signed, the weight of tap t, group lane l,
/// output m and input c at bits [(((t*Lanes+l)*GroupOut+m)*GroupIn+c)*WgtW +: WgtW]. Accumulators are
/// exact modulo 2**AccW.
///
/// Throughput: one input beat per cycle, without bubbles. Latency: 4 + ceil(log2(Taps*GroupIn))
/// cycles from the last beat of a channel beat. `ready_o` depends combinationally on `ready_i`.
module engine_depthwise #(
  parameter int unsigned Lanes = 4,
  parameter int unsigned Taps = 9,
  parameter int unsigned GroupIn = 1,
  parameter int unsigned GroupOut = 1,
  parameter int unsigned ActW = 8,
  parameter bit          ActSigned = 1'b0,
  parameter int unsigned WgtW = 4,
  parameter int unsigned AccW = 16,
  /// Channel beats of a pixel.
  parameter int unsigned Beats = 1,
  /// Input beats of a channel beat.
  parameter int unsigned Steps = 1,
  /// Multiply in LUTs rather than DSPs.
  parameter bit          LutMul = 1'b0,
  parameter RomFile = ""
) (
  input  logic                                    clk_i,
  input  logic                                    rst_ni,   // synchronous
  input  logic                                    valid_i,
  output logic                                    ready_o,
  input  logic [Taps*Lanes*GroupIn-1:0][ActW-1:0] data_i,
  output logic                                    valid_o,
  input  logic                                    ready_i,
  output logic [Lanes*GroupOut-1:0][AccW-1:0]     data_o
);
  if (Lanes == 0 || Taps == 0 || ActW == 0 || WgtW == 0 || AccW == 0 || Beats == 0 ||
      Steps == 0 || GroupIn == 0 || GroupOut == 0) begin : gen_check
    $fatal(1,
           "zero among Lanes %0d Taps %0d ActW %0d WgtW %0d AccW %0d Beats %0d Steps %0d Group %0d, %0d",
           Lanes, Taps, ActW, WgtW, AccW, Beats, Steps, GroupIn, GroupOut);
  end

  localparam int unsigned WORDS = Beats * Steps;

  localparam int unsigned INPUTS = Taps * GroupIn;

  logic                                           take, mac_ready, step_last;
  logic                                           valid_q, first_q, last_q, begin_q;
  logic [Taps*Lanes*GroupIn-1:0][ActW-1:0]        data_q;
  logic [Taps*Lanes*GroupOut*GroupIn-1:0][WgtW-1:0] weights;
  logic [Lanes-1:0][INPUTS-1:0][ActW-1:0]         act;
  logic [Lanes*GroupOut-1:0][INPUTS-1:0][WgtW-1:0] wgt;

  assign ready_o = !valid_q || mac_ready;
  assign take    = valid_i && ready_o;

  beat_counter #(.Beats(Steps)) u_steps (.clk_i, .rst_ni, .step_i(take), .last_o(step_last));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      begin_q <= 1'b1;   // the next step is the first of its channel beat
      valid_q <= 1'b0;
    end else begin
      if (ready_o) valid_q <= valid_i;
      if (take) begin_q <= step_last;
    end
    if (take) begin
      data_q  <= data_i;
      first_q <= begin_q;
      last_q  <= step_last;
    end
  end

  stream_rom_loop #(
    .Width  (Taps * Lanes * GroupOut * GroupIn * WgtW),
    .Depth  (WORDS),
    .RomFile(RomFile)
  ) u_weights (
    .clk_i,
    .rst_ni,
    .en_i  (take),
    .data_o(weights)
  );

  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    for (genvar i = 0; i < INPUTS; i++) begin : gen_input
      localparam int unsigned PLACE = i / GroupIn * Lanes + l;   // of the tap's group
      assign act[l][i] = data_q[PLACE*GroupIn+i%GroupIn];
      for (genvar m = 0; m < GroupOut; m++) begin : gen_output
        assign wgt[l*GroupOut+m][i] = weights[(PLACE*GroupOut+m)*GroupIn+i%GroupIn];
      end
    end
  end

  mac_array #(
    .Lanes(Lanes * GroupOut), .Inputs(INPUTS), .ActW(ActW), .ActSigned(ActSigned), .WgtW(WgtW),
    .AccW(AccW), .Share(GroupOut), .LutMul(LutMul)
  ) u_mac (
    .clk_i,
    .rst_ni,
    .valid_i(valid_q),
    .ready_o(mac_ready),
    .first_i(first_q),
    .last_i (last_q),
    .act_i  (act),
    .wgt_i  (wgt),
    .valid_o,
    .ready_i,
    .data_o
  );

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
