// SPDX-License-Identifier: Apache-2.0

/// A constant map, frame after frame: a source of beats without an input.
///
/// Words lie in `RomFile`, each row of words that differs from all others once, and in it each column
/// once: word `row_base + col_base + b` is channel beat b of a pixel. `RowFile` and `ColFile` hold the
/// bases of each row and each column of the map; where all rows (columns) are alike, `RowSets`
/// (`ColSets`) is 1 and there is no such file.
///
/// One beat per cycle, without pauses between pixels, rows or frames, from the third clock edge after
/// reset on. The pipeline waits while its output is not taken; nothing depends on `ready_i` but clock
/// enables.
module engine_constant #(
  parameter int unsigned Lanes   = 2,
  parameter int unsigned LaneW   = 8,
  /// Size of the map.
  parameter int unsigned Rows    = 4,
  parameter int unsigned Cols    = 4,
  /// Beats of a pixel.
  parameter int unsigned Beats   = 1,
  /// Unlike rows and columns.
  parameter int unsigned RowSets = 1,
  parameter int unsigned ColSets = 1,
  parameter RomFile = "",
  parameter RowFile = "",
  parameter ColFile = "",
  localparam int unsigned Words = RowSets * ColSets * Beats,
  localparam int unsigned AddrW = Words > 1 ? $clog2(Words) : 1
) (
  input  logic                        clk_i,
  input  logic                        rst_ni,  // synchronous
  output logic                        valid_o,
  input  logic                        ready_i,
  output logic [Lanes-1:0][LaneW-1:0] data_o
);
  if (Lanes == 0 || LaneW == 0 || Rows == 0 || Cols == 0 || Beats == 0) begin : gen_size
    $fatal(1, "zero among Lanes %0d LaneW %0d Rows %0d Cols %0d Beats %0d", Lanes, LaneW, Rows, Cols,
           Beats);
  end
  if (RowSets == 0 || RowSets > Rows || ColSets == 0 || ColSets > Cols) begin : gen_sets
    $fatal(1, "need 1 to %0d unlike rows and 1 to %0d unlike columns; got %0d, %0d", Rows, Cols,
           RowSets, ColSets);
  end

  localparam int unsigned RowW  = Rows > 1 ? $clog2(Rows) : 1;
  localparam int unsigned ColW  = Cols > 1 ? $clog2(Cols) : 1;
  localparam int unsigned BeatW = Beats > 1 ? $clog2(Beats) : 1;

  logic             advance;
  logic             located_q;  // the bases and `late_beat_q` are those of a beat
  logic [RowW-1:0]  row_q;
  logic [ColW-1:0]  col_q;
  logic [BeatW-1:0] beat_q;
  logic [BeatW-1:0] late_beat_q;
  logic             pixel_done;
  logic             row_done;
  logic [AddrW-1:0] row_base;
  logic [AddrW-1:0] col_base;

  assign advance    = !valid_o || ready_i;
  assign pixel_done = beat_q == BeatW'(Beats - 1);
  assign row_done   = pixel_done && col_q == ColW'(Cols - 1);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      located_q <= 1'b0;
      valid_o   <= 1'b0;
      row_q     <= '0;
      col_q     <= '0;
      beat_q    <= '0;
    end else if (advance) begin
      located_q <= 1'b1;
      valid_o   <= located_q;
      beat_q    <= pixel_done ? '0 : beat_q + 1'b1;
      if (pixel_done) col_q <= row_done ? '0 : col_q + 1'b1;
      if (row_done) row_q <= row_q == RowW'(Rows - 1) ? '0 : row_q + 1'b1;
    end
  end
  always_ff @(posedge clk_i) if (advance) late_beat_q <= beat_q;

  if (RowSets > 1) begin : gen_rows
    stream_rom #(.Width(AddrW), .Depth(Rows), .RomFile(RowFile)) u_rows (
      .clk_i, .en_i(advance), .addr_i(row_q), .data_o(row_base)
    );
  end else begin : gen_alike_rows
    assign row_base = '0;
  end
  if (ColSets > 1) begin : gen_cols
    stream_rom #(.Width(AddrW), .Depth(Cols), .RomFile(ColFile)) u_cols (
      .clk_i, .en_i(advance), .addr_i(col_q), .data_o(col_base)
    );
  end else begin : gen_alike_cols
    assign col_base = '0;
  end

  stream_rom #(.Width(Lanes * LaneW), .Depth(Words), .RomFile(RomFile)) u_words (
    .clk_i,
    .en_i  (advance),
    .addr_i(row_base + col_base + AddrW'(late_beat_q)),
    .data_o(data_o)
  );

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
