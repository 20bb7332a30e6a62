// SPDX-License-Identifier: Apache-2.0

/// The line buffer of `engine_deform`: writes the pixels into a ring of `Rows` row slots, says
/// whether the pixel that a window needs has arrived, and reads. With `Split` 2 it has four banks, by
/// the parity of row slot and column; without, one.
///
/// `ready_o` depends on registers only. A read takes one step of `re_i`.
module deform_buffer #(
  /// Bits of one beat.
  parameter int unsigned Width = 32,
  /// Beats of one pixel.
  parameter int unsigned Beats = 1,
  parameter int unsigned InH = 8,
  parameter int unsigned InW = 8,
  /// Input rows that are kept; those below are taken and dropped.
  parameter int unsigned UsedH = 8,
  parameter int unsigned Rows = 6,
  parameter int unsigned Split = 1,
  /// Words of one row in a bank, and of a bank.
  parameter int unsigned BankRowWords = 8,
  parameter int unsigned BankWords = 48,
  parameter int unsigned CountW = 6,
  localparam int unsigned ADDR_W = BankWords > 1 ? $clog2(BankWords) : 1
) (
  input  logic                                    clk_i,
  input  logic                                    rst_ni,   // synchronous
  input  logic                                    valid_i,
  output logic                                    ready_o,
  input  logic [Width-1:0]                        data_i,
  /// Whether row and column `need_*_i` of the reader's frame have arrived.
  input  logic [CountW-1:0]                       need_row_i,
  input  logic [CountW-1:0]                       need_col_i,
  output logic                                    arrived_o,
  /// The reader goes on to the next frame.
  input  logic                                    frame_done_i,
  /// Rows that may be overwritten from now on.
  input  logic [CountW-1:0]                       release_i,
  // Read port of each bank.
  input  logic                                    re_i,
  input  logic [Split-1:0][Split-1:0][ADDR_W-1:0] raddr_i,
  output logic [Split-1:0][Split-1:0][Width-1:0]  rdata_o
);
  localparam int unsigned BeatW = Beats > 1 ? $clog2(Beats) : 1;

  logic               write, pixel_written, row_written, kept_row_written, drop;
  logic               odd_row, odd_col, row_slot_done;
  logic [BeatW-1:0]   beat_q;
  logic [CountW-1:0]  col_q;        // pixels of this input row that have arrived
  logic [ADDR_W-1:0]  row_addr_q, col_addr_q;
  logic [CountW-1:0]  room_q;       // free row slots, the one being written included
  logic signed [CountW:0] lead_q;   // kept rows written, counted from the reader's frame

  assign ready_o          = drop || room_q != 0;
  assign write            = valid_i && ready_o;
  assign pixel_written    = write && beat_q == BeatW'(Beats - 1);
  assign row_written      = pixel_written && col_q == CountW'(InW - 1);
  assign kept_row_written = row_written && !drop;

  if (UsedH < InH) begin : gen_drop
    logic [$clog2(InH+1)-1:0] row_q;
    assign drop = row_q >= $bits(row_q)'(UsedH);
    always_ff @(posedge clk_i) begin
      if (!rst_ni) row_q <= '0;
      else if (row_written) row_q <= row_q == $bits(row_q)'(InH - 1) ? '0 : row_q + 1'b1;
    end
  end else begin : gen_keep
    assign drop = 1'b0;
  end

  if (Split > 1) begin : gen_parity
    always_ff @(posedge clk_i) begin
      if (!rst_ni) odd_row <= 1'b0;
      else if (kept_row_written) odd_row <= !odd_row;
    end
    assign odd_col       = col_q[0];
    assign row_slot_done = odd_row;
  end else begin : gen_flat
    assign odd_row       = 1'b0;
    assign odd_col       = 1'b0;
    assign row_slot_done = 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      beat_q     <= '0;
      col_q      <= '0;
      row_addr_q <= '0;
      col_addr_q <= '0;
    end else begin
      if (write) beat_q <= pixel_written ? '0 : beat_q + 1'b1;
      if (row_written) begin
        col_q      <= '0;
        col_addr_q <= '0;
      end else if (pixel_written) begin
        col_q <= col_q + 1'b1;
        if (Split == 1 || odd_col) col_addr_q <= col_addr_q + ADDR_W'(Beats);
      end
      if (kept_row_written && row_slot_done) begin
        row_addr_q <= row_addr_q == ADDR_W'(BankWords - BankRowWords)
                          ? '0 : row_addr_q + ADDR_W'(BankRowWords);
      end
    end
  end

  // ---- what has arrived, and what may be overwritten
  logic signed [CountW:0] need_row;
  assign need_row  = signed'({1'b0, need_row_i});
  assign arrived_o = lead_q > need_row || (lead_q == need_row && !drop && col_q > need_col_i);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      lead_q <= '0;
      room_q <= CountW'(Rows);
    end else begin
      lead_q <= lead_q + (CountW + 1)'(kept_row_written) -
                (frame_done_i ? (CountW + 1)'(UsedH) : '0);
      room_q <= room_q - CountW'(kept_row_written) + release_i;
    end
  end

  // ---- banks
  for (genvar r = 0; r < Split; r++) begin : gen_row
    for (genvar c = 0; c < Split; c++) begin : gen_col
      engine_ram #(
        .Width(Width),
        .Depth(BankWords)
      ) u_ram (
        .clk_i,
        .we_i   (write && !drop && odd_row == 1'(r) && odd_col == 1'(c)),
        .waddr_i(row_addr_q + col_addr_q + ADDR_W'(beat_q)),
        .wdata_i(data_i),
        .re_i,
        .raddr_i(raddr_i[r][c]),
        .rdata_o(rdata_o[r][c])
      );
    end
  end
endmodule
