// SPDX-License-Identifier: Apache-2.0

/// Nearest-neighbour upsampling: every pixel comes out `FactorW` times, every row `FactorH` times.
/// Holds two rows of the input: while one is read `FactorH` times, the next is written. Output starts
/// two clock edges after the first word came in, does not wait for whole rows, and then runs at one
/// beat per cycle without bubbles as long as the input keeps its share of the rate.
/// `ready_o` and `valid_o` depend on registers only.
module engine_upsample #(
  parameter int unsigned LaneW   = 8,
  parameter int unsigned Lanes   = 2,
  /// Beats of a pixel.
  parameter int unsigned Beats   = 1,
  /// Pixels of an input row.
  parameter int unsigned InW     = 4,
  parameter int unsigned FactorH = 2,
  parameter int unsigned FactorW = 2
) (
  input  logic                        clk_i,
  input  logic                        rst_ni,  // synchronous
  input  logic                        valid_i,
  output logic                        ready_o,
  input  logic [Lanes-1:0][LaneW-1:0] data_i,
  output logic                        valid_o,
  input  logic                        ready_i,
  output logic [Lanes-1:0][LaneW-1:0] data_o
);
  if (LaneW == 0 || Lanes == 0 || Beats == 0 || InW == 0 || FactorH == 0 || FactorW == 0)
  begin : gen_check
    $fatal(1, "no parameter may be 0; got LaneW %0d, Lanes %0d, Beats %0d, InW %0d, factors %0d, %0d",
           LaneW, Lanes, Beats, InW, FactorH, FactorW);
  end

  localparam int unsigned ROW     = Beats * InW;  // words of an input row
  localparam int unsigned ADDR_W  = ROW > 0 ? $clog2(2 * ROW) : 1;
  localparam int unsigned LEVEL_W = $clog2(2 * ROW + 1);
  localparam logic [ADDR_W-1:0] LAST = ADDR_W'(2 * ROW - 1);

  typedef logic [LEVEL_W-1:0] level_t;

  logic [ADDR_W-1:0] write_q;
  logic [ADDR_W-1:0] read_q;
  level_t stored_q;  // words written since the first word of the row that is read
  level_t index_q;   // place of the word to read in its row
  logic   write;
  logic   read;
  logic   pixel_done;    // this word ends a pixel, not counting repetitions
  logic   repeats_done;  // this is the last repetition of the pixel
  logic   row_done;      // this word ends a row of the output
  logic   passes_done;   // this is the last pass over the row
  logic   release_row;
  logic [2:0] unused_segment;

  assign ready_o     = stored_q != level_t'(2 * ROW);
  assign write       = valid_i && ready_o;
  assign read        = index_q < stored_q && (!valid_o || ready_i);
  assign row_done    = pixel_done && repeats_done && index_q == level_t'(ROW - 1);
  assign release_row = read && row_done && passes_done;

  segment_counter #(.Beats(16'(Beats))) u_beats (
    .clk_i, .rst_ni, .step_i(read), .segment_o(unused_segment[0]), .last_o(pixel_done)
  );
  segment_counter #(.Beats(16'(FactorW))) u_repeats (
    .clk_i, .rst_ni, .step_i(read && pixel_done), .segment_o(unused_segment[1]),
    .last_o(repeats_done)
  );
  segment_counter #(.Beats(16'(FactorH))) u_passes (
    .clk_i, .rst_ni, .step_i(read && row_done), .segment_o(unused_segment[2]),
    .last_o(passes_done)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      stored_q <= '0;
      write_q  <= '0;
      read_q   <= '0;
      index_q  <= '0;
      valid_o  <= 1'b0;
    end else begin
      stored_q <= stored_q + level_t'(write) - (release_row ? level_t'(ROW) : '0);
      if (write) write_q <= write_q == LAST ? '0 : write_q + 1'b1;
      if (read) begin
        if (pixel_done && !repeats_done) begin  // back to the first beat of the pixel
          read_q  <= read_q - ADDR_W'(Beats - 1);
          index_q <= index_q - level_t'(Beats - 1);
        end else if (row_done && !passes_done) begin  // back to the first word of the row
          read_q  <= read_q - ADDR_W'(ROW - 1);
          index_q <= '0;
        end else begin
          read_q  <= read_q == LAST ? '0 : read_q + 1'b1;
          index_q <= row_done ? '0 : index_q + 1'b1;
        end
      end
      if (read || ready_i) valid_o <= read;
    end
  end

  engine_ram #(.Width(Lanes * LaneW), .Depth(2 * ROW)) u_rows (
    .clk_i, .we_i(write), .waddr_i(write_q), .wdata_i(data_i),
    .re_i(read), .raddr_i(read_q), .rdata_o(data_o)
  );

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
