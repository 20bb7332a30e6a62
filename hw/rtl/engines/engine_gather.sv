// SPDX-License-Identifier: Apache-2.0

/// Chooses channels: channel `n` of the output is channel `Index[n]` of the same pixel, in any order,
/// with repetitions and omissions; an index of 16'hFFFF gives zeros. Pixels of `InC` channels come in beats of `LanesIn` and leave as
/// pixels of `OutC` channels in beats of `LanesOut`; lanes beyond the last channel are zero.
///
/// Takes max(input beats, output beats) cycles a pixel, without bubbles between pixels. Four forms:
/// - one input beat holds the pixel: multiplexers only (wires if the output is one beat too), no
///   latency; `ready_o` depends on `ready_i`, `valid_o` and `data_o` on the inputs.
/// - whole beats are chosen, in their order: the others are dropped, no latency; `ready_o` depends on
///   `ready_i`, `valid_o` and `data_o` on the inputs.
/// - `Memory` = 0: registers hold a pixel while the next is collected, latency 1; `ready_o` depends
///   on `ready_i`. Cheap where few output beats make up a pixel.
/// - `Memory` = 1: a memory per output lane, latency 2; ready paths end in registers. Cheap where
///   lanes are few.
module engine_gather #(
  parameter int unsigned LaneW    = 8,
  parameter int unsigned LanesIn  = 2,
  parameter int unsigned LanesOut = 2,
  parameter int unsigned InC      = 4,
  parameter int unsigned OutC     = 4,
  parameter logic [OutC-1:0][15:0] Index = '0,
  parameter bit          Memory   = 1'b0
) (
  input  logic                           clk_i,
  input  logic                           rst_ni,  // synchronous
  input  logic                           valid_i,
  output logic                           ready_o,
  input  logic [LanesIn-1:0][LaneW-1:0]  data_i,
  output logic                           valid_o,
  input  logic                           ready_i,
  output logic [LanesOut-1:0][LaneW-1:0] data_o
);
  function automatic int unsigned largest();
    largest = 0;
    for (int unsigned n = 0; n < OutC; n++) begin
      if (Index[n] != 16'hFFFF && 32'(Index[n]) > largest) largest = 32'(Index[n]);
    end
  endfunction

  // Whether each output beat is one of the input, later ones behind earlier ones.
  function automatic bit whole_beats();
    if (LanesIn != LanesOut || OutC % LanesOut != 0) return 1'b0;
    for (int unsigned n = 0; n < OutC; n++) begin
      if (Index[n] == 16'hFFFF) return 1'b0;
      if (n % LanesOut != 0) begin
        if (Index[n] != Index[n-1] + 1'b1) return 1'b0;
      end else if (32'(Index[n]) % LanesIn != 0 || (n != 0 && Index[n] <= Index[n-1])) begin
        return 1'b0;
      end
    end
    return 1'b1;
  endfunction

  localparam int unsigned BEATS_IN = LanesIn == 0 ? 1 : (InC + LanesIn - 1) / LanesIn;

  function automatic logic [BEATS_IN-1:0] kept();
    kept = '0;
    for (int unsigned n = 0; n < OutC; n += LanesOut) kept[32'(Index[n]) / LanesIn] = 1'b1;
  endfunction

  if (LaneW == 0 || LanesIn == 0 || LanesOut == 0 || InC == 0 || OutC == 0) begin : gen_check
    $fatal(1, "LaneW, LanesIn, LanesOut, InC and OutC must not be 0; got %0d, %0d, %0d, %0d, %0d",
           LaneW, LanesIn, LanesOut, InC, OutC);
  end else if (largest() >= InC) begin : gen_check
    $fatal(1, "Index names channel %0d of %0d", largest(), InC);
  end else if (InC <= LanesIn) begin : gen_direct
    gather_select #(
      .LaneW(LaneW), .InC(InC), .OutC(OutC), .Lanes(LanesOut), .Index(Index)
    ) u_select (
      .clk_i, .rst_ni, .valid_i, .ready_o, .pixel_i(data_i[InC-1:0]), .valid_o, .ready_i, .data_o
    );
    if (InC < LanesIn) begin : gen_ragged
      logic unused_lanes;
      assign unused_lanes = ^data_i[LanesIn-1:InC];
    end
  end else if (whole_beats()) begin : gen_filter
    gather_filter #(.Width(LanesIn * LaneW), .Beats(BEATS_IN), .Keep(kept())) u_filter (
      .clk_i, .rst_ni, .valid_i, .ready_o, .data_i, .valid_o, .ready_i, .data_o
    );
  end else if (Memory) begin : gen_memory
    gather_memory #(
      .LaneW(LaneW), .LanesIn(LanesIn), .LanesOut(LanesOut), .InC(InC), .OutC(OutC), .Index(Index)
    ) u_memory (
      .clk_i, .rst_ni, .valid_i, .ready_o, .data_i, .valid_o, .ready_i, .data_o
    );
  end else begin : gen_registers
    logic                      pixel_valid;
    logic                      pixel_ready;
    logic [InC-1:0][LaneW-1:0] pixel;

    gather_collect #(
      .LaneW(LaneW), .Channels(InC), .Lanes(LanesIn), .Hold(OutC > LanesOut)
    ) u_collect (
      .clk_i, .rst_ni, .valid_i, .ready_o, .data_i,
      .valid_o(pixel_valid), .ready_i(pixel_ready), .pixel_o(pixel)
    );
    gather_select #(
      .LaneW(LaneW), .InC(InC), .OutC(OutC), .Lanes(LanesOut), .Index(Index)
    ) u_select (
      .clk_i, .rst_ni, .valid_i(pixel_valid), .ready_o(pixel_ready), .pixel_i(pixel),
      .valid_o, .ready_i, .data_o
    );
  end

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
