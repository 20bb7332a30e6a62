// SPDX-License-Identifier: Apache-2.0

/// Transposes blocks: of every block of `Outer` x `Inner` units of `Unit` beats, the units come in
/// with `Inner` running faster and leave with `Outer` running faster. With blocks of an input row this
/// turns channels into pixels (depth to space) and back.
///
/// One block of memory: each beat of the next block goes where one has left (`transpose_walk`), so
/// the next block comes in no faster than this one leaves. One beat per cycle, without bubbles between
/// blocks. Latency: one clock edge from the last beat of a block to the first beat out. `ready_o`
/// depends on registers only.
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
  if (LaneW == 0 || Lanes == 0 || Outer < 2 || Inner < 2 || Unit == 0) begin : gen_check
    $fatal(1, "need LaneW, Lanes and Unit above 0, Outer and Inner above 1; got %0d, %0d, %0d, %0d, %0d",
           LaneW, Lanes, Unit, Outer, Inner);
  end

  localparam int unsigned BLOCK  = Outer * Inner * Unit;  // beats
  localparam int unsigned ADDR_W = $clog2(BLOCK);

  typedef logic [ADDR_W-1:0] addr_t;

  addr_t             waddr, raddr, stride_q, next_stride_q, stride;
  logic [ADDR_W:0]   held_q;    // beats in memory
  logic              full_q;    // held_q == BLOCK
  logic              almost_q;  // held_q == BLOCK - 1
  logic              whole_q;   // the block that is read has come whole
  logic              write, read, write_last, read_last, mark;
  logic              unused_mark;

  assign ready_o = !full_q;
  assign write   = valid_i && ready_o;
  // Its first beat leaves as soon as all but the last have come, which leaves last.
  assign read    = (whole_q || almost_q) && (!valid_o || ready_i);

  // What is read goes in steps that what is written in its place has too.
  assign stride  = whole_q ? stride_q : next_stride_q;
  transpose_walk #(.Units(Outer * Inner), .Mark(Inner), .Unit(Unit)) u_write (
    .clk_i, .rst_ni, .step_i(write), .stride_i(stride_q), .addr_o(waddr),
    .last_o(write_last), .mark_o(mark)
  );
  transpose_walk #(.Units(Outer * Inner), .Mark(Inner), .Unit(Unit)) u_read (
    .clk_i, .rst_ni, .step_i(read), .stride_i(stride), .addr_o(raddr),
    .last_o(read_last), .mark_o(unused_mark)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      held_q   <= '0;
      full_q   <= 1'b0;
      almost_q <= 1'b0;
      whole_q  <= 1'b0;
      stride_q <= addr_t'(Unit);
      valid_o  <= 1'b0;
    end else begin
      if (write != read) begin
        held_q   <= write ? held_q + 1'b1 : held_q - 1'b1;
        full_q   <= write && almost_q;
        almost_q <= held_q == (write ? (ADDR_W + 1)'(BLOCK - 2) : (ADDR_W + 1)'(BLOCK));
      end
      if (write && write_last) begin
        whole_q  <= 1'b1;
        stride_q <= next_stride_q;
      end else if (read && read_last) begin
        whole_q <= 1'b0;
      end
      if (read || ready_i) valid_o <= read;
    end
    if (write && mark) next_stride_q <= waddr;
  end

  engine_ram #(.Width(Lanes * LaneW), .Depth(BLOCK)) u_ram (
    .clk_i, .we_i(write), .waddr_i(waddr), .wdata_i(data_i),
    .re_i(read), .raddr_i(raddr), .rdata_o(data_o)
  );

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
