// SPDX-License-Identifier: Apache-2.0

/// Two tensors, A and B, that are written to one memory, as in `headrace_ip`.
module write_path #(
  parameter int unsigned DataW       = 64,
  parameter int unsigned AddrW       = 32,
  parameter int unsigned Outstanding = 8,
  parameter int unsigned ElementWA = 8, LaneWA = 8, LanesA = 3, ChannelsA = 3, ElementsA = 48,
  parameter int unsigned ElementWB = 8, LaneWB = 8, LanesB = 3, ChannelsB = 3, ElementsB = 48,
  parameter bit          SignedA = 1'b0, SignedB = 1'b0
) (
  input  logic                   clk_i,
  input  logic                   rst_ni,
  input  logic                   drain_i,
  output logic                   idle_o,

  input  logic [1:0]             command_valid_i,  // A, B
  output logic [1:0]             command_ready_o,
  input  logic [1:0][AddrW+63:0] command_i,        // tag, frames, address

  input  logic                     a_valid_i,
  output logic                     a_ready_o,
  input  logic [LanesA*LaneWA-1:0] a_data_i,
  input  logic                     b_valid_i,
  output logic                     b_ready_o,
  input  logic [LanesB*LaneWB-1:0] b_data_i,
  output logic [1:0]               busy_o,
  output logic [1:0]               frame_done_o,
  output logic [1:0]               command_done_o,

  output logic [AddrW-1:0]       m_axi_awaddr,
  output logic [7:0]             m_axi_awlen,
  output logic                   m_axi_awvalid,
  input  logic                   m_axi_awready,
  output logic [DataW-1:0]       m_axi_wdata,
  output logic                   m_axi_wlast,
  output logic                   m_axi_wvalid,
  input  logic                   m_axi_wready,
  input  logic [1:0]             m_axi_bresp,
  input  logic                   m_axi_bvalid,
  output logic                   m_axi_bready,
  output logic [2:0]             error_o,  // protocol, decerr, slverr
  output logic [AddrW-1:0]       answered_o
);
  localparam int unsigned BEATS_W = 5;

  logic [1:0]              request_valid, request_ready, ends_frame, ends_command, word_take;
  logic [1:0][AddrW-1:0]   request_address;
  logic [1:0][BEATS_W-1:0] request_beats;
  logic [1:0][DataW-1:0]   word;
  logic                    unused_open, unused_progress;

  tensor_writer #(
    .DataW(DataW), .AddrW(AddrW), .ElementW(ElementWA), .LaneW(LaneWA), .Lanes(LanesA),
    .Channels(ChannelsA), .FrameElements(ElementsA), .Signed(SignedA)
  ) u_a (
    .clk_i, .rst_ni,
    .command_valid_i(command_valid_i[0]), .command_ready_o(command_ready_o[0]),
    .command_address_i(command_i[0][AddrW-1:0]), .command_frames_i(command_i[0][AddrW +: 32]),
    .command_tag_i(command_i[0][AddrW+32 +: 32]),
    .valid_i(a_valid_i), .ready_o(a_ready_o), .data_i(a_data_i),
    .request_valid_o(request_valid[0]), .request_ready_i(request_ready[0]),
    .request_address_o(request_address[0]), .request_beats_o(request_beats[0]),
    .request_ends_frame_o(ends_frame[0]), .request_ends_command_o(ends_command[0]),
    .word_take_i(word_take[0]), .word_o(word[0]), .busy_o(busy_o[0])
  );

  tensor_writer #(
    .DataW(DataW), .AddrW(AddrW), .ElementW(ElementWB), .LaneW(LaneWB), .Lanes(LanesB),
    .Channels(ChannelsB), .FrameElements(ElementsB), .Signed(SignedB)
  ) u_b (
    .clk_i, .rst_ni,
    .command_valid_i(command_valid_i[1]), .command_ready_o(command_ready_o[1]),
    .command_address_i(command_i[1][AddrW-1:0]), .command_frames_i(command_i[1][AddrW +: 32]),
    .command_tag_i(command_i[1][AddrW+32 +: 32]),
    .valid_i(b_valid_i), .ready_o(b_ready_o), .data_i(b_data_i),
    .request_valid_o(request_valid[1]), .request_ready_i(request_ready[1]),
    .request_address_o(request_address[1]), .request_beats_o(request_beats[1]),
    .request_ends_frame_o(ends_frame[1]), .request_ends_command_o(ends_command[1]),
    .word_take_i(word_take[1]), .word_o(word[1]), .busy_o(busy_o[1])
  );

  axi_write_mux #(.Ports(2), .DataW(DataW), .AddrW(AddrW), .Outstanding(Outstanding)) u_mux (
    .clk_i, .rst_ni, .drain_i, .idle_o,
    .request_valid_i(request_valid), .request_ready_o(request_ready),
    .request_address_i(request_address), .request_beats_i(request_beats),
    .request_ends_frame_i(ends_frame), .request_ends_command_i(ends_command),
    .word_take_o(word_take), .word_i(word), .frame_done_o, .command_done_o,
    .m_axi_awaddr, .m_axi_awlen, .m_axi_awvalid, .m_axi_awready,
    .m_axi_wdata, .m_axi_wlast, .m_axi_wvalid, .m_axi_wready,
    .m_axi_bresp, .m_axi_bvalid, .m_axi_bready,
    .slverr_o(error_o[0]), .decerr_o(error_o[1]), .protocol_o(error_o[2]), .answered_o,
    .open_o(unused_open), .progress_o(unused_progress)
  );

  axi_rules #(.DataW(DataW), .AddrW(AddrW)) u_rules (
    .clk_i, .rst_ni,
    .araddr_i('0), .arlen_i('0), .arvalid_i(1'b0), .arready_i(1'b0),
    .rdata_i('0), .rresp_i('0), .rlast_i(1'b0), .rvalid_i(1'b0), .rready_i(1'b0),
    .awaddr_i(m_axi_awaddr), .awlen_i(m_axi_awlen), .awvalid_i(m_axi_awvalid), .awready_i(m_axi_awready),
    .wdata_i(m_axi_wdata), .wlast_i(m_axi_wlast), .wvalid_i(m_axi_wvalid), .wready_i(m_axi_wready),
    .bresp_i(m_axi_bresp), .bvalid_i(m_axi_bvalid), .bready_i(m_axi_bready)
  );
endmodule
