// SPDX-License-Identifier: Apache-2.0

/// Holds descriptions of output pixels between `window_scan` and `window_walk` until the last input
/// pixel that each may read has arrived: two in a FIFO, so that `ready_o` depends on registers only,
/// then the one that waits. On the way to it a pixel's dilation is turned into where its first tap
/// lies.
module window_wait #(
  parameter int unsigned KH = 3,
  parameter int unsigned KW = 3,
  /// Rows and columns of the map that an input pixel stands for, powers of two.
  parameter int unsigned RepeatH = 1,
  parameter int unsigned RepeatW = 1,
  parameter int unsigned Beats = 1,
  parameter int unsigned Rows = 4,
  parameter bit          Deform = 1'b0,
  parameter int          DilationLo = 0,
  parameter int          DilationHi = 0,
  parameter int unsigned YW = 8,
  parameter int unsigned XW = 8,
  parameter int unsigned SlotW = 2,
  parameter int unsigned ColW = 3,
  parameter int unsigned KindW = 1,
  parameter int unsigned CountW = 4,
  parameter int unsigned RowW = 5,
  parameter int unsigned PixelW = 3
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  // From the scan; coordinates of the centre with `Deform`, else of tap (0, 0).
  input  logic                 valid_i,
  output logic                 ready_o,
  input  logic signed [YW-1:0] y_i,
  input  logic signed [XW-1:0] x_i,
  input  logic [SlotW-1:0]     slot_i,
  input  logic [ColW-1:0]      addr_i,
  input  logic [KindW-1:0]     kind_i,
  input  logic [RowW-1:0]      need_row_i,
  input  logic [PixelW-1:0]    need_col_i,
  input  logic [CountW-1:0]    spent_i,
  input  logic [CountW-1:0]    spent_next_i,
  /// Kept rows that have arrived since the reset, modulo a power of two, and pixels of the next one.
  input  logic [RowW-1:0]      row_i,
  input  logic [PixelW-1:0]    col_i,
  // A pixel that can be read; coordinates of tap (0, 0), and rows that are to be released behind it.
  output logic                 valid_o,
  input  logic                 ready_i,
  output logic signed [YW-1:0] y_o,
  output logic signed [XW-1:0] x_o,
  output logic [SlotW-1:0]     slot_o,
  output logic [ColW-1:0]      addr_o,
  output logic [KindW-1:0]     kind_o,
  output logic [CountW-1:0]    release_o
);
  typedef struct packed {
    logic signed [YW-1:0]   y;
    logic signed [XW-1:0]   x;
    logic [SlotW-1:0]       slot;
    logic [ColW-1:0]        addr;
    logic [KindW-1:0]       kind;
    logic [RowW+PixelW-1:0] need;
    logic [CountW-1:0]      spent, spent_next;
  } pixel_t;
  pixel_t pixel_in, next;
  logic   next_valid, load;

  assign pixel_in = '{y: y_i, x: x_i, slot: slot_i, addr: addr_i, kind: kind_i,
                      need: {need_row_i, need_col_i}, spent: spent_i, spent_next: spent_next_i};

  stream_fifo #(.Width($bits(pixel_t)), .Depth(2)) u_next (
    .clk_i,
    .rst_ni,
    .valid_i,
    .ready_o,
    .data_i (pixel_in),
    .valid_o(next_valid),
    .ready_i(load),
    .data_o (next)
  );

`ifdef FORMAL
  pixel_t newer;   // of two in the FIFO
  assign newer = u_next.gen_skid.skid_q;
`endif

  // ---- tap (0, 0)
  logic signed [YW-1:0] y;
  logic signed [XW-1:0] x;
  logic [SlotW-1:0]     slot;
  logic [ColW-1:0]      addr;
  if (Deform) begin : gen_deform
    localparam int MID_H = (int'(KH) - 1) / 2;
    localparam int MID_W = (int'(KW) - 1) / 2;

    function automatic logic [SlotW-1:0] slot_of(int row);
      return SlotW'(((row % int'(Rows)) + int'(Rows)) % int'(Rows));
    endfunction

    logic signed [YW-1:0] y_offset;
    logic signed [XW-1:0] x_offset;
    logic [SlotW-1:0]     slot_offset;
    logic [ColW-1:0]      addr_offset;

    always_comb begin
      y_offset    = '0;
      x_offset    = '0;
      slot_offset = '0;
      addr_offset = '0;
      for (int v = 0; v <= DilationHi - DilationLo; v++) begin
        if (next.kind == KindW'(v)) begin
          y_offset    = YW'(-(DilationLo + v) * MID_H);
          x_offset    = XW'(-(DilationLo + v) * MID_W);
          for (int p = 0; p < int'(RepeatH); p++) begin
            if ((next.y & YW'(RepeatH - 1)) == YW'(p)) begin
              slot_offset = slot_of((p - (DilationLo + v) * MID_H) >>> $clog2(RepeatH));
            end
          end
          for (int p = 0; p < int'(RepeatW); p++) begin
            if ((next.x & XW'(RepeatW - 1)) == XW'(p)) begin
              addr_offset = ColW'(((p - (DilationLo + v) * MID_W) >>> $clog2(RepeatW)) * int'(Beats));
            end
          end
        end
      end
    end

    window_ring #(.Rows(Rows)) u_first (.a_i(next.slot), .b_i(slot_offset), .sum_o(slot));
    assign y    = next.y + y_offset;
    assign x    = next.x + x_offset;
    assign addr = next.addr + addr_offset;
  end else begin : gen_static
    assign y    = next.y;
    assign x    = next.x;
    assign slot = next.slot;
    assign addr = next.addr;
  end

  // ---- the pixel that waits. The difference of two positions in the stream of pixels is negative
  // once the needed pixel has arrived.
  logic                   waits_q, arrived_q;
  logic [RowW+PixelW-1:0] need_q, next_ahead, ahead;
  assign next_ahead = next.need - {row_i, col_i};
  assign ahead      = need_q - {row_i, col_i};

  assign valid_o = waits_q && arrived_q;
  assign load    = !waits_q || (arrived_q && ready_i);
  always_ff @(posedge clk_i) begin
    if (!rst_ni) waits_q <= 1'b0;
    else if (load) waits_q <= next_valid;
    arrived_q <= load ? next_ahead[RowW+PixelW-1] : arrived_q || ahead[RowW+PixelW-1];
    if (load) begin
      y_o       <= y;
      x_o       <= x;
      slot_o    <= slot;
      addr_o    <= addr;
      kind_o    <= next.kind;
      need_q    <= next.need;
      release_o <= next.spent_next - next.spent;
    end
  end
endmodule
