// SPDX-License-Identifier: Apache-2.0

/// Brings one stream of the network to memory: elements, check words, queue of
/// commands, bursts.
///
/// The layout in memory is that of `tensor_reader`; elements are widened with their sign if they
/// have one, and what a frame's last word has beyond its last element is zero.
module tensor_writer #(
  parameter int unsigned DataW         = 64,
  parameter int unsigned AddrW         = 32,
  parameter int unsigned ElementW      = 8,
  parameter int unsigned LaneW         = 8,
  parameter bit          Signed        = 1'b0,
  parameter int unsigned Lanes         = 3,
  parameter int unsigned Channels      = 3,
  parameter int unsigned FrameElements = 48,
  parameter int unsigned BurstBeats    = 16,
  parameter int unsigned Commands      = 4,
  localparam int unsigned BeatsW       = $clog2(BurstBeats) + 1
) (
  input  logic                        clk_i,
  input  logic                        rst_ni,  // synchronous

  input  logic                        command_valid_i,
  output logic                        command_ready_o,
  input  logic [AddrW-1:0]            command_address_i,
  input  logic [31:0]                 command_frames_i,
  input  logic [31:0]                 command_tag_i,

  input  logic                        valid_i,
  output logic                        ready_o,
  input  logic [Lanes-1:0][LaneW-1:0] data_i,

  output logic                        request_valid_o,
  input  logic                        request_ready_i,
  output logic [AddrW-1:0]            request_address_o,
  output logic [BeatsW-1:0]           request_beats_o,
  output logic                        request_ends_frame_o,
  output logic                        request_ends_command_o,
  input  logic                        word_take_i,
  output logic [DataW-1:0]            word_o,
  output logic                        busy_o
);
  localparam int unsigned WORD_ELEMENTS = DataW / ElementW;
  localparam int unsigned FRAME_WORDS   = (FrameElements + WORD_ELEMENTS - 1) / WORD_ELEMENTS;

  if (ElementW == 0 || (ElementW & (ElementW - 1)) != 0 || LaneW > ElementW || ElementW > 64) begin : gen_check
    $fatal(1, "need ElementW a power of two with LaneW <= ElementW <= 64; got %0d, %0d",
           ElementW, LaneW);
  end

  logic                                    queued_valid;
  logic                                    queued_ready;
  logic [AddrW-1:0]                        queued_address;
  logic [31:0]                             queued_frames;
  logic                                    walk_ready;
  logic                                    seal_ready;
  logic                                    sealed_valid;
  logic                                    sealed_ready;
  logic [DataW-1:0]                        sealed;
  logic                                    word_valid;
  logic                                    word_ready;
  logic [WORD_ELEMENTS-1:0][ElementW-1:0]  word;
  logic [WORD_ELEMENTS-1:0][LaneW-1:0]     elements;
  logic                                    writer_busy;

  stream_dense #(
    .LaneW(LaneW), .LanesIn(Lanes), .LanesOut(WORD_ELEMENTS),
    .SegmentIn(Channels), .SegmentOut(FrameElements)
  ) u_dense (
    .clk_i, .rst_ni,
    .valid_i, .ready_o, .data_i,
    .valid_o(word_valid), .ready_i(word_ready), .data_o(elements)
  );

  for (genvar e = 0; e < WORD_ELEMENTS; e++) begin : gen_element
    if (Signed) begin : gen_signed
      assign word[e] = ElementW'(signed'(elements[e]));
    end else begin : gen_unsigned
      assign word[e] = ElementW'(elements[e]);
    end
  end

  assign command_ready_o = walk_ready && seal_ready;
  frame_sealer #(.DataW(DataW), .Words(FRAME_WORDS), .Commands(Commands)) u_seal (
    .clk_i, .rst_ni,
    .command_valid_i(command_valid_i && walk_ready), .command_ready_o(seal_ready),
    .command_tag_i, .command_frames_i,
    .valid_i(word_valid), .ready_o(word_ready), .data_i(word),
    .valid_o(sealed_valid), .ready_i(sealed_ready), .data_o(sealed)
  );

  stream_fifo #(.Width(AddrW + 32), .Depth(Commands), .Block(1'b0)) u_commands (
    .clk_i, .rst_ni,
    .valid_i(command_valid_i && seal_ready), .ready_o(walk_ready), .data_i({command_address_i, command_frames_i}),
    .valid_o(queued_valid), .ready_i(queued_ready), .data_o({queued_address, queued_frames})
  );

  axi_writer #(
    .DataW(DataW), .AddrW(AddrW), .FrameWords(FRAME_WORDS + 1), .BurstBeats(BurstBeats)
  ) u_writer (
    .clk_i, .rst_ni,
    .command_valid_i(queued_valid), .command_ready_o(queued_ready),
    .command_address_i(queued_address), .command_frames_i(queued_frames),
    .valid_i(sealed_valid), .ready_o(sealed_ready), .data_i(sealed),
    .request_valid_o, .request_ready_i, .request_address_o, .request_beats_o,
    .request_ends_frame_o, .request_ends_command_o,
    .word_take_i, .word_o,
    .busy_o(writer_busy)
  );
  assign busy_o = writer_busy || queued_valid;
endmodule
