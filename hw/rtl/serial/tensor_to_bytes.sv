// SPDX-License-Identifier: Apache-2.0

/// Bytes of a stream of the network; inverse of `bytes_to_tensor`. Elements are widened with their
/// sign if they have one; what a frame's last byte has beyond its last element is zero.
module tensor_to_bytes #(
  parameter int unsigned ElementW      = 8,
  parameter int unsigned LaneW         = 8,
  parameter bit          Signed        = 1'b0,
  parameter int unsigned Lanes         = 3,
  parameter int unsigned Channels      = 3,
  parameter int unsigned FrameElements = 48
) (
  input  logic                        clk_i,
  input  logic                        rst_ni,  // synchronous
  input  logic                        valid_i,
  output logic                        ready_o,
  input  logic [Lanes-1:0][LaneW-1:0] data_i,
  output logic                        valid_o,
  input  logic                        ready_i,
  output logic [7:0]                  data_o
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
    .LaneW(LaneW), .LanesIn(Lanes), .LanesOut(WORD_ELEMENTS),
    .SegmentIn(Channels), .SegmentOut(FrameElements)
  ) u_dense (
    .clk_i, .rst_ni, .valid_i, .ready_o, .data_i,
    .valid_o(word_valid), .ready_i(word_ready), .data_o(elements)
  );
  for (genvar e = 0; e < WORD_ELEMENTS; e++) begin : gen_element
    if (Signed) begin : gen_signed
      assign word[e] = ElementW'(signed'(elements[e]));
    end else begin : gen_unsigned
      assign word[e] = ElementW'(elements[e]);
    end
  end
  stream_dense #(
    .LaneW(8), .LanesIn(WORD_W / 8), .LanesOut(1), .SegmentIn(WORD_W / 8), .SegmentOut(WORD_W / 8)
  ) u_byte (
    .clk_i, .rst_ni, .valid_i(word_valid), .ready_o(word_ready), .data_i(word),
    .valid_o, .ready_i, .data_o
  );
endmodule
