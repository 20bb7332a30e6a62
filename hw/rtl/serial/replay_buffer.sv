// SPDX-License-Identifier: Apache-2.0

/// Keeps bytes until they are known to have arrived, so that they can be sent again.
///
/// Bytes are counted from the reset on. `release_i` frees those before `from_i` if that is one of those
/// that are kept, or the next one, which `known_o` tells. Both are about a `from_i` that has stood for
/// two cycles in which nothing was released; bytes of the last of these are not known yet. `end_o` is
/// the number of the next byte. `read_i` fetches the byte at `place_i`; it is at `data_o` a cycle
/// later. Block RAM.
module replay_buffer #(
  parameter int unsigned Depth  = 2048,
  localparam int unsigned PlaceW = $clog2(Depth)
) (
  input  logic              clk_i,
  input  logic              rst_ni,  // synchronous
  input  logic              valid_i,
  output logic              ready_o,
  input  logic [7:0]        data_i,
  input  logic              release_i,
  input  logic [31:0]       from_i,
  output logic              known_o,  // from_i is one of the bytes that are kept, or the next
  output logic [31:0]       end_o,    // number of the next byte
  input  logic              read_i,
  input  logic [PlaceW-1:0] place_i,
  output logic [7:0]        data_o
);
  if (Depth < 4 || (Depth & (Depth - 1)) != 0) begin : gen_check
    $fatal(1, "need a power of two from 4 on; got Depth %0d", Depth);
  end

  logic [7:0]      memory_q[Depth];
  logic [31:0]     first_q;  // number of the first byte that is kept
  logic [31:0]     end_q;
  logic [PlaceW:0] kept_q;
  logic            room_q;   // there was room a cycle ago
  logic            write;
  logic            frees;
  logic [31:0]     spent_q;  // bytes before from_i

  assign ready_o = room_q;
  assign write   = valid_i && ready_o;
  assign frees   = release_i && known_o;
  assign end_o   = end_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      first_q <= '0;
      end_q   <= '0;
      kept_q  <= '0;
      room_q  <= 1'b1;
    end else begin
      if (frees) first_q <= from_i;
      end_q  <= end_q + 32'(write);
      kept_q <= kept_q - (frees ? spent_q[PlaceW:0] : '0) + (PlaceW+1)'(write);
      room_q <= write ? kept_q < (PlaceW+1)'(Depth - 1) : kept_q != (PlaceW+1)'(Depth);
    end
    spent_q <= from_i - first_q;
    known_o <= spent_q <= 32'(kept_q);
  end
  always_ff @(posedge clk_i) begin
    if (write) memory_q[end_q[PlaceW-1:0]] <= data_i;
    if (read_i) data_o <= memory_q[place_i];
  end
endmodule
