// SPDX-License-Identifier: Apache-2.0

/// Holds the bytes of packets back until it is known that they are good.
///
/// Bytes are written behind what is there, as `write_i` comes; `commit_i` lets them go, `drop_i` takes
/// back all since the last commit. `room_o` is what may be written from there on. Block RAM.
module packet_buffer #(
  parameter int unsigned Depth  = 2048,
  localparam int unsigned PlaceW = $clog2(Depth)
) (
  input  logic            clk_i,
  input  logic            rst_ni,   // synchronous
  input  logic            write_i,  // there must be room
  input  logic [7:0]      data_i,
  input  logic            commit_i,
  input  logic            drop_i,
  output logic [PlaceW:0] room_o,
  output logic            valid_o,
  input  logic            ready_i,
  output logic [7:0]      data_o
);
  if (Depth < 4 || (Depth & (Depth - 1)) != 0) begin : gen_check
    $fatal(1, "need a power of two from 4 on; got Depth %0d", Depth);
  end

  logic [7:0]      memory_q[Depth];
  logic [PlaceW:0] write_q;      // with a bit more, to tell full from empty
  logic [PlaceW:0] committed_q;
  logic [PlaceW:0] fetch_q;      // next to be read from memory
  logic [PlaceW:0] read_q;       // next to leave
  logic [7:0]      fetched_q;
  logic            valid_q;
  logic            fetch;

  assign fetch   = fetch_q != committed_q && (!valid_q || ready_i);
  assign valid_o = valid_q;
  assign data_o  = fetched_q;
  assign room_o  = (PlaceW+1)'(Depth) - (committed_q - read_q);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q     <= '0;
      committed_q <= '0;
      fetch_q     <= '0;
      read_q      <= '0;
      valid_q     <= 1'b0;
    end else begin
      if (drop_i) write_q <= committed_q;
      else if (write_i) write_q <= write_q + 1'b1;
      if (commit_i) committed_q <= write_q;
      if (fetch) fetch_q <= fetch_q + 1'b1;
      valid_q <= fetch || (valid_q && !ready_i);
      if (valid_q && ready_i) read_q <= read_q + 1'b1;
    end
  end
  always_ff @(posedge clk_i) begin
    if (write_i) memory_q[write_q[PlaceW-1:0]] <= data_i;
    if (fetch) fetched_q <= memory_q[fetch_q[PlaceW-1:0]];
  end

`ifndef SYNTHESIS
  WritesFindRoom_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      write_i |-> (write_q - read_q) < (PlaceW+1)'(Depth))
    else $error("%m: a byte came for which there is no room");
`endif
endmodule
