// SPDX-License-Identifier: Apache-2.0

/// The read half of an AXI4 master that several readers share.
///
/// Readers are served in turn, a burst each, as many on their way as `Outstanding`. All bursts have
/// one ID, so their data come in the order in which they were asked for. Words are counted: a burst
/// has as many as were asked for, whatever RLAST says, and a wrong RLAST is reported.
///
/// With `drain_i` no further burst is granted; one that stands at the bus is still taken, and the
/// words on their way still come. `idle_o` says that none is left.
module axi_read_mux #(
  parameter int unsigned Ports       = 1,
  parameter int unsigned DataW       = 64,
  parameter int unsigned AddrW       = 32,
  parameter int unsigned BurstBeats  = 16,
  parameter int unsigned Outstanding = 8,
  localparam int unsigned BeatsW     = $clog2(BurstBeats) + 1
) (
  input  logic                         clk_i,
  input  logic                         rst_ni,  // synchronous
  input  logic                         drain_i,
  output logic                         idle_o,

  input  logic [Ports-1:0]             request_valid_i,
  output logic [Ports-1:0]             request_ready_o,
  input  logic [Ports-1:0][AddrW-1:0]  request_address_i,
  input  logic [Ports-1:0][BeatsW-1:0] request_beats_i,
  output logic [Ports-1:0]             word_valid_o,
  output logic [DataW-1:0]             word_o,

  output logic [AddrW-1:0]             m_axi_araddr,
  output logic [7:0]                   m_axi_arlen,
  output logic                         m_axi_arvalid,
  input  logic                         m_axi_arready,
  input  logic [DataW-1:0]             m_axi_rdata,
  input  logic [1:0]                   m_axi_rresp,
  input  logic                         m_axi_rlast,
  input  logic                         m_axi_rvalid,
  output logic                         m_axi_rready,

  output logic                         slverr_o,    // one cycle each
  output logic                         decerr_o,
  output logic                         protocol_o,
  output logic [AddrW-1:0]             answered_o,  // address of the burst that is answered
  output logic                         open_o,      // memory owes data
  output logic                         progress_o   // memory took an address or gave a word
);
  localparam int unsigned PORT_W = Ports > 1 ? $clog2(Ports) : 1;

  logic [PORT_W-1:0] chosen;
  logic              any;
  logic              grant;
  logic              taken;
  logic              order_ready;
  logic              last;
  logic [PORT_W-1:0] owner;
  logic [BeatsW-1:0] owed;      // words of the burst that is answered
  logic [BeatsW-1:0] beat_q;    // words of it that came

  round_robin #(.Ports(Ports)) u_turn (
    .clk_i, .rst_ni, .request_i(request_valid_i), .take_i(grant), .chosen_o(chosen), .any_o(any)
  );

  assign grant = any && !drain_i && order_ready && (!m_axi_arvalid || m_axi_arready);
  for (genvar p = 0; p < Ports; p++) begin : gen_ready
    assign request_ready_o[p] = grant && chosen == PORT_W'(p);
    assign word_valid_o[p]    = m_axi_rvalid && open_o && owner == PORT_W'(p);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) m_axi_arvalid <= 1'b0;
    else if (grant) m_axi_arvalid <= 1'b1;
    else if (m_axi_arready) m_axi_arvalid <= 1'b0;
  end
  always_ff @(posedge clk_i) begin
    if (grant) begin
      m_axi_araddr <= request_address_i[chosen];
      m_axi_arlen  <= 8'(request_beats_i[chosen] - 1'b1);
    end
  end

  stream_fifo #(.Width(PORT_W + BeatsW + AddrW), .Depth(Outstanding), .Block(1'b0)) u_order (
    .clk_i, .rst_ni,
    .valid_i(grant), .ready_o(order_ready),
    .data_i({chosen, request_beats_i[chosen], request_address_i[chosen]}),
    .valid_o(open_o), .ready_i(taken && last), .data_o({owner, owed, answered_o})
  );

  assign m_axi_rready = 1'b1;  // room was kept for every word
  assign taken        = m_axi_rvalid && open_o;
  assign last         = beat_q == owed - 1'b1;
  assign word_o       = m_axi_rdata;
  assign idle_o       = !open_o && !m_axi_arvalid;
  assign progress_o   = m_axi_rvalid || (m_axi_arvalid && m_axi_arready);
  assign slverr_o     = taken && m_axi_rresp == 2'b10;
  assign decerr_o     = taken && m_axi_rresp == 2'b11;
  assign protocol_o   = m_axi_rvalid && (!open_o || m_axi_rlast != last);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) beat_q <= '0;
    else if (taken) beat_q <= last ? '0 : beat_q + 1'b1;
  end

`ifndef SYNTHESIS
  AddressHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      m_axi_arvalid && !m_axi_arready |=> m_axi_arvalid && $stable(m_axi_araddr) && $stable(m_axi_arlen))
    else $error("%m: a read address changed or vanished before it was taken");
  BurstWithin4K_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      m_axi_arvalid |-> 13'(m_axi_araddr[11:0]) + 13'((32'(m_axi_arlen) + 1) * DataW / 8) <= 13'd4096)
    else $error("%m: a burst of reads crosses a 4 KiB boundary");
`endif
endmodule
