// SPDX-License-Identifier: Apache-2.0

/// A stream of the network from bytes: those of `tensor_reader`'s layout without check words, frames
/// beginning at whole words of 8 bits, or of an element that is wider.
module bytes_to_tensor #(
  parameter int unsigned ElementW      = 8,
  parameter int unsigned LaneW         = 8,
  parameter int unsigned Lanes         = 3,
  parameter int unsigned Channels      = 3,
  parameter int unsigned FrameElements = 48
) (
  input  logic                        clk_i,
  input  logic                        rst_ni,  // synchronous
  input  logic                        valid_i,
  output logic                        ready_o,
  input  logic [7:0]                  data_i,
  output logic                        valid_o,
  input  logic                        ready_i,
  output logic [Lanes-1:0][LaneW-1:0] data_o
);
  localparam int unsigned WORD_W        = ElementW > 8 ? ElementW : 8;
  localparam int unsigned WORD_ELEMENTS = WORD_W / ElementW;

  if (ElementW == 0 || (ElementW & (ElementW - 1)) != 0 || LaneW > ElementW || ElementW > 64) begin : gen_check
    $fatal(1, "need ElementW a power of two with LaneW <= ElementW <= 64; got %0d, %0d",
           ElementW, LaneW);
  end

  logic                                   word_valid;
  logic                                   word_ready;
  logic [WORD_ELEMENTS-1:0][ElementW-1:0] word;
  logic [WORD_ELEMENTS-1:0][LaneW-1:0]    elements;

  stream_dense #(
    .LaneW(8), .LanesIn(1), .LanesOut(WORD_W / 8), .SegmentIn(WORD_W / 8), .SegmentOut(WORD_W / 8)
  ) u_word (
    .clk_i, .rst_ni, .valid_i, .ready_o, .data_i,
    .valid_o(word_valid), .ready_i(word_ready), .data_o(word)
  );
  for (genvar e = 0; e < WORD_ELEMENTS; e++) begin : gen_element
    assign elements[e] = word[e][LaneW-1:0];
  end
  if (LaneW < ElementW) begin : gen_unused
    logic unused_high;
    assign unused_high = ^word;
  end

  stream_dense #(
    .LaneW(LaneW), .LanesIn(WORD_ELEMENTS), .LanesOut(Lanes),
    .SegmentIn(FrameElements), .SegmentOut(Channels)
  ) u_dense (
    .clk_i, .rst_ni, .valid_i(word_valid), .ready_o(word_ready), .data_i(elements),
    .valid_o, .ready_i, .data_o
  );
endmodule
