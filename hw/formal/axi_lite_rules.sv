// SPDX-License-Identifier: Apache-2.0

/// The rules of AXI4-Lite (Arm IHI 0022) between a slave and its master:
/// - offers stand, and do not change, until they are taken; none is made in reset;
/// - a write is answered once, after its address and its data were taken, and a read once, after its
///   address was; nothing else is answered.
/// The slave's part is asserted. The master's part is asserted too, or assumed (`Assume`).
module axi_lite_rules #(
  parameter int unsigned AddrW    = 12,
  /// The most accesses of a kind that may wait for their answer.
  parameter int unsigned Accesses = 8,
  parameter bit          Assume   = 1'b0
) (
  input logic             clk_i,
  input logic             rst_ni,
  input logic [AddrW-1:0] awaddr_i,
  input logic             awvalid_i,
  input logic             awready_i,
  input logic [31:0]      wdata_i,
  input logic [3:0]       wstrb_i,
  input logic             wvalid_i,
  input logic             wready_i,
  input logic [1:0]       bresp_i,
  input logic             bvalid_i,
  input logic             bready_i,
  input logic [AddrW-1:0] araddr_i,
  input logic             arvalid_i,
  input logic             arready_i,
  input logic [31:0]      rdata_i,
  input logic [1:0]       rresp_i,
  input logic             rvalid_i,
  input logic             rready_i
);
  typedef logic [$clog2(Accesses+1)-1:0] count_t;

  logic was_up_q = 1'b0;  // not in reset
  logic aw_q, w_q, b_q, ar_q, r_q;
  logic [AddrW-1:0] aw_offer_q, ar_offer_q;
  logic [35:0]      w_offer_q;
  logic [33:0]      r_offer_q;
  logic [1:0]       b_offer_q;
  count_t           addresses_q, words_q, reads_q;  // taken, not answered

  always_ff @(posedge clk_i) begin
    was_up_q   <= rst_ni;
    aw_q       <= rst_ni && awvalid_i && !awready_i;
    w_q        <= rst_ni && wvalid_i && !wready_i;
    b_q        <= rst_ni && bvalid_i && !bready_i;
    ar_q       <= rst_ni && arvalid_i && !arready_i;
    r_q        <= rst_ni && rvalid_i && !rready_i;
    aw_offer_q <= awaddr_i;
    ar_offer_q <= araddr_i;
    w_offer_q  <= {wdata_i, wstrb_i};
    r_offer_q  <= {rdata_i, rresp_i};
    b_offer_q  <= bresp_i;
    if (!rst_ni) begin
      {addresses_q, words_q, reads_q} <= '0;
    end else begin
      addresses_q <= addresses_q + count_t'(awvalid_i && awready_i) - count_t'(bvalid_i && bready_i);
      words_q     <= words_q + count_t'(wvalid_i && wready_i) - count_t'(bvalid_i && bready_i);
      reads_q     <= reads_q + count_t'(arvalid_i && arready_i) - count_t'(rvalid_i && rready_i);
    end
  end

  // ---- the slave
  always_ff @(posedge clk_i) begin
    if (!was_up_q && rst_ni) begin
      NothingInReset_A: assert (!bvalid_i && !rvalid_i);
    end
    if (was_up_q && rst_ni) begin
      WriteAnswerHeld_A: assert (!b_q || (bvalid_i && bresp_i == b_offer_q));
      ReadAnswerHeld_A: assert (!r_q || (rvalid_i && {rdata_i, rresp_i} == r_offer_q));
      WriteAsked_A: assert (!bvalid_i || (addresses_q != '0 && words_q != '0));
      ReadAsked_A: assert (!rvalid_i || reads_q != '0);
      FewAccesses_A: assert (addresses_q < count_t'(Accesses) && words_q < count_t'(Accesses) &&
                             reads_q < count_t'(Accesses));
    end
  end

  // ---- the master
  logic silent, held;
  assign silent = !awvalid_i && !wvalid_i && !arvalid_i;
  assign held   = (!aw_q || (awvalid_i && awaddr_i == aw_offer_q)) &&
                  (!w_q || (wvalid_i && {wdata_i, wstrb_i} == w_offer_q)) &&
                  (!ar_q || (arvalid_i && araddr_i == ar_offer_q));
  if (Assume) begin : gen_assume
    always_comb if (rst_ni) assume (was_up_q ? held : silent);
  end else begin : gen_assert
    always_ff @(posedge clk_i) begin
      if (!was_up_q && rst_ni) begin
        NoAccessInReset_A: assert (silent);
      end
      if (was_up_q && rst_ni) begin
        AccessHeld_A: assert (held);
      end
    end
  end
endmodule
