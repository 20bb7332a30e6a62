// SPDX-License-Identifier: Apache-2.0

/// Between a stream of pixels and a dense sequence of the same elements, as memory holds them.
///
/// The same elements come in and go out in the same order, `LanesIn` and `LanesOut` a beat. A beat
/// ends where a segment of its side ends: after every `SegmentIn`, or `SegmentOut`, elements. What
/// lies beyond the last element of a ragged beat is ignored at the input, and zero at the output.
/// For example, RGB pixels that memory holds without gaps, 8 bytes a word, in frames of 49,152
/// pixels, become beats of one pixel with `LanesIn` 8, `SegmentIn` 147456, `LanesOut` 3, `SegmentOut` 3.
///
/// A shift register of an input beat and two output beats less a unit, the greatest common divisor of
/// widths and segments. Latency 1. A round, which is one of the longer segments, takes as many cycles as the
/// side with more beats has; where the sides' beats are nearly as many, up to a cycle more for each
/// shorter segment behind its first. `ready_o` and `valid_o` depend on registers only.
module stream_dense #(
  parameter int unsigned LaneW      = 8,
  parameter int unsigned LanesIn    = 8,
  parameter int unsigned LanesOut   = 3,
  /// Elements; one of the two must divide the other.
  parameter int unsigned SegmentIn  = 48,
  parameter int unsigned SegmentOut = 3
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
  if (LaneW == 0 || LanesIn == 0 || LanesOut == 0 || SegmentIn == 0 || SegmentOut == 0) begin : gen_check
    $fatal(1, "no parameter may be 0; got LaneW %0d, lanes %0d and %0d, segments %0d and %0d",
           LaneW, LanesIn, LanesOut, SegmentIn, SegmentOut);
  end else if (SegmentIn % SegmentOut != 0 && SegmentOut % SegmentIn != 0) begin : gen_check
    $fatal(1, "one segment must be a multiple of the other; got %0d and %0d elements",
           SegmentIn, SegmentOut);
  end

  function automatic int unsigned gcd(int unsigned a, int unsigned b);
    int unsigned rest;
    while (b != 0) begin
      rest = a % b;
      a    = b;
      b    = rest;
    end
    gcd = a;
  endfunction

  localparam int unsigned UNIT_LANES = gcd(gcd(LanesIn, LanesOut), gcd(SegmentIn, SegmentOut));
  localparam int unsigned UNIT_W     = UNIT_LANES * LaneW;
  localparam int unsigned UNITS_IN   = LanesIn / UNIT_LANES;
  localparam int unsigned UNITS_OUT  = LanesOut / UNIT_LANES;
  // Whatever the level, two output beats are there or an input beat finds room: it need not be known
  // whether one leaves.
  localparam int unsigned UNITS      = UNITS_IN + 2 * UNITS_OUT - 1;
  localparam int unsigned BEATS_IN   = (SegmentIn + LanesIn - 1) / LanesIn;
  localparam int unsigned BEATS_OUT  = (SegmentOut + LanesOut - 1) / LanesOut;
  localparam int unsigned LAST_IN    = (SegmentIn - (BEATS_IN - 1) * LanesIn) / UNIT_LANES;
  localparam int unsigned LAST_OUT   = (SegmentOut - (BEATS_OUT - 1) * LanesOut) / UNIT_LANES;
  localparam int unsigned LEVEL_W    = $clog2(UNITS + 1);
  typedef logic [LEVEL_W-1:0] level_t;

  logic   last_of_input;
  logic   last_of_output;
  logic   push;
  logic   pop;
  level_t coming;   // units of the input beat
  level_t leaving;  // units of the output beat
  level_t level_q;
  logic [UNITS-1:0][UNIT_W-1:0]     units_q;
  logic [UNITS-1:0][UNIT_W-1:0]     inserted;
  logic [UNITS-1:0][UNIT_W-1:0]     joined;   // stored units, and behind them those at the input
  logic [UNITS_IN-1:0][UNIT_W-1:0]  data_in;
  logic [UNITS_OUT-1:0][UNIT_W-1:0] data_out;

  beat_counter #(.Beats(BEATS_IN)) u_in (.clk_i, .rst_ni, .step_i(push), .last_o(last_of_input));
  beat_counter #(.Beats(BEATS_OUT)) u_out (.clk_i, .rst_ni, .step_i(pop), .last_o(last_of_output));

  assign coming  = last_of_input ? level_t'(LAST_IN) : level_t'(UNITS_IN);
  assign leaving = last_of_output ? level_t'(LAST_OUT) : level_t'(UNITS_OUT);
  assign valid_o = level_q >= leaving;
  assign pop     = valid_o && ready_i;
  assign ready_o = level_q <= level_t'(UNITS) - coming;
  assign push    = valid_i && ready_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) level_q <= '0;
    else level_q <= level_q + (push ? coming : '0) - (pop ? leaving : '0);
  end

  // Whatever is above the level does not count, so the input's units are put there in any case.
  assign data_in  = data_i;
  for (genvar b = 0; b < UNIT_W; b++) begin : gen_bit  // a shift by units, without a multiplier
    logic [UNITS-1:0] column;
    always_comb begin
      column = '0;
      for (int unsigned u = 0; u < UNITS_IN; u++) column[u] = data_in[u][b];
      column = column << level_q;
    end
    for (genvar s = 0; s < UNITS; s++) begin : gen_place
      assign inserted[s][b] = column[s];
    end
  end

  for (genvar s = 0; s < UNITS; s++) begin : gen_unit
    assign joined[s] = level_t'(s) < level_q ? units_q[s] : inserted[s];
    always_ff @(posedge clk_i) begin
      if (!pop) units_q[s] <= joined[s];
      else if (last_of_output) units_q[s] <= s + LAST_OUT < UNITS ? joined[(s+LAST_OUT)%UNITS] : '0;
      else units_q[s] <= s + UNITS_OUT < UNITS ? joined[(s+UNITS_OUT)%UNITS] : '0;
    end
  end

  // A ragged beat ends where the next one starts; that one is not to be seen yet.
  for (genvar u = 0; u < UNITS_OUT; u++) begin : gen_out
    if (u < LAST_OUT) begin : gen_always
      assign data_out[u] = units_q[u];
    end else begin : gen_ragged
      assign data_out[u] = last_of_output ? '0 : units_q[u];
    end
  end
  assign data_o = data_out;

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
