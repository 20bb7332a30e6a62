// SPDX-License-Identifier: Apache-2.0

/// The form of `stream_repack` for segments that are cut at unlike places: a shift register whose
/// low end is the output beat, and behind whose last unit the next input beat is inserted. A unit is
/// the greatest common divisor of the widths and channel counts. Its length is the least at which
/// neither side ever waits for the other without need, found at elaboration by playing three pixels.
/// max(input beats, output beats) cycles a pixel, latency 1; `ready_o` depends combinationally on
/// `ready_i`. `stream_repack` explains and checks the parameters.
module stream_repack_shift #(
  parameter int unsigned LaneW    = 8,
  parameter int unsigned LanesIn  = 3,
  parameter int unsigned LanesOut = 2,
  parameter int unsigned Ins      = 1,
  parameter int unsigned Outs     = 1,
  parameter logic [Ins-1:0][15:0]  InC  = {Ins{16'd6}},
  parameter logic [Outs-1:0][15:0] OutC = {Outs{16'd6}}
) (
  input  logic                                   clk_i,
  input  logic                                   rst_ni,
  input  logic [Ins-1:0]                         valid_i,
  output logic [Ins-1:0]                         ready_o,
  input  logic [Ins-1:0][LanesIn-1:0][LaneW-1:0] data_i,
  output logic [Outs-1:0]                        valid_o,
  input  logic [Outs-1:0]                        ready_i,
  output logic [LanesOut-1:0][LaneW-1:0]         data_o
);
  function automatic int unsigned gcd(int unsigned a, int unsigned b);
    int unsigned rest;
    while (b != 0) begin
      rest = a % b;
      a    = b;
      b    = rest;
    end
    gcd = a;
  endfunction

  function automatic int unsigned common_divisor();
    common_divisor = gcd(LanesIn, LanesOut);
    for (int unsigned k = 0; k < Ins; k++) common_divisor = gcd(common_divisor, 32'(InC[k]));
    for (int unsigned m = 0; m < Outs; m++) common_divisor = gcd(common_divisor, 32'(OutC[m]));
  endfunction

  localparam int unsigned UNIT_LANES = common_divisor();
  localparam int unsigned UNIT_W     = UNIT_LANES * LaneW;
  localparam int unsigned UNITS_IN   = LanesIn / UNIT_LANES;
  localparam int unsigned UNITS_OUT  = LanesOut / UNIT_LANES;
  localparam int unsigned IN_W       = Ins > 1 ? $clog2(Ins) : 1;
  localparam int unsigned OUT_W      = Outs > 1 ? $clog2(Outs) : 1;

  function automatic logic [Ins-1:0][15:0] in_beats();
    for (int unsigned k = 0; k < Ins; k++) begin
      in_beats[k] = 16'((32'(InC[k]) + LanesIn - 1) / LanesIn);
    end
  endfunction

  function automatic logic [Outs-1:0][15:0] out_beats();
    for (int unsigned m = 0; m < Outs; m++) begin
      out_beats[m] = 16'((32'(OutC[m]) + LanesOut - 1) / LanesOut);
    end
  endfunction

  function automatic int unsigned sum_in_beats();
    sum_in_beats = 0;
    for (int unsigned k = 0; k < Ins; k++) sum_in_beats += 32'(in_beats()[k]);
  endfunction

  function automatic int unsigned sum_out_beats();
    sum_out_beats = 0;
    for (int unsigned m = 0; m < Outs; m++) sum_out_beats += 32'(out_beats()[m]);
  endfunction

  localparam logic [Ins-1:0][15:0]  IN_BEATS  = in_beats();
  localparam logic [Outs-1:0][15:0] OUT_BEATS = out_beats();
  localparam int unsigned PIXEL_IN  = sum_in_beats();
  localparam int unsigned PIXEL_OUT = sum_out_beats();

  /// Units in the last beat of input `k`, and of output `m`.
  function automatic int unsigned last_in(int unsigned k);
    last_in = (32'(InC[k]) - (32'(IN_BEATS[k]) - 1) * LanesIn) / UNIT_LANES;
  endfunction
  function automatic int unsigned last_out(int unsigned m);
    last_out = (32'(OutC[m]) - (32'(OUT_BEATS[m]) - 1) * LanesOut) / UNIT_LANES;
  endfunction

  /// Units in input beat `index` of a pixel, and in output beat `index`.
  function automatic int unsigned units_in(int unsigned index);
    int unsigned first;
    first    = 0;
    units_in = UNITS_IN;
    for (int unsigned k = 0; k < Ins; k++) begin
      first += 32'(IN_BEATS[k]);
      if (index + 1 == first) units_in = last_in(k);
    end
  endfunction
  function automatic int unsigned units_out(int unsigned index);
    int unsigned first;
    first     = 0;
    units_out = UNITS_OUT;
    for (int unsigned m = 0; m < Outs; m++) begin
      first += 32'(OUT_BEATS[m]);
      if (index + 1 == first) units_out = last_out(m);
    end
  endfunction

  /// The fewest units of storage with which the side of more beats never waits. With more input
  /// beats, one comes each cycle and output beats leave as early as they can. With more output
  /// beats, one leaves each cycle and input beats come as late as they may, which is the same game
  /// played backwards in time. Delays settle within the first pixel.
  function automatic int unsigned fewest_units();
    int unsigned level;
    int unsigned slow;   // beat of the side with more beats
    int unsigned fast;
    int unsigned needed;
    level        = 0;
    fast         = 0;
    fewest_units = 0;
    for (int unsigned t = 0; t < 3 * (PIXEL_IN > PIXEL_OUT ? PIXEL_IN : PIXEL_OUT); t++) begin
      if (PIXEL_IN > PIXEL_OUT) begin
        slow   = units_in(t % PIXEL_IN);
        needed = units_out(fast);
      end else begin
        slow   = units_out(PIXEL_OUT - 1 - t % PIXEL_OUT);
        needed = units_in(PIXEL_IN - 1 - fast);
      end
      if (level >= needed) begin
        level -= needed;
        fast   = (fast + 1) % (PIXEL_IN > PIXEL_OUT ? PIXEL_OUT : PIXEL_IN);
      end
      level += slow;
      if (level > fewest_units) fewest_units = level;
    end
  endfunction

  localparam int unsigned UNITS   = fewest_units();
  localparam int unsigned PLACES  = UNITS + UNITS_OUT;   // with those that an output beat frees
  localparam int unsigned LEVEL_W = $clog2(PLACES + 1);
  typedef logic [LEVEL_W-1:0] level_t;

  logic [IN_W-1:0]  source;
  logic [OUT_W-1:0] target;
  logic             last_of_input;
  logic             last_of_output;
  logic             push;
  logic             pop;
  level_t           coming;   // units of the input beat
  level_t           leaving;  // units of the output beat
  level_t           level_q;
  logic [UNITS-1:0][UNIT_W-1:0]     units_q;
  logic [PLACES-1:0][UNIT_W-1:0]    inserted;
  logic [PLACES-1:0][UNIT_W-1:0]    joined;   // stored units, and behind them those at the input
  logic [UNITS_IN-1:0][UNIT_W-1:0]  data_in;
  logic [UNITS_OUT-1:0][UNIT_W-1:0] data_out;

  segment_counter #(.Segments(Ins), .Beats(IN_BEATS)) u_inputs (
    .clk_i, .rst_ni, .step_i(push), .segment_o(source), .last_o(last_of_input)
  );
  segment_counter #(.Segments(Outs), .Beats(OUT_BEATS)) u_outputs (
    .clk_i, .rst_ni, .step_i(pop), .segment_o(target), .last_o(last_of_output)
  );

  always_comb begin
    coming = level_t'(UNITS_IN);
    for (int unsigned k = 0; k < Ins; k++) begin
      if (last_of_input && source == IN_W'(k)) coming = level_t'(last_in(k));
    end
    leaving = level_t'(UNITS_OUT);
    for (int unsigned m = 0; m < Outs; m++) begin
      if (last_of_output && target == OUT_W'(m)) leaving = level_t'(last_out(m));
    end
  end

  // Apart, so that simulators see no loop from ready to valid.
  logic offer, room;
  assign offer = level_q >= leaving;
  assign pop   = offer && ready_i[target];
  assign room  = pop ? level_q <= level_t'(UNITS) - coming + leaving : level_q <= level_t'(UNITS) - coming;
  assign push  = valid_i[source] && room;
  always_comb begin
    valid_o         = '0;
    valid_o[target] = offer;
  end
  always_comb begin
    ready_o         = '0;
    ready_o[source] = room;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) level_q <= '0;
    else level_q <= level_q + (push ? coming : '0) - (pop ? leaving : '0);
  end

  // Whatever is above the level does not count, so the input's units are put there in any case.
  logic unused_lanes;  // there are some where every input is narrower than a beat
  assign unused_lanes = ^data_i[source];
  assign data_in      = data_i[source];
  for (genvar b = 0; b < UNIT_W; b++) begin : gen_bit  // a shift by units, without a multiplier
    logic [PLACES-1:0] column;
    always_comb begin
      column = '0;
      for (int unsigned u = 0; u < UNITS_IN && u < UNITS; u++) column[u] = data_in[u][b];
      column = column << level_q;
    end
    for (genvar s = 0; s < PLACES; s++) begin : gen_place
      assign inserted[s][b] = column[s];
    end
  end

  for (genvar s = 0; s < PLACES; s++) begin : gen_unit
    if (s < UNITS) begin : gen_stored
      assign joined[s] = level_t'(s) < level_q ? units_q[s] : inserted[s];
      always_ff @(posedge clk_i) begin
        units_q[s] <= joined[s];
        if (pop) units_q[s] <= joined[s+UNITS_OUT];
        for (int unsigned m = 0; m < Outs; m++) begin
          if (pop && last_of_output && target == OUT_W'(m)) units_q[s] <= joined[s+last_out(m)];
        end
      end
    end else begin : gen_freed
      assign joined[s] = inserted[s];
    end
  end

  // A ragged beat ends where the next one starts; that one is not to be seen yet.
  // Lanes that no output ever fills are beyond the storage too.
  for (genvar u = 0; u < UNITS_OUT; u++) begin : gen_out
    if (u < UNITS) begin : gen_stored
      assign data_out[u] = level_t'(u) < leaving ? units_q[u] : '0;
    end else begin : gen_never
      assign data_out[u] = '0;
    end
  end
  assign data_o = data_out;
endmodule
