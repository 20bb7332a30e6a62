// SPDX-License-Identifier: Apache-2.0

/// `headrace_ip` around `loopback`, with what the models of AXI want besides, and the rules of both
/// buses.
module ip_bench #(
  parameter int unsigned DataW = 64,
  parameter int unsigned AddrW = 32
) (
  input  logic        aclk,
  input  logic        aresetn,
  output logic        irq,
  output logic [3:0]  moves_o,  // a beat of a, b, x, y passes

  input  logic [11:0] s_axi_awaddr,
  input  logic [2:0]  s_axi_awprot,
  input  logic        s_axi_awvalid,
  output logic        s_axi_awready,
  input  logic [31:0] s_axi_wdata,
  input  logic [3:0]  s_axi_wstrb,
  input  logic        s_axi_wvalid,
  output logic        s_axi_wready,
  output logic [1:0]  s_axi_bresp,
  output logic        s_axi_bvalid,
  input  logic        s_axi_bready,
  input  logic [11:0] s_axi_araddr,
  input  logic [2:0]  s_axi_arprot,
  input  logic        s_axi_arvalid,
  output logic        s_axi_arready,
  output logic [31:0] s_axi_rdata,
  output logic [1:0]  s_axi_rresp,
  output logic        s_axi_rvalid,
  input  logic        s_axi_rready,

  output logic             m_axi_arid,
  output logic [AddrW-1:0] m_axi_araddr,
  output logic [7:0]       m_axi_arlen,
  output logic [2:0]       m_axi_arsize,
  output logic [1:0]       m_axi_arburst,
  output logic [3:0]       m_axi_arcache,
  output logic [2:0]       m_axi_arprot,
  output logic             m_axi_arvalid,
  input  logic             m_axi_arready,
  input  logic             m_axi_rid,
  input  logic [DataW-1:0] m_axi_rdata,
  input  logic [1:0]       m_axi_rresp,
  input  logic             m_axi_rlast,
  input  logic             m_axi_rvalid,
  output logic             m_axi_rready,
  output logic             m_axi_awid,
  output logic [AddrW-1:0] m_axi_awaddr,
  output logic [7:0]       m_axi_awlen,
  output logic [2:0]       m_axi_awsize,
  output logic [1:0]       m_axi_awburst,
  output logic [3:0]       m_axi_awcache,
  output logic [2:0]       m_axi_awprot,
  output logic             m_axi_awvalid,
  input  logic             m_axi_awready,
  output logic [DataW-1:0] m_axi_wdata,
  output logic [DataW/8-1:0] m_axi_wstrb,
  output logic             m_axi_wlast,
  output logic             m_axi_wvalid,
  input  logic             m_axi_wready,
  input  logic             m_axi_bid,
  input  logic [1:0]       m_axi_bresp,
  input  logic             m_axi_bvalid,
  output logic             m_axi_bready
);
  logic unused_id;
  assign unused_id  = m_axi_rid ^ m_axi_bid;
  assign m_axi_arid = 1'b0;
  assign m_axi_awid = 1'b0;

  headrace_ip u_ip (.*);

  assign moves_o = {u_ip.y_valid && u_ip.y_ready, u_ip.x_valid && u_ip.x_ready,
                    u_ip.b_valid && u_ip.b_ready, u_ip.a_valid && u_ip.a_ready};

  axi_rules #(.DataW(DataW), .AddrW(AddrW)) u_rules (
    .clk_i(aclk), .rst_ni(aresetn),
    .araddr_i(m_axi_araddr), .arlen_i(m_axi_arlen), .arvalid_i(m_axi_arvalid), .arready_i(m_axi_arready),
    .rdata_i(m_axi_rdata), .rresp_i(m_axi_rresp), .rlast_i(m_axi_rlast), .rvalid_i(m_axi_rvalid),
    .rready_i(m_axi_rready),
    .awaddr_i(m_axi_awaddr), .awlen_i(m_axi_awlen), .awvalid_i(m_axi_awvalid), .awready_i(m_axi_awready),
    .wdata_i(m_axi_wdata), .wlast_i(m_axi_wlast), .wvalid_i(m_axi_wvalid), .wready_i(m_axi_wready),
    .bresp_i(m_axi_bresp), .bvalid_i(m_axi_bvalid), .bready_i(m_axi_bready)
  );
  axi_lite_rules u_lite_rules (
    .clk_i(aclk), .rst_ni(aresetn),
    .awaddr_i(s_axi_awaddr), .awvalid_i(s_axi_awvalid), .awready_i(s_axi_awready),
    .wdata_i(s_axi_wdata), .wstrb_i(s_axi_wstrb), .wvalid_i(s_axi_wvalid), .wready_i(s_axi_wready),
    .bresp_i(s_axi_bresp), .bvalid_i(s_axi_bvalid), .bready_i(s_axi_bready),
    .araddr_i(s_axi_araddr), .arvalid_i(s_axi_arvalid), .arready_i(s_axi_arready),
    .rdata_i(s_axi_rdata), .rresp_i(s_axi_rresp), .rvalid_i(s_axi_rvalid), .rready_i(s_axi_rready)
  );
endmodule
