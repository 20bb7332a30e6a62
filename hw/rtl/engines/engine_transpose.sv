// SPDX-License-Identifier: Apache-2.0

/// Transposes blocks: of every block of `Outer` x `Inner` units of `Unit` beats, the units come in
/// with `Inner` running faster and leave with `Outer` running faster. With blocks of an input row this
/// turns channels into pixels (depth to space) and back.
///
/// Two blocks of memory: while one is read, the next is written. Latency: two clock edges from the
/// last beat of a block to the first beat out. One beat per cycle, without bubbles between blocks.
/// `ready_o` depends on registers only.
module engine_transpose #(
  parameter int unsigned LaneW = 8,
  parameter int unsigned Lanes = 2,
  parameter int unsigned Outer = 4,
  parameter int unsigned Inner = 2,
  parameter int unsigned Unit  = 1
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
  if (LaneW == 0 || Lanes == 0 || Outer == 0 || Inner == 0 || Unit == 0) begin : gen_check
    $fatal(1, "no parameter may be 0; got LaneW %0d, Lanes %0d, Outer %0d, Inner %0d, Unit %0d",
           LaneW, Lanes, Outer, Inner, Unit);
  end

  localparam int unsigned BLOCK  = Outer * Inner * Unit;  // beats
  localparam int unsigned ADDR_W = BLOCK > 0 ? $clog2(2 * BLOCK) : 1;

  typedef logic [ADDR_W-1:0] addr_t;

  localparam addr_t LAST      = addr_t'(2 * BLOCK - 1);
  localparam addr_t TO_OUTER  = addr_t'(Unit * (Inner - 1) + 1);  // from the end of a unit on
  localparam addr_t TO_INNER  = addr_t'(Unit * Inner * (Outer - 1) - 1);  // and back from the last one

  addr_t      write_q;
  addr_t      read_q;
  logic [1:0] full_q;  // blocks that wait to be read
  logic       write;
  logic       read;
  logic       unit_done;
  logic       outer_done;
  logic       inner_done;
  logic       filled;
  logic       emptied;
  logic [2:0] unused_segment;

  assign ready_o = !full_q[1];
  assign write   = valid_i && ready_o;
  assign read    = full_q != '0 && (!valid_o || ready_i);
  assign filled  = write && (write_q == addr_t'(BLOCK - 1) || write_q == LAST);
  assign emptied = read && unit_done && outer_done && inner_done;

  segment_counter #(.Beats(16'(Unit))) u_unit (
    .clk_i, .rst_ni, .step_i(read), .segment_o(unused_segment[0]), .last_o(unit_done)
  );
  segment_counter #(.Beats(16'(Outer))) u_outer (
    .clk_i, .rst_ni, .step_i(read && unit_done), .segment_o(unused_segment[1]), .last_o(outer_done)
  );
  segment_counter #(.Beats(16'(Inner))) u_inner (
    .clk_i, .rst_ni, .step_i(read && unit_done && outer_done), .segment_o(unused_segment[2]),
    .last_o(inner_done)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q <= '0;
      read_q  <= '0;
      full_q  <= '0;
      valid_o <= 1'b0;
    end else begin
      full_q <= full_q + 2'(filled) - 2'(emptied);
      if (write) write_q <= write_q == LAST ? '0 : write_q + 1'b1;
      if (read) begin
        // The last unit in is the last one out, so behind it the next block begins.
        if (!unit_done || (outer_done && inner_done)) read_q <= read_q == LAST ? '0 : read_q + 1'b1;
        else if (!outer_done) read_q <= read_q + TO_OUTER;
        else read_q <= read_q - TO_INNER;
      end
      if (read || ready_i) valid_o <= read;
    end
  end

  engine_ram #(.Width(Lanes * LaneW), .Depth(2 * BLOCK)) u_ram (
    .clk_i, .we_i(write), .waddr_i(write_q), .wdata_i(data_i),
    .re_i(read), .raddr_i(read_q), .rdata_o(data_o)
  );

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
