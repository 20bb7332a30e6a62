// SPDX-License-Identifier: Apache-2.0

/// Says where in a pixel a stream of several segments is: segment `s` has `Beats[s]` beats, and after
/// the last beat of the last segment the count starts again. Outputs come from registers and tell of
/// the beat that the next `step_i` finishes.
module segment_counter #(
  parameter int unsigned Segments = 1,
  parameter logic [Segments-1:0][15:0] Beats = {Segments{16'd1}},
  localparam int unsigned SegmentW = Segments > 1 ? $clog2(Segments) : 1
) (
  input  logic                clk_i,
  input  logic                rst_ni,  // synchronous
  input  logic                step_i,
  output logic [SegmentW-1:0] segment_o,
  /// The present beat is the last of its segment.
  output logic                last_o
);
  function automatic int unsigned extreme_beats(bit want_max);
    extreme_beats = 32'(Beats[0]);
    for (int unsigned s = 1; s < Segments; s++) begin
      if ((32'(Beats[s]) > extreme_beats) == want_max) extreme_beats = 32'(Beats[s]);
    end
  endfunction
  localparam int unsigned MOST = extreme_beats(1'b1);
  logic [SegmentW-1:0] next;

  if (extreme_beats(1'b0) == 0) begin : gen_check
    $fatal(1, "each segment needs a beat; got %0h (16 bits a segment)", Beats);
  end

  if (MOST == 1) begin : gen_single
    assign last_o = 1'b1;
  end else begin : gen_count
    localparam int unsigned COUNT_W = $clog2(MOST);
    logic [COUNT_W-1:0] left_q;   // beats of the segment behind this one
    logic               last_q;   // left_q == 0
    logic [COUNT_W-1:0] following;

    assign last_o    = last_q;
    assign following = COUNT_W'(Beats[next] - 16'd1);
    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        left_q <= COUNT_W'(Beats[0] - 16'd1);
        last_q <= Beats[0] == 16'd1;
      end else if (step_i) begin
        left_q <= last_q ? following : left_q - 1'b1;
        last_q <= last_q ? following == '0 : left_q == COUNT_W'(1);
      end
    end
  end

  if (Segments == 1) begin : gen_constant
    assign segment_o = '0;
    assign next      = '0;
    if (MOST == 1) begin : gen_unused
      logic unused_clock;
      assign unused_clock = ^{clk_i, rst_ni, step_i, next};
    end
  end else begin : gen_segment
    assign next = segment_o == SegmentW'(Segments - 1) ? '0 : segment_o + 1'b1;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) segment_o <= '0;
      else if (step_i && last_o) segment_o <= next;
    end
  end
endmodule
