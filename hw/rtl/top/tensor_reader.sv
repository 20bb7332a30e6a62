// SPDX-License-Identifier: Apache-2.0

/// Brings one tensor from memory to a stream of the network: queue of commands, bursts, check words,
/// elements.
///
/// In memory, a frame is its elements in NHWC order without gaps, `ElementW` bits each (a power of
/// two), the first in the low bits; it begins at a new word and ends with a word for its check (see
/// `frame_checker`). Of each element the low `LaneW` bits count. In the stream, a pixel of `Channels`
/// elements is a whole number of beats.
///
/// With `Repeat`, a command has one frame in memory, which is read again for each of its frames, as
/// weights are that are streamed; its check word starts from `Start`.
module tensor_reader #(
  parameter int unsigned DataW         = 64,
  parameter int unsigned AddrW         = 32,
  parameter int unsigned ElementW      = 8,
  parameter int unsigned LaneW         = 8,
  parameter int unsigned Lanes         = 3,
  parameter int unsigned Channels      = 3,
  parameter int unsigned FrameElements = 48,
  parameter int unsigned BurstBeats    = 16,
  parameter int unsigned Commands      = 4,
  parameter bit          Repeat        = 1'b0,
  parameter logic [63:0] Start         = '0,
  localparam int unsigned BeatsW       = $clog2(BurstBeats) + 1
) (
  input  logic                        clk_i,
  input  logic                        rst_ni,  // synchronous

  input  logic                        command_valid_i,
  output logic                        command_ready_o,
  input  logic [AddrW-1:0]            command_address_i,
  input  logic [31:0]                 command_frames_i,
  input  logic [31:0]                 command_tag_i,

  output logic                        request_valid_o,
  input  logic                        request_ready_i,
  output logic [AddrW-1:0]            request_address_o,
  output logic [BeatsW-1:0]           request_beats_o,
  input  logic                        word_valid_i,
  input  logic [DataW-1:0]            word_i,

  output logic                        valid_o,
  input  logic                        ready_i,
  output logic [Lanes-1:0][LaneW-1:0] data_o,
  output logic                        busy_o,
  output logic                        fault_o  // one cycle: a frame is not as it was packed
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
  logic                                    check_ready;
  logic                                    fetched_valid;
  logic                                    fetched_ready;
  logic [DataW-1:0]                        fetched;
  logic                                    word_valid;
  logic                                    word_ready;
  logic [WORD_ELEMENTS-1:0][ElementW-1:0]  word;
  logic [WORD_ELEMENTS-1:0][LaneW-1:0]     elements;
  logic                                    reader_busy;

  stream_fifo #(.Width(AddrW + 32), .Depth(Commands), .Block(1'b0)) u_commands (
    .clk_i, .rst_ni,
    .valid_i(command_valid_i && check_ready), .ready_o(walk_ready), .data_i({command_address_i, command_frames_i}),
    .valid_o(queued_valid), .ready_i(queued_ready), .data_o({queued_address, queued_frames})
  );

  axi_reader #(
    .DataW(DataW), .AddrW(AddrW), .FrameWords(FRAME_WORDS + 1), .Repeat(Repeat), .BurstBeats(BurstBeats)
  ) u_reader (
    .clk_i, .rst_ni,
    .command_valid_i(queued_valid), .command_ready_o(queued_ready),
    .command_address_i(queued_address), .command_frames_i(queued_frames),
    .request_valid_o, .request_ready_i, .request_address_o, .request_beats_o,
    .word_valid_i, .word_i,
    .valid_o(fetched_valid), .ready_i(fetched_ready), .data_o(fetched),
    .busy_o(reader_busy)
  );

  assign command_ready_o = walk_ready && check_ready;
  frame_checker #(
    .DataW(DataW), .Words(FRAME_WORDS), .Commands(Commands), .Repeat(Repeat), .Start(Start)
  ) u_check (
    .clk_i, .rst_ni,
    .command_valid_i(command_valid_i && walk_ready), .command_ready_o(check_ready),
    .command_tag_i, .command_frames_i,
    .valid_i(fetched_valid), .ready_o(fetched_ready), .data_i(fetched),
    .valid_o(word_valid), .ready_i(word_ready), .data_o(word), .fault_o
  );
  assign busy_o = reader_busy || queued_valid;

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
    .clk_i, .rst_ni,
    .valid_i(word_valid), .ready_o(word_ready), .data_i(elements),
    .valid_o, .ready_i, .data_o
  );
endmodule
