// SPDX-License-Identifier: Apache-2.0

/// What `engine_window` promises, for any stalls, data and dilations: each tap inside the map is the
/// pixel that came at its coordinates in its own frame, so no row slot is read before it is written or
/// after it is overwritten; each tap outside is `PadValue`; offered beats stay until they are taken;
/// and while all sides are willing something moves at least every `Patience` cycles.
///
/// One pixel of the map is watched, any one: its values of all frames are kept beside the design
/// and compared with every tap that lies on it. The proof is bounded; the ring of row slots is back at
/// its start after some frames, of which the depth should allow two at least.
module engine_window_data_proof #(
  parameter int unsigned LaneW = 2,
  parameter int unsigned Lanes = 1,
  parameter int unsigned Channels = 1,
  parameter int unsigned InH = 3,
  parameter int unsigned InW = 3,
  parameter int unsigned KH = 2,
  parameter int unsigned KW = 2,
  parameter int unsigned StrideH = 1,
  parameter int unsigned StrideW = 1,
  parameter int unsigned DilH = 1,
  parameter int unsigned DilW = 1,
  parameter int          PadT = 0,
  parameter int          PadL = 0,
  parameter int unsigned OutH = 2,
  parameter int unsigned OutW = 2,
  parameter int unsigned Taps = 4,
  parameter int unsigned GroupBeats = 1,
  parameter int unsigned Rows = 3,
  parameter logic [LaneW-1:0] PadValue = 1,
  parameter bit          Deform = 1'b0,
  parameter int unsigned DilationW = 2,
  parameter bit          DilationSigned = 1'b1,
  parameter int          DilationLo = 0,
  parameter int          DilationHi = 0,
  parameter int unsigned Patience = 8
) (
  input logic                        clk_i,
  input logic                        rst_ni,
  input logic                        valid_i,
  input logic [Lanes-1:0][LaneW-1:0] data_i,
  input logic                        dil_valid_i,
  input logic [DilationW-1:0]        dil_i,
  input logic                        ready_i,
  // The watched pixel and channel beat, the same ones for good.
  input logic signed [5:0]           row_i,
  input logic signed [5:0]           col_i,
  input logic signed [5:0]           beat_i
);
  typedef logic signed [5:0] num_t;  // coordinates
  localparam num_t BEATS = num_t'((Channels + Lanes - 1) / Lanes);

  logic                             ready_o, dil_ready_o, valid_o, push, pop;
  logic [Taps*Lanes-1:0][LaneW-1:0] data_o;

  engine_window #(
    .LaneW(LaneW), .Lanes(Lanes), .Channels(Channels), .InH(InH), .InW(InW), .KH(KH), .KW(KW),
    .StrideH(StrideH), .StrideW(StrideW), .DilH(DilH), .DilW(DilW), .PadT(PadT), .PadL(PadL),
    .OutH(OutH), .OutW(OutW), .Taps(Taps), .GroupBeats(GroupBeats), .Rows(Rows), .PadValue(PadValue),
    .Deform(Deform), .DilationW(DilationW), .DilationSigned(DilationSigned),
    .DilationLo(DilationLo), .DilationHi(DilationHi)
  ) dut (
    .clk_i, .rst_ni, .valid_i, .ready_o, .data_i, .dil_valid_i, .dil_ready_o, .dil_i, .valid_o,
    .ready_i, .data_o
  );

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;
  always_comb assume (rst_ni == started_q);

  num_t row_q, col_q, beat_q;
  always_ff @(posedge clk_i) begin
    row_q  <= row_i;
    col_q  <= col_i;
    beat_q <= beat_i;
  end
  always_comb begin
    assume (row_i >= 0 && row_i < num_t'(InH) && col_i >= 0 && col_i < num_t'(InW));
    assume (beat_i >= 0 && beat_i < BEATS);
    if (started_q) assume (row_i == row_q && col_i == col_q && beat_i == beat_q);
  end

  // ---- the input side: which beat comes next, and the watched values by frame
  assign push = valid_i && ready_o;
  num_t         in_beat_q, in_col_q, in_row_q;
  logic [2:0] in_frame_q;
  logic [Lanes-1:0][LaneW-1:0] values_q [4];
  logic [2:0] came_q;  // frames of which the watched beat has come, modulo 8
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      in_beat_q  <= 0;
      in_col_q   <= 0;
      in_row_q   <= 0;
      in_frame_q <= '0;
      came_q     <= '0;
    end else if (push) begin
      in_beat_q <= in_beat_q == BEATS - 1 ? 0 : in_beat_q + 1;
      if (in_beat_q == BEATS - 1) begin
        in_col_q <= in_col_q == num_t'(InW) - 1 ? 0 : in_col_q + 1;
        if (in_col_q == num_t'(InW) - 1) begin
          in_row_q <= in_row_q == num_t'(InH) - 1 ? 0 : in_row_q + 1;
          if (in_row_q == num_t'(InH) - 1) in_frame_q <= in_frame_q + 1'b1;
        end
      end
      if (in_row_q == row_i && in_col_q == col_i && in_beat_q == beat_i) begin
        values_q[in_frame_q[1:0]] <= data_i;
        came_q                    <= in_frame_q + 1'b1;
      end
    end
  end

  // ---- dilations of the pixels that have not left, by the pixel's number
  logic [DilationW-1:0] dilations_q [8];
  logic [2:0]           dilations_in_q, pixel_q;
  num_t                   dilation;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) dilations_in_q <= '0;
    else if (dil_valid_i && dil_ready_o) begin
      dilations_q[dilations_in_q] <= dil_i;
      dilations_in_q              <= dilations_in_q + 1'b1;
    end
  end
  always_comb begin
    dilation = DilationSigned ? num_t'(signed'(dilations_q[pixel_q]))
                              : signed'(num_t'(dilations_q[pixel_q]));
    if (dilation < num_t'(DilationLo)) dilation = num_t'(DilationLo);
    if (dilation > num_t'(DilationHi)) dilation = num_t'(DilationHi);
  end

  // ---- the output side: which taps leave next
  localparam num_t GROUP_BEATS = num_t'(GroupBeats);
  localparam num_t ROW_TAPS = num_t'(Taps < KH ? Taps : KH);
  localparam num_t COL_TAPS = num_t'(Taps > KH ? KW : 1);
  localparam num_t ROW_STEPS = (num_t'(KH) + ROW_TAPS - 1) / ROW_TAPS;
  localparam num_t COL_STEPS = num_t'(KW) / COL_TAPS;
  assign pop = valid_o && ready_i;
  num_t       group_beat_q, row_step_q, col_step_q, group_q, out_beat, ox_q, oy_q;
  logic [2:0] out_frame_q;
  logic       beat_end, row_end, col_end, group_end;
  assign beat_end  = group_beat_q == GROUP_BEATS - 1;
  assign row_end   = beat_end && row_step_q == ROW_STEPS - 1;
  assign col_end   = row_end && col_step_q == COL_STEPS - 1;
  assign group_end = col_end && group_q == BEATS / GROUP_BEATS - 1;
  assign out_beat  = group_q * GROUP_BEATS + group_beat_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      group_beat_q <= '0;
      row_step_q   <= '0;
      col_step_q   <= '0;
      group_q      <= '0;
      ox_q         <= '0;
      oy_q         <= '0;
      out_frame_q  <= '0;
      pixel_q      <= '0;
    end else if (pop) begin
      group_beat_q <= beat_end ? '0 : group_beat_q + 1'b1;
      if (beat_end) row_step_q <= row_end ? '0 : row_step_q + 1'b1;
      if (row_end) col_step_q <= col_end ? '0 : col_step_q + 1'b1;
      if (col_end) group_q <= group_end ? '0 : group_q + 1'b1;
      if (group_end) begin
        pixel_q <= pixel_q + 1'b1;
        ox_q    <= ox_q == num_t'(OutW) - 1 ? '0 : ox_q + 1'b1;
        if (ox_q == num_t'(OutW) - 1) begin
          oy_q <= oy_q == num_t'(OutH) - 1 ? '0 : oy_q + 1'b1;
          if (oy_q == num_t'(OutH) - 1) out_frame_q <= out_frame_q + 1'b1;
        end
      end
    end
  end

  // ---- each tap of the offered beat
  logic [2:0] between;  // frames of the watched beat that have come, beyond those all of which left
  assign between = came_q - out_frame_q;
  for (genvar t = 0; t < Taps; t++) begin : gen_tap
    num_t i, j, row, col;
    logic inside_map;
    always_comb begin
      i = row_step_q * ROW_TAPS + num_t'(t) % ROW_TAPS;
      j = col_step_q * COL_TAPS + num_t'(t) / ROW_TAPS;
      if (Deform) begin
        row = oy_q + dilation * (i - (num_t'(KH) - 1) / 2);
        col = ox_q + dilation * (j - (num_t'(KW) - 1) / 2);
      end else begin
        row = oy_q * num_t'(StrideH) - num_t'(PadT) + i * num_t'(DilH);
        col = ox_q * num_t'(StrideW) - num_t'(PadL) + j * num_t'(DilW);
      end
      inside_map = i < num_t'(KH) && row >= 0 && row < num_t'(InH) && col >= 0 && col < num_t'(InW);
    end
    for (genvar l = 0; l < Lanes; l++) begin : gen_lane
      always_comb begin
        if (started_q && valid_o && out_beat * num_t'(Lanes) + num_t'(l) < num_t'(Channels)) begin
          OutsideIsPadding_A: assert (inside_map || data_o[t*Lanes+l] == PadValue);
          if (inside_map && row == row_i && col == col_i && out_beat == beat_i) begin
            CameBeforeItIsRead_A: assert (between != '0 && between <= 3'd4);
            PixelOfThisFrame_A: assert (data_o[t*Lanes+l] == values_q[out_frame_q[1:0]][l]);
          end
        end
      end
    end
  end

  // ---- streams
  logic                             held_q;
  logic [Taps*Lanes-1:0][LaneW-1:0] offered_q;
  num_t                               idle_q;  // cycles without a move while all sides were willing
  always_ff @(posedge clk_i) begin
    held_q    <= rst_ni && valid_o && !ready_i;
    offered_q <= data_o;
    if (!rst_ni || push || pop || !valid_i || !ready_i || (Deform && !dil_valid_i)) idle_q <= 0;
    else idle_q <= idle_q + 1;
  end
  always_comb begin
    if (started_q) begin
      HeldUntilTaken_A: assert (!held_q || (valid_o && data_o == offered_q));
      SomethingMoves_A: assert (idle_q < num_t'(Patience));
    end
  end

  always_comb SecondFrameBegins_C: cover (started_q && out_frame_q == 3'd1 && pop);
endmodule
