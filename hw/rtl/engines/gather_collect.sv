// SPDX-License-Identifier: Apache-2.0

/// The part of `engine_gather` that puts the beats of a pixel side by side in registers. With `Hold`
/// the pixel stays at the output while the next one is collected; without it, the next one's beats
/// overwrite the pixel as soon as it is taken. One beat per cycle, latency 1 from the last beat of a
/// pixel. `ready_o` depends combinationally on `ready_i`.
module gather_collect #(
  parameter int unsigned LaneW = 8,
  parameter int unsigned Channels = 4,
  parameter int unsigned Lanes = 2,
  parameter bit          Hold  = 1'b1
) (
  input  logic                           clk_i,
  input  logic                           rst_ni,  // synchronous
  input  logic                           valid_i,
  output logic                           ready_o,
  input  logic [Lanes-1:0][LaneW-1:0]    data_i,
  output logic                           valid_o,
  input  logic                           ready_i,
  output logic [Channels-1:0][LaneW-1:0] pixel_o
);
  localparam int unsigned BEATS  = (Channels + Lanes - 1) / Lanes;
  localparam int unsigned BEAT_W = BEATS > 1 ? $clog2(BEATS) : 1;
  localparam int unsigned EARLY  = (BEATS - 1) * Lanes;  // channels before the last beat

  if (BEATS < 2) begin : gen_check
    $fatal(1, "a pixel of %0d channels in beats of %0d needs no collecting", Channels, Lanes);
  end

  logic [BEAT_W-1:0] beat_q;
  logic              last;
  logic              take;
  logic              free;  // the pixel at the output is taken, or there is none

  assign last    = beat_q == BEAT_W'(BEATS - 1);
  assign free    = !valid_o || ready_i;
  assign ready_o = free || (Hold && !last);
  assign take    = valid_i && ready_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      beat_q  <= '0;
      valid_o <= 1'b0;
    end else begin
      if (take) beat_q <= last ? '0 : beat_q + 1'b1;
      if (free) valid_o <= take && last;
    end
  end

  logic [EARLY-1:0][LaneW-1:0] early_q;
  for (genvar b = 0; b + 1 < BEATS; b++) begin : gen_early
    always_ff @(posedge clk_i) begin
      if (take && beat_q == BEAT_W'(b)) early_q[b*Lanes+:Lanes] <= data_i;
    end
  end

  if (Hold) begin : gen_hold
    always_ff @(posedge clk_i) begin
      if (take && last) pixel_o <= {data_i[Channels-EARLY-1:0], early_q};
    end
  end else begin : gen_in_place
    logic [Channels-EARLY-1:0][LaneW-1:0] late_q;
    always_ff @(posedge clk_i) if (take && last) late_q <= data_i[Channels-EARLY-1:0];
    assign pixel_o = {late_q, early_q};
  end

  if (Channels % Lanes != 0) begin : gen_ragged
    logic unused_lanes;
    assign unused_lanes = ^data_i[Lanes-1:Channels-EARLY];
  end
endmodule
