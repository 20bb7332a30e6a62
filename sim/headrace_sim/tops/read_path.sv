// SPDX-License-Identifier: Apache-2.0

/// Two tensors, A and B, that are read from one memory, as in `headrace_ip`.
module read_path #(
  parameter int unsigned DataW       = 64,
  parameter int unsigned AddrW       = 32,
  parameter int unsigned Outstanding = 8,
  parameter int unsigned ElementWA = 8, LaneWA = 8, LanesA = 3, ChannelsA = 3, ElementsA = 48,
  parameter int unsigned ElementWB = 8, LaneWB = 8, LanesB = 3, ChannelsB = 3, ElementsB = 48,
  parameter int unsigned RepeatA = 0, RepeatB = 0
) (
  input  logic                   clk_i,
  input  logic                   rst_ni,
  input  logic                   drain_i,
  output logic                   idle_o,

  input  logic [1:0]             command_valid_i,  // A, B
  output logic [1:0]             command_ready_o,
  input  logic [1:0][AddrW+63:0] command_i,        // tag, frames, address

  output logic                     a_valid_o,
  input  logic                     a_ready_i,
  output logic [LanesA*LaneWA-1:0] a_data_o,
  output logic                     b_valid_o,
  input  logic                     b_ready_i,
  output logic [LanesB*LaneWB-1:0] b_data_o,
  output logic [1:0]               busy_o,
  output logic [1:0]               fault_o,

  output logic [AddrW-1:0]       m_axi_araddr,
  output logic [7:0]             m_axi_arlen,
  output logic                   m_axi_arvalid,
  input  logic                   m_axi_arready,
  input  logic [DataW-1:0]       m_axi_rdata,
  input  logic [1:0]             m_axi_rresp,
  input  logic                   m_axi_rlast,
  input  logic                   m_axi_rvalid,
  output logic                   m_axi_rready,
  output logic [2:0]             error_o,  // protocol, decerr, slverr
  output logic [AddrW-1:0]       answered_o
);
  localparam int unsigned BEATS_W = 5;
  localparam logic [63:0] START   = 64'h0123456789abcdef;

  logic [1:0]              request_valid, request_ready, word_valid;
  logic [1:0][AddrW-1:0]   request_address;
  logic [1:0][BEATS_W-1:0] request_beats;
  logic [DataW-1:0]        word;
  logic                    unused_open, unused_progress;

  tensor_reader #(
    .DataW(DataW), .AddrW(AddrW), .ElementW(ElementWA), .LaneW(LaneWA), .Lanes(LanesA),
    .Channels(ChannelsA), .FrameElements(ElementsA), .Repeat(RepeatA != 0), .Start(START)
  ) u_a (
    .clk_i, .rst_ni,
    .command_valid_i(command_valid_i[0]), .command_ready_o(command_ready_o[0]),
    .command_address_i(command_i[0][AddrW-1:0]), .command_frames_i(command_i[0][AddrW +: 32]),
    .command_tag_i(command_i[0][AddrW+32 +: 32]),
    .request_valid_o(request_valid[0]), .request_ready_i(request_ready[0]),
    .request_address_o(request_address[0]), .request_beats_o(request_beats[0]),
    .word_valid_i(word_valid[0]), .word_i(word),
    .valid_o(a_valid_o), .ready_i(a_ready_i), .data_o(a_data_o), .busy_o(busy_o[0]), .fault_o(fault_o[0])
  );

  tensor_reader #(
    .DataW(DataW), .AddrW(AddrW), .ElementW(ElementWB), .LaneW(LaneWB), .Lanes(LanesB),
    .Channels(ChannelsB), .FrameElements(ElementsB), .Repeat(RepeatB != 0), .Start(START)
  ) u_b (
    .clk_i, .rst_ni,
    .command_valid_i(command_valid_i[1]), .command_ready_o(command_ready_o[1]),
    .command_address_i(command_i[1][AddrW-1:0]), .command_frames_i(command_i[1][AddrW +: 32]),
    .command_tag_i(command_i[1][AddrW+32 +: 32]),
    .request_valid_o(request_valid[1]), .request_ready_i(request_ready[1]),
    .request_address_o(request_address[1]), .request_beats_o(request_beats[1]),
    .word_valid_i(word_valid[1]), .word_i(word),
    .valid_o(b_valid_o), .ready_i(b_ready_i), .data_o(b_data_o), .busy_o(busy_o[1]), .fault_o(fault_o[1])
  );

  axi_read_mux #(.Ports(2), .DataW(DataW), .AddrW(AddrW), .Outstanding(Outstanding)) u_mux (
    .clk_i, .rst_ni, .drain_i, .idle_o,
    .request_valid_i(request_valid), .request_ready_o(request_ready),
    .request_address_i(request_address), .request_beats_i(request_beats),
    .word_valid_o(word_valid), .word_o(word),
    .m_axi_araddr, .m_axi_arlen, .m_axi_arvalid, .m_axi_arready,
    .m_axi_rdata, .m_axi_rresp, .m_axi_rlast, .m_axi_rvalid, .m_axi_rready,
    .slverr_o(error_o[0]), .decerr_o(error_o[1]), .protocol_o(error_o[2]), .answered_o,
    .open_o(unused_open), .progress_o(unused_progress)
  );

  axi_rules #(.DataW(DataW), .AddrW(AddrW)) u_rules (
    .clk_i, .rst_ni,
    .araddr_i(m_axi_araddr), .arlen_i(m_axi_arlen), .arvalid_i(m_axi_arvalid), .arready_i(m_axi_arready),
    .rdata_i(m_axi_rdata), .rresp_i(m_axi_rresp), .rlast_i(m_axi_rlast), .rvalid_i(m_axi_rvalid),
    .rready_i(m_axi_rready),
    .awaddr_i('0), .awlen_i('0), .awvalid_i(1'b0), .awready_i(1'b0),
    .wdata_i('0), .wlast_i(1'b0), .wvalid_i(1'b0), .wready_i(1'b0),
    .bresp_i('0), .bvalid_i(1'b0), .bready_i(1'b0)
  );
endmodule
