// SPDX-License-Identifier: Apache-2.0

/// Matrix-vector product of a pointwise, dense or grouped layer: a vector of `BeatsIn` beats of
/// `LanesIn` activations gives `BeatsOut` beats of `LanesOut` accumulators. The vectors of a pixel's
/// `Groups` follow each other, each with weights of its own.
///
/// Weight word `(group * BeatsOut + out_beat) * BeatsIn + in_beat` of `RomFile` holds the weight of
/// output lane o and input lane i at bits [(o*LanesIn+i)*WgtW +: WgtW], signed. Accumulators are
/// exact modulo 2**AccW.
///
/// Two output lanes share each multiplier where its operands fit 25 x 18 bits (`mac_array`); with
/// `LutMul` there are no multipliers but adders in LUTs.
///
/// Throughput: one vector per BeatsIn * BeatsOut cycles, without bubbles. Two vectors are stored in
/// turn, so the next one arrives at any time while this one is used; its first beats are used
/// before its last have come. With BeatsOut = 1 nothing is stored. Latency: 4 + ceil(log2(LanesIn))
/// cycles from the last input beat of an output beat, one more when vectors are stored. `ready_o`
/// depends on registers only when vectors are stored, else combinationally on `ready_i`.
module engine_matvec #(
  parameter int unsigned LanesIn = 4,
  parameter int unsigned LanesOut = 4,
  parameter int unsigned ActW = 8,
  parameter bit          ActSigned = 1'b0,
  parameter int unsigned WgtW = 4,
  parameter int unsigned AccW = 20,
  parameter int unsigned BeatsIn = 2,
  parameter int unsigned BeatsOut = 2,
  parameter int unsigned Groups = 1,
  /// Multiply in LUTs rather than DSPs.
  parameter bit          LutMul = 1'b0,
  parameter RomFile = "",
  /// Keep the weights in LUTs even where their size is one for block RAM.
  parameter bit          LutRom = 1'b0
) (
  input  logic                          clk_i,
  input  logic                          rst_ni,   // synchronous
  input  logic                          valid_i,
  output logic                          ready_o,
  input  logic [LanesIn-1:0][ActW-1:0]  data_i,
  output logic                          valid_o,
  input  logic                          ready_i,
  output logic [LanesOut-1:0][AccW-1:0] data_o
);
  if (LanesIn == 0 || LanesOut == 0 || ActW == 0 || WgtW == 0 || AccW == 0 || BeatsIn == 0 ||
      BeatsOut == 0 || Groups == 0) begin : gen_check
    $fatal(1, "zero among Lanes %0d, %0d ActW %0d WgtW %0d AccW %0d Beats %0d, %0d Groups %0d",
           LanesIn, LanesOut, ActW, WgtW, AccW, BeatsIn, BeatsOut, Groups);
  end

  localparam int unsigned WORDS = Groups * BeatsIn * BeatsOut;
  localparam int unsigned BeatW = BeatsIn > 1 ? $clog2(BeatsIn) : 1;

  // ---- one product beat: an activation beat meets a weight word
  logic                         act_valid, take, mac_ready;
  logic                         beat_last;
  logic                         valid_q, first_q, last_q, begin_q;
  logic [BeatW-1:0]             beat_q;
  logic [LanesIn-1:0][ActW-1:0] act_q;
  logic                         step_ready;

  assign step_ready  = !valid_q || mac_ready;
  assign take        = act_valid && step_ready;

  beat_counter #(.Beats(BeatsIn)) u_beats (.clk_i, .rst_ni, .step_i(take), .last_o(beat_last));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      beat_q  <= '0;
      begin_q <= 1'b1;   // beat_q == 0
      valid_q <= 1'b0;
    end else begin
      if (step_ready) valid_q <= act_valid;
      if (take) begin
        beat_q  <= beat_last ? '0 : beat_q + 1'b1;
        begin_q <= beat_last;
      end
    end
    if (take) begin
      first_q <= begin_q;
      last_q  <= beat_last;
    end
  end

  if (BeatsOut == 1) begin : gen_pass
    assign act_valid = valid_i;
    assign ready_o   = step_ready;
    always_ff @(posedge clk_i) begin
      if (take) act_q <= data_i;
    end
  end else begin : gen_store
    localparam int unsigned AddrW = $clog2(2 * BeatsIn);

    logic [AddrW-1:0] waddr_q, rbase_q;
    logic [BeatW-1:0] wbeat_q;
    logic [1:0]       full_q;    // whole vectors that are still in use
    logic             write, filled, emptied, outputs_last;

    beat_counter #(.Beats(BeatsOut)) u_outputs (
      .clk_i,
      .rst_ni,
      .step_i(take && beat_last),
      .last_o(outputs_last)
    );

    assign ready_o   = full_q != 2'd2;
    assign write     = valid_i && ready_o;
    assign filled    = write && wbeat_q == BeatW'(BeatsIn - 1);
    assign emptied   = take && beat_last && outputs_last;
    assign act_valid = full_q != '0 || beat_q < wbeat_q;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        waddr_q <= '0;
        wbeat_q <= '0;
        rbase_q <= '0;
        full_q  <= '0;
      end else begin
        if (write) begin
          waddr_q <= waddr_q == AddrW'(2 * BeatsIn - 1) ? '0 : waddr_q + 1'b1;
          wbeat_q <= filled ? '0 : wbeat_q + 1'b1;
        end
        if (emptied) rbase_q <= rbase_q == '0 ? AddrW'(BeatsIn) : '0;
        full_q <= full_q + 2'(filled) - 2'(emptied);
      end
    end

    engine_ram #(
      .Width(LanesIn * ActW),
      .Depth(2 * BeatsIn)
    ) u_vectors (
      .clk_i,
      .we_i   (write),
      .waddr_i(waddr_q),
      .wdata_i(data_i),
      .re_i   (take),
      .raddr_i(rbase_q + AddrW'(beat_q)),
      .rdata_o(act_q)
    );
  end

  logic [LanesOut-1:0][LanesIn-1:0][WgtW-1:0] weights;
  stream_rom_loop #(
    .Width  (LanesOut * LanesIn * WgtW),
    .Depth  (WORDS),
    .RomFile(RomFile),
    .Block  (!LutRom && WORDS > technology_pkg::RomWords &&
              WORDS * LanesOut * LanesIn * WgtW > technology_pkg::RomBits)
  ) u_weights (
    .clk_i,
    .rst_ni,
    .en_i  (take),
    .data_o(weights)
  );

  mac_array #(
    .Lanes(LanesOut), .Inputs(LanesIn), .ActW(ActW), .ActSigned(ActSigned), .WgtW(WgtW),
    .AccW(AccW), .Share(LanesOut), .LutMul(LutMul)
  ) u_mac (
    .clk_i,
    .rst_ni,
    .valid_i(valid_q),
    .ready_o(mac_ready),
    .first_i(first_q),
    .last_i (last_q),
    .act_i  (act_q),
    .wgt_i  (weights),
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
