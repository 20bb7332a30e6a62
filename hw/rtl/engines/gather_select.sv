// SPDX-License-Identifier: Apache-2.0

/// The part of `engine_gather` that gives out a whole pixel: `pixel_i` stays at the input while the
/// beats of the result are given out, one a cycle. Lane `p` of beat `b` is channel
/// `Index[b * Lanes + p]`, or zero if that is 16'hFFFF; so are lanes beyond the last channel. Multiplexers and a counter, no
/// latency: `valid_o` and `data_o` depend combinationally on the inputs, `ready_o` on `ready_i`.
module gather_select #(
  parameter int unsigned LaneW = 8,
  parameter int unsigned InC   = 4,
  parameter int unsigned OutC  = 4,
  parameter int unsigned Lanes = 2,
  parameter logic [OutC-1:0][15:0] Index = '0
) (
  input  logic                        clk_i,
  input  logic                        rst_ni,  // synchronous
  input  logic                        valid_i,
  output logic                        ready_o,
  input  logic [InC-1:0][LaneW-1:0]   pixel_i,
  output logic                        valid_o,
  input  logic                        ready_i,
  output logic [Lanes-1:0][LaneW-1:0] data_o
);
  localparam int unsigned BEATS  = (OutC + Lanes - 1) / Lanes;
  localparam int unsigned BEAT_W = BEATS > 1 ? $clog2(BEATS) : 1;

  logic [BEAT_W-1:0] beat;
  logic              last;

  assign valid_o = valid_i;
  assign ready_o = ready_i && last;

  if (BEATS == 1) begin : gen_whole
    logic unused_clock;
    assign unused_clock = ^{clk_i, rst_ni};
    assign beat         = '0;
    assign last         = 1'b1;
  end else begin : gen_beats
    logic [BEAT_W-1:0] beat_q;
    assign beat = beat_q;
    assign last = beat_q == BEAT_W'(BEATS - 1);
    always_ff @(posedge clk_i) begin
      if (!rst_ni) beat_q <= '0;
      else if (valid_i && ready_i) beat_q <= last ? '0 : beat_q + 1'b1;
    end
  end

  for (genvar p = 0; p < Lanes; p++) begin : gen_lane
    logic [BEATS-1:0][LaneW-1:0] choice;
    for (genvar b = 0; b < BEATS; b++) begin : gen_beat
      if (b * Lanes + p < OutC && Index[b*Lanes+p] != 16'hFFFF) begin : gen_channel
        assign choice[b] = pixel_i[Index[b*Lanes+p]];
      end else begin : gen_beyond
        assign choice[b] = '0;
      end
    end
    assign data_o[p] = choice[beat];
  end

  // Channels that nobody selects.
  logic unused_channels;
  assign unused_channels = ^pixel_i;
endmodule
