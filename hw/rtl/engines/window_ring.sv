// SPDX-License-Identifier: Apache-2.0

/// Adds two numbers of row slots in the ring of `Rows` slots of a line buffer. Combinational.
module window_ring #(
  parameter int unsigned Rows = 6,
  localparam int unsigned SlotW = Rows > 1 ? $clog2(Rows) : 1
) (
  input  logic [SlotW-1:0] a_i,
  input  logic [SlotW-1:0] b_i,
  output logic [SlotW-1:0] sum_o
);
  logic [SlotW:0] sum, over;
  assign sum   = {1'b0, a_i} + {1'b0, b_i};
  assign over  = sum - (SlotW + 1)'(Rows);
  assign sum_o = over[SlotW] ? sum[SlotW-1:0] : over[SlotW-1:0];
endmodule
