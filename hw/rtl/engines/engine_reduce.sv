// SPDX-License-Identifier: Apache-2.0

/// Maximum or sum over pixels: of each group of `Pixels` pixels of `Beats` beats, one pixel of
/// results. With the pixels of a whole map this is global pooling; with rows for pixels it reduces
/// the columns of a map, with a row's pixels for a group its rows. Sums are exact modulo `2**OutW`,
/// two's complement.
///
/// The partial results are a memory of `Beats` words. Throughput: one input beat per cycle; results
/// come out with the last pixel of a group while the next group follows without a bubble. Latency 2.
/// Only a result that finds its predecessor untaken stops the input: `ready_o` depends
/// combinationally on `ready_i`.
module engine_reduce #(
  parameter int unsigned Lanes  = 2,
  parameter int unsigned LaneW  = 8,
  parameter bit          Signed = 1'b0,
  /// Beats of a pixel.
  parameter int unsigned Beats  = 4,
  /// Pixels of a group.
  parameter int unsigned Pixels = 16,
  /// Add the pixels; without it, take the largest.
  parameter bit          Sum    = 1'b0,
  /// Width of a result; of a maximum, LaneW.
  parameter int unsigned OutW   = LaneW
) (
  input  logic                        clk_i,
  input  logic                        rst_ni,  // synchronous
  input  logic                        valid_i,
  output logic                        ready_o,
  input  logic [Lanes-1:0][LaneW-1:0] data_i,
  output logic                        valid_o,
  input  logic                        ready_i,
  output logic [Lanes-1:0][OutW-1:0]  data_o
);
  if (Lanes == 0 || LaneW == 0 || Beats == 0 || Pixels == 0) begin : gen_check
    $fatal(1, "Lanes, LaneW, Beats and Pixels must not be 0; got %0d, %0d, %0d, %0d",
           Lanes, LaneW, Beats, Pixels);
  end
  if (Sum ? OutW < LaneW : OutW != LaneW) begin : gen_width
    $fatal(1, "results of %0d bits do not fit lanes of %0d; a maximum needs as many, a sum no fewer",
           OutW, LaneW);
  end

  localparam int unsigned BEAT_W  = Beats > 1 ? $clog2(Beats) : 1;
  localparam int unsigned PIXEL_W = Pixels > 1 ? $clog2(Pixels) : 1;

  typedef logic [OutW-1:0] result_t;

  function automatic result_t merge(result_t a, result_t b);
    // Flipping the sign bit turns a signed comparison into an unsigned one.
    result_t flip;
    flip         = '0;
    flip[OutW-1] = Signed;
    if (Sum) merge = a + b;
    else merge = (a ^ flip) > (b ^ flip) ? a : b;
  endfunction

  logic                        take;
  logic                        step;     // the stage behind the input finishes its beat
  logic                        valid_q;
  logic                        first_q;  // its pixel is the first of a group, the last
  logic                        last_q;
  logic [Lanes-1:0][LaneW-1:0] data_q;
  logic [Lanes-1:0][OutW-1:0]  partial;  // what the pixels before gave
  logic [Lanes-1:0][OutW-1:0]  merged;
  logic [BEAT_W-1:0]           beat_q;
  logic [PIXEL_W-1:0]          pixel_q;
  logic                        pixel_done;

  assign step       = !(valid_q && last_q && valid_o && !ready_i);
  assign ready_o    = step;
  assign take       = valid_i && step;
  assign pixel_done = beat_q == BEAT_W'(Beats - 1);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= 1'b0;
      valid_o <= 1'b0;
      beat_q  <= '0;
      pixel_q <= '0;
    end else begin
      if (step) valid_q <= valid_i;
      if (step && valid_q && last_q) valid_o <= 1'b1;
      else if (ready_i) valid_o <= 1'b0;
      if (take) begin
        beat_q <= pixel_done ? '0 : beat_q + 1'b1;
        if (pixel_done) pixel_q <= pixel_q == PIXEL_W'(Pixels - 1) ? '0 : pixel_q + 1'b1;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      data_q  <= data_i;
      first_q <= pixel_q == '0;
      last_q  <= pixel_q == PIXEL_W'(Pixels - 1);
    end
    if (step && valid_q && last_q) data_o <= merged;
  end

  for (genvar p = 0; p < Lanes; p++) begin : gen_lane
    result_t value;
    assign value     = OutW'({{OutW{Signed & data_q[p][LaneW-1]}}, data_q[p]});
    assign merged[p] = first_q ? value : merge(partial[p], value);
  end

  if (Beats == 1) begin : gen_register
    always_ff @(posedge clk_i) if (step && valid_q) partial <= merged;
  end else begin : gen_memory
    // A word is written one cycle after it was read, and read again no sooner than a cycle later.
    logic [BEAT_W-1:0] word_q;
    always_ff @(posedge clk_i) if (take) word_q <= beat_q;
    engine_ram #(
      .Width(Lanes * OutW),
      .Depth(Beats)
    ) u_partial (
      .clk_i,
      .we_i   (step && valid_q),
      .waddr_i(word_q),
      .wdata_i(merged),
      .re_i   (take),
      .raddr_i(beat_q),
      .rdata_o(partial)
    );
  end

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
