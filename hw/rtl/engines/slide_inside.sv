// SPDX-License-Identifier: Apache-2.0

/// Whether `place_i + Offset` lies in 0 to Size - 1, a cycle later; `place_i` is at most `Last` where
/// it matters, so bounds that no place can reach need no comparison.
module slide_inside #(
  parameter int unsigned Size = 8,
  parameter int          Offset = 0,
  parameter int unsigned Last = 7,
  parameter int unsigned PlaceW = 3
) (
  input  logic              clk_i,
  input  logic              en_i,
  input  logic [PlaceW-1:0] place_i,
  output logic              inside_o
);
  logic reached, passed;

  if (Offset >= 0) begin : gen_begun
    assign reached = 1'b1;
  end else if (-Offset > int'(Last)) begin : gen_never
    assign reached = 1'b0;
  end else begin : gen_least
    assign reached = place_i >= PlaceW'(-Offset);
  end

  if (int'(Last) + Offset < int'(Size)) begin : gen_unbounded
    assign passed = 1'b0;
  end else if (Offset >= int'(Size)) begin : gen_always
    assign passed = 1'b1;
  end else begin : gen_most
    assign passed = place_i >= PlaceW'(int'(Size) - Offset);
  end

  logic unused_place;
  assign unused_place = &{1'b0, place_i};

  always_ff @(posedge clk_i) begin
    if (en_i) inside_o <= reached && !passed;
  end
endmodule
