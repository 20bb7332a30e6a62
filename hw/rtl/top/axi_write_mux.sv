// SPDX-License-Identifier: Apache-2.0

/// The write half of an AXI4 master that several writers share.
///
/// Writers are served in turn, a burst each; its words follow at once, one a cycle. As many bursts
/// as `Outstanding` may wait for their response. All have one ID, so responses come in the order of
/// the bursts; that of a frame's last burst says that the frame is in memory.
///
/// With `drain_i` no further burst is granted; one that has begun is written to its end, and its
/// response is awaited. `idle_o` says that none is left.
module axi_write_mux #(
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
  input  logic [Ports-1:0]             request_ends_frame_i,
  input  logic [Ports-1:0]             request_ends_command_i,
  output logic [Ports-1:0]             word_take_o,
  input  logic [Ports-1:0][DataW-1:0]  word_i,
  output logic [Ports-1:0]             frame_done_o,    // one cycle: a frame is in memory
  output logic [Ports-1:0]             command_done_o,  // with the last frame of a command

  output logic [AddrW-1:0]             m_axi_awaddr,
  output logic [7:0]                   m_axi_awlen,
  output logic                         m_axi_awvalid,
  input  logic                         m_axi_awready,
  output logic [DataW-1:0]             m_axi_wdata,
  output logic                         m_axi_wlast,
  output logic                         m_axi_wvalid,
  input  logic                         m_axi_wready,
  input  logic [1:0]                   m_axi_bresp,
  input  logic                         m_axi_bvalid,
  output logic                         m_axi_bready,

  output logic                         slverr_o,    // one cycle each
  output logic                         decerr_o,
  output logic                         protocol_o,
  output logic [AddrW-1:0]             answered_o,  // address of the burst that is answered
  output logic                         open_o,      // memory owes responses
  output logic                         progress_o   // memory took an address or a word, or responded
);
  localparam int unsigned PORT_W = Ports > 1 ? $clog2(Ports) : 1;

  logic [PORT_W-1:0] chosen;
  logic [PORT_W-1:0] sender_q;
  logic [BeatsW-1:0] left_q;  // words of the burst that is sent, the present one included
  logic              any;
  logic              grant;
  logic              order_ready;
  logic              answered;
  logic [PORT_W-1:0] owner;
  logic              ends_frame;
  logic              ends_command;

  round_robin #(.Ports(Ports)) u_turn (
    .clk_i, .rst_ni, .request_i(request_valid_i), .take_i(grant), .chosen_o(chosen), .any_o(any)
  );

  assign grant = any && !drain_i && order_ready && (!m_axi_awvalid || m_axi_awready) &&
                 (!m_axi_wvalid || (m_axi_wready && m_axi_wlast));
  for (genvar p = 0; p < Ports; p++) begin : gen_port
    assign request_ready_o[p] = grant && chosen == PORT_W'(p);
    assign word_take_o[p]     = m_axi_wvalid && m_axi_wready && sender_q == PORT_W'(p);
    assign frame_done_o[p]    = answered && ends_frame && owner == PORT_W'(p);
    assign command_done_o[p]  = answered && ends_command && owner == PORT_W'(p);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) m_axi_awvalid <= 1'b0;
    else if (grant) m_axi_awvalid <= 1'b1;
    else if (m_axi_awready) m_axi_awvalid <= 1'b0;
  end
  always_ff @(posedge clk_i) begin
    if (grant) begin
      m_axi_awaddr <= request_address_i[chosen];
      m_axi_awlen  <= 8'(request_beats_i[chosen] - 1'b1);
      sender_q     <= chosen;
    end
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni) left_q <= '0;
    else if (grant) left_q <= request_beats_i[chosen];
    else if (m_axi_wvalid && m_axi_wready) left_q <= left_q - 1'b1;
  end
  assign m_axi_wvalid = left_q != '0;
  assign m_axi_wlast  = left_q == BeatsW'(1);
  assign m_axi_wdata  = word_i[sender_q];

  stream_fifo #(.Width(PORT_W + 2 + AddrW), .Depth(Outstanding), .Block(1'b0)) u_order (
    .clk_i, .rst_ni,
    .valid_i(grant), .ready_o(order_ready),
    .data_i({chosen, request_ends_frame_i[chosen], request_ends_command_i[chosen], request_address_i[chosen]}),
    .valid_o(open_o), .ready_i(m_axi_bvalid), .data_o({owner, ends_frame, ends_command, answered_o})
  );

  assign m_axi_bready = 1'b1;
  assign answered     = m_axi_bvalid && open_o;
  assign idle_o       = !open_o && !m_axi_awvalid && !m_axi_wvalid;
  assign progress_o   = m_axi_bvalid || (m_axi_awvalid && m_axi_awready) || (m_axi_wvalid && m_axi_wready);
  assign slverr_o     = answered && m_axi_bresp == 2'b10;
  assign decerr_o     = answered && m_axi_bresp == 2'b11;
  assign protocol_o   = m_axi_bvalid && !open_o;

`ifndef SYNTHESIS
  AddressHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      m_axi_awvalid && !m_axi_awready |=> m_axi_awvalid && $stable(m_axi_awaddr) && $stable(m_axi_awlen))
    else $error("%m: a write address changed or vanished before it was taken");
  WordHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      m_axi_wvalid && !m_axi_wready |=> m_axi_wvalid && $stable(m_axi_wdata) && $stable(m_axi_wlast))
    else $error("%m: a word changed or vanished before it was taken");
  BurstWithin4K_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      m_axi_awvalid |-> 13'(m_axi_awaddr[11:0]) + 13'((32'(m_axi_awlen) + 1) * DataW / 8) <= 13'd4096)
    else $error("%m: a burst of writes crosses a 4 KiB boundary");
`endif
endmodule
