// SPDX-License-Identifier: Apache-2.0

/// Three streams of weights that are read from one memory, as in `headrace_ip`.
module weight_path #(
  parameter int unsigned DataW       = 64,
  parameter int unsigned AddrW       = 32,
  parameter int unsigned Outstanding = 8,
  parameter int unsigned WidthA = 24, WordsA = 5, FirstA = 0, BurstsA = 1, LastA = 3,
  parameter int unsigned WidthB = 24, WordsB = 5, FirstB = 1, BurstsB = 1, LastB = 3,
  parameter int unsigned WidthC = 24, WordsC = 5, FirstC = 2, BurstsC = 1, LastC = 3
) (
  input  logic              clk_i,
  input  logic              rst_ni,
  input  logic              drain_i,
  output logic              idle_o,

  input  logic              command_valid_i,
  output logic              command_ready_o,
  input  logic [AddrW-1:0]  command_i,

  output logic              a_valid_o,
  input  logic              a_ready_i,
  output logic [WidthA-1:0] a_data_o,
  output logic              b_valid_o,
  input  logic              b_ready_i,
  output logic [WidthB-1:0] b_data_o,
  output logic              c_valid_o,
  input  logic              c_ready_i,
  output logic [WidthC-1:0] c_data_o,

  output logic [AddrW-1:0]  m_axi_araddr,
  output logic [7:0]        m_axi_arlen,
  output logic              m_axi_arvalid,
  input  logic              m_axi_arready,
  input  logic [DataW-1:0]  m_axi_rdata,
  input  logic [1:0]        m_axi_rresp,
  input  logic              m_axi_rlast,
  input  logic              m_axi_rvalid,
  output logic              m_axi_rready,
  output logic              fault_o,
  output logic [2:0]        error_o,  // protocol, decerr, slverr
  output logic [AddrW-1:0]  answered_o
);
  logic                  request_valid, request_ready, word_valid;
  logic [AddrW-1:0]      request_address;
  logic [4:0]            request_beats;
  logic [DataW-1:0]      word;
  logic [2:0]            fed_valid, fed_ready;
  logic [2:0][DataW-1:0] fed;
  logic                  unused_open, unused_progress;

  weight_feed #(
    .DataW(DataW), .AddrW(AddrW), .Streams(3), .Outstanding(Outstanding),
    .First({16'(FirstC), 16'(FirstB), 16'(FirstA)}),
    .Bursts({16'(BurstsC), 16'(BurstsB), 16'(BurstsA)}),
    .LastBeats({8'(LastC), 8'(LastB), 8'(LastA)}), .Depths({8'd5, 8'd3, 8'd2}), .Start(64'h0123456789abcdef)
  ) u_feed (
    .clk_i, .rst_ni, .command_valid_i, .command_ready_o, .command_address_i(command_i),
    .request_valid_o(request_valid), .request_ready_i(request_ready),
    .request_address_o(request_address), .request_beats_o(request_beats),
    .word_valid_i(word_valid), .word_i(word),
    .valid_o(fed_valid), .ready_i(fed_ready), .data_o(fed), .fault_o
  );

  weight_unpack #(.DataW(DataW), .Width(WidthA), .Words(WordsA)) u_a (
    .clk_i, .rst_ni, .valid_i(fed_valid[0]), .ready_o(fed_ready[0]), .data_i(fed[0]),
    .valid_o(a_valid_o), .ready_i(a_ready_i), .data_o(a_data_o)
  );
  weight_unpack #(.DataW(DataW), .Width(WidthB), .Words(WordsB)) u_b (
    .clk_i, .rst_ni, .valid_i(fed_valid[1]), .ready_o(fed_ready[1]), .data_i(fed[1]),
    .valid_o(b_valid_o), .ready_i(b_ready_i), .data_o(b_data_o)
  );
  weight_unpack #(.DataW(DataW), .Width(WidthC), .Words(WordsC)) u_c (
    .clk_i, .rst_ni, .valid_i(fed_valid[2]), .ready_o(fed_ready[2]), .data_i(fed[2]),
    .valid_o(c_valid_o), .ready_i(c_ready_i), .data_o(c_data_o)
  );

  axi_read_mux #(.Ports(1), .DataW(DataW), .AddrW(AddrW), .Outstanding(Outstanding)) u_mux (
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
