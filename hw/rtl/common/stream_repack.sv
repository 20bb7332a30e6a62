// SPDX-License-Identifier: Apache-2.0

/// Cuts pixels anew: width converter, concatenation and split in one.
///
/// Of each pixel, input `k` brings `InC[k]` channels in beats of `LanesIn`, one input after another;
/// output `m` takes `OutC[m]` channels of the same sequence in beats of `LanesOut`. The last beat of
/// each segment may be ragged, its lanes beyond the last channel are zero.
///
/// Takes max(input beats, output beats) cycles a pixel, without bubbles between pixels. One of three
/// forms is chosen by the parameters:
/// - `stream_repack_select`, if each output beat is a part of one input beat: same width or narrowing
///   by a whole factor. No registers for data, no latency.
/// - `stream_repack_widen`, if each input beat is a part of one output beat: one output beat of
///   registers, latency 1.
/// - `stream_repack_shift` for everything else: a shift register of about one beat of each side, in
///   units of the greatest common divisor of all widths and channel counts, latency 1.
///
/// `ready_o` depends combinationally on `ready_i`, and in the first form `valid_o` on `valid_i`. Put
/// a FIFO beside it where that path must be cut.
module stream_repack #(
  parameter int unsigned LaneW    = 8,
  parameter int unsigned LanesIn  = 4,
  parameter int unsigned LanesOut = 2,
  parameter int unsigned Ins      = 1,
  parameter int unsigned Outs     = 1,
  /// Channels of each input and of each output; both have the same sum.
  parameter logic [Ins-1:0][15:0]  InC  = {Ins{16'd4}},
  parameter logic [Outs-1:0][15:0] OutC = {Outs{16'd4}}
) (
  input  logic                                   clk_i,
  input  logic                                   rst_ni,  // synchronous
  input  logic [Ins-1:0]                         valid_i,
  output logic [Ins-1:0]                         ready_o,
  input  logic [Ins-1:0][LanesIn-1:0][LaneW-1:0] data_i,
  output logic [Outs-1:0]                        valid_o,
  input  logic [Outs-1:0]                        ready_i,
  /// Shared by all outputs.
  output logic [LanesOut-1:0][LaneW-1:0]         data_o
);
  function automatic int unsigned sum_in();
    sum_in = 0;
    for (int unsigned k = 0; k < Ins; k++) sum_in += 32'(InC[k]);
  endfunction

  function automatic int unsigned sum_out();
    sum_out = 0;
    for (int unsigned m = 0; m < Outs; m++) sum_out += 32'(OutC[m]);
  endfunction

  function automatic bit has_zero();
    has_zero = 1'b0;
    for (int unsigned k = 0; k < Ins; k++) has_zero |= InC[k] == '0;
    for (int unsigned m = 0; m < Outs; m++) has_zero |= OutC[m] == '0;
  endfunction

  /// Whether each output segment starts a multiple of `lanes` channels away from the start of each
  /// input segment with which it shares a channel. Then beats are cut at the same places.
  function automatic bit aligned(int unsigned lanes);
    int unsigned first_in;
    int unsigned first_out;
    aligned  = 1'b1;
    first_in = 0;
    for (int unsigned k = 0; k < Ins; k++) begin
      first_out = 0;
      for (int unsigned m = 0; m < Outs; m++) begin
        if (first_in < first_out + 32'(OutC[m]) && first_out < first_in + 32'(InC[k]) &&
            (first_in > first_out ? first_in - first_out : first_out - first_in) % lanes != 0) begin
          aligned = 1'b0;
        end
        first_out += 32'(OutC[m]);
      end
      first_in += 32'(InC[k]);
    end
  endfunction

  if (LaneW == 0 || LanesIn == 0 || LanesOut == 0 || Ins == 0 || Outs == 0) begin : gen_check
    $fatal(1, "LaneW, LanesIn, LanesOut, Ins and Outs must not be 0; got %0d, %0d, %0d, %0d, %0d",
           LaneW, LanesIn, LanesOut, Ins, Outs);
  end else if (has_zero()) begin : gen_check
    $fatal(1, "each segment needs a channel; got InC %0h, OutC %0h (16 bits each)", InC, OutC);
  end else if (sum_in() != sum_out()) begin : gen_check
    $fatal(1, "inputs bring %0d channels a pixel, outputs take %0d", sum_in(), sum_out());
  end else if (LanesIn % LanesOut == 0 && aligned(LanesOut)) begin : gen_select
    stream_repack_select #(
      .LaneW(LaneW), .LanesIn(LanesIn), .LanesOut(LanesOut), .Ins(Ins), .Outs(Outs),
      .InC(InC), .OutC(OutC)
    ) u_select (
      .clk_i, .rst_ni, .valid_i, .ready_o, .data_i, .valid_o, .ready_i, .data_o
    );
  end else if (LanesOut % LanesIn == 0 && aligned(LanesIn)) begin : gen_widen
    stream_repack_widen #(
      .LaneW(LaneW), .LanesIn(LanesIn), .LanesOut(LanesOut), .Ins(Ins), .Outs(Outs),
      .InC(InC), .OutC(OutC)
    ) u_widen (
      .clk_i, .rst_ni, .valid_i, .ready_o, .data_i, .valid_o, .ready_i, .data_o
    );
  end else begin : gen_shift
    stream_repack_shift #(
      .LaneW(LaneW), .LanesIn(LanesIn), .LanesOut(LanesOut), .Ins(Ins), .Outs(Outs),
      .InC(InC), .OutC(OutC)
    ) u_shift (
      .clk_i, .rst_ni, .valid_i, .ready_o, .data_i, .valid_o, .ready_i, .data_o
    );
  end

`ifndef SYNTHESIS
  for (genvar m = 0; m < Outs; m++) begin : gen_assert
    BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
        valid_o[m] && !ready_i[m] |=> valid_o[m] && $stable(data_o))
      else $error("%m: a beat of output %0d changed or vanished before it was taken", m);
  end
`endif
endmodule
