// SPDX-License-Identifier: Apache-2.0

/// Moves every channel of a map by its own offset (shift networks): channel `c` of output pixel (y, x)
/// is channel `c` of input pixel (y + RowOffset[k], x + ColOffset[k]) with k = Kind[c], zero outside the
/// map. A ring of memory holds what lies between the farthest offsets; every kind has a read pointer
/// of its own. No multipliers.
///
/// Latency: an output beat leaves two clock edges after the last input beat that any offset can ask
/// for has come. One beat per cycle, without bubbles between pixels, rows or frames. Timing depends on
/// the offsets' extremes only. `ready_o` depends on registers only.
module engine_shift #(
  parameter int unsigned LaneW    = 8,
  parameter int unsigned Lanes    = 2,
  parameter int unsigned Channels = 4,
  parameter int unsigned InH      = 4,
  parameter int unsigned InW      = 4,
  /// Different offsets.
  parameter int unsigned Kinds    = 2,
  /// In pixels, two's complement.
  parameter logic [Kinds-1:0][7:0] RowOffset = '0,
  parameter logic [Kinds-1:0][7:0] ColOffset = '0,
  /// Which offset each channel has.
  parameter logic [Channels-1:0][7:0] Kind = '0,
  /// Words of the ring.
  parameter int unsigned Depth    = 16
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
  localparam int unsigned BEATS  = (Channels + Lanes - 1) / Lanes;
  localparam int unsigned BEAT_W = BEATS > 1 ? $clog2(BEATS) : 1;
  localparam int unsigned KIND_W = Kinds > 1 ? $clog2(Kinds) : 1;
  localparam int unsigned FRAME  = InH * InW * BEATS;  // words

  /// Words by which kind `k` reads ahead (positive) or back.
  function automatic int distance(int unsigned k);
    return (int'($signed(RowOffset[k])) * int'(InW) + int'($signed(ColOffset[k]))) * int'(BEATS);
  endfunction

  /// The farthest distance ahead (`sign` 1) or back (-1), at least 0.
  function automatic int unsigned reach(int sign);
    reach = 0;
    for (int unsigned k = 0; k < Kinds; k++) begin
      if (sign * distance(k) > int'(reach)) reach = $unsigned(sign * distance(k));
    end
  endfunction

  function automatic int unsigned largest_kind();
    largest_kind = 0;
    for (int unsigned c = 0; c < Channels; c++) begin
      if (32'(Kind[c]) > largest_kind) largest_kind = 32'(Kind[c]);
    end
  endfunction

  /// Whether all lanes of each beat have one kind, so that one memory serves them all.
  function automatic bit alike();
    alike = 1'b1;
    for (int unsigned c = 0; c < Channels; c++) begin
      if (Kind[c] != Kind[c/Lanes*Lanes]) alike = 1'b0;
    end
  endfunction

  /// The kinds of lane `p`, beat by beat; of a lane without a channel, those of lane 0.
  function automatic logic [BEATS-1:0][KIND_W-1:0] kinds(int unsigned p);
    for (int unsigned b = 0; b < BEATS; b++) begin
      kinds[b] = KIND_W'(b * Lanes + p < Channels ? Kind[b*Lanes+p] : Kind[b*Lanes]);
    end
  endfunction

  localparam int unsigned AHEAD   = reach(1);
  localparam int unsigned BACK    = reach(-1);
  localparam int unsigned ADDR_W  = Depth > 1 ? $clog2(Depth) : 1;
  localparam int unsigned LEVEL_W = $clog2(Depth + 1);
  localparam int unsigned LEFT_W  = $clog2(FRAME + 1);
  localparam int unsigned COMP_W  = LEVEL_W > LEFT_W ? LEVEL_W : LEFT_W;
  localparam int unsigned ROW_W   = InH > 1 ? $clog2(InH) : 1;
  localparam int unsigned COL_W   = InW > 1 ? $clog2(InW) : 1;

  if (LaneW == 0 || Lanes == 0 || Channels == 0 || InH == 0 || InW == 0 || Kinds == 0) begin : gen_check
    $fatal(1, "LaneW, Lanes, Channels, InH, InW and Kinds must not be 0; got %0d, %0d, %0d, %0d, %0d, %0d",
           LaneW, Lanes, Channels, InH, InW, Kinds);
  end else if (largest_kind() >= Kinds) begin : gen_check
    $fatal(1, "a channel has offset %0d of %0d", largest_kind(), Kinds);
  end else if (Depth < AHEAD + BACK + 2) begin : gen_check
    $fatal(1, "reading %0d words ahead and %0d back needs a ring of %0d; got %0d",
           AHEAD, BACK, AHEAD + BACK + 2, Depth);
  end

  typedef logic [ADDR_W-1:0] addr_t;

  addr_t              write_q;
  logic [LEVEL_W-1:0] ahead_q;  // words written and not yet passed by the output
  logic [LEFT_W-1:0]  left_q;   // words of the frame not yet given out
  logic [ROW_W-1:0]   row_q;
  logic [COL_W-1:0]   col_q;
  logic [BEAT_W-1:0]  beat_q;
  logic               write;
  logic               read;
  logic               pixel_done;
  logic               row_done;

  assign ready_o    = ahead_q < LEVEL_W'(Depth - BACK);
  assign write      = valid_i && ready_o;
  assign read       = (ahead_q > LEVEL_W'(AHEAD) || COMP_W'(ahead_q) >= COMP_W'(left_q)) &&
                      (!valid_o || ready_i);
  assign pixel_done = beat_q == BEAT_W'(BEATS - 1);
  assign row_done   = pixel_done && col_q == COL_W'(InW - 1);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q <= '0;
      ahead_q <= '0;
      left_q  <= LEFT_W'(FRAME);
      row_q   <= '0;
      col_q   <= '0;
      beat_q  <= '0;
      valid_o <= 1'b0;
    end else begin
      ahead_q <= ahead_q + LEVEL_W'(write) - LEVEL_W'(read);
      if (write) write_q <= write_q == addr_t'(Depth - 1) ? '0 : write_q + 1'b1;
      if (read) begin
        left_q <= left_q == LEFT_W'(1) ? LEFT_W'(FRAME) : left_q - 1'b1;
        beat_q <= pixel_done ? '0 : beat_q + 1'b1;
        if (pixel_done) col_q <= row_done ? '0 : col_q + 1'b1;
        if (row_done) row_q <= row_q == ROW_W'(InH - 1) ? '0 : row_q + 1'b1;
      end
      if (read || ready_i) valid_o <= read;
    end
  end

  // Where each kind reads, and whether that is inside the map.
  addr_t [Kinds-1:0] pointer_q;
  logic  [Kinds-1:0] on_map;

  for (genvar k = 0; k < Kinds; k++) begin : gen_kind
    localparam int unsigned START =
        distance(k) < 0 ? Depth - $unsigned(-distance(k)) : $unsigned(distance(k));
    localparam int ROW = int'($signed(RowOffset[k]));
    localparam int COL = int'($signed(ColOffset[k]));

    always_ff @(posedge clk_i) begin
      if (!rst_ni) pointer_q[k] <= addr_t'(START);
      else if (read) begin
        pointer_q[k] <= pointer_q[k] == addr_t'(Depth - 1) ? '0 : pointer_q[k] + 1'b1;
      end
    end
    assign on_map[k] = int'(row_q) + ROW >= 0 && int'(row_q) + ROW < int'(InH) &&
                       int'(col_q) + COL >= 0 && int'(col_q) + COL < int'(InW);
  end

  logic [Lanes-1:0]            on_map_q;
  logic [Lanes-1:0][LaneW-1:0] fetched;

  for (genvar p = 0; p < Lanes; p++) begin : gen_lane
    localparam logic [BEATS-1:0][KIND_W-1:0] KINDS = kinds(p);

    always_ff @(posedge clk_i) if (read) on_map_q[p] <= on_map[KINDS[beat_q]];
    assign data_o[p] = on_map_q[p] ? fetched[p] : '0;

    if (!alike()) begin : gen_memory
      engine_ram #(.Width(LaneW), .Depth(Depth)) u_ram (
        .clk_i, .we_i(write), .waddr_i(write_q), .wdata_i(data_i[p]),
        .re_i(read), .raddr_i(pointer_q[KINDS[beat_q]]), .rdata_o(fetched[p])
      );
    end
  end

  if (alike()) begin : gen_shared
    localparam logic [BEATS-1:0][KIND_W-1:0] KINDS = kinds(0);
    engine_ram #(.Width(Lanes * LaneW), .Depth(Depth)) u_ram (
      .clk_i, .we_i(write), .waddr_i(write_q), .wdata_i(data_i),
      .re_i(read), .raddr_i(pointer_q[KINDS[beat_q]]), .rdata_o(fetched)
    );
  end

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
