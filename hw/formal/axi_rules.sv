// SPDX-License-Identifier: Apache-2.0

/// The rules of AXI4 (Arm IHI 0022) between a master of one ID, whose bursts are whole words at
/// incrementing addresses, and its memory. They hold from one reset of the fabric to the next,
/// whatever else is reset in between:
/// - offers stand, and do not change, until they are taken; none is made in reset;
/// - no burst crosses a 4 KiB boundary, or begins within a word;
/// - words are written for an address that is offered at the latest with the first of them, as many
///   as it says, the last one marked;
/// - memory answers what it took, once, in order, with as many words as were asked for.
/// The master's part is asserted. The memory's part is asserted too, or assumed (`Assume`).
module axi_rules #(
  parameter int unsigned DataW  = 64,
  parameter int unsigned AddrW  = 32,
  /// The most bursts that may be on their way, of reads and of writes.
  parameter int unsigned Bursts = 32,
  parameter bit          Assume = 1'b0
) (
  input logic             clk_i,
  input logic             rst_ni,
  input logic [AddrW-1:0] araddr_i,
  input logic [7:0]       arlen_i,
  input logic             arvalid_i,
  input logic             arready_i,
  input logic [DataW-1:0] rdata_i,
  input logic [1:0]       rresp_i,
  input logic             rlast_i,
  input logic             rvalid_i,
  input logic             rready_i,
  input logic [AddrW-1:0] awaddr_i,
  input logic [7:0]       awlen_i,
  input logic             awvalid_i,
  input logic             awready_i,
  input logic [DataW-1:0] wdata_i,
  input logic             wlast_i,
  input logic             wvalid_i,
  input logic             wready_i,
  input logic [1:0]       bresp_i,
  input logic             bvalid_i,
  input logic             bready_i
);
  localparam int unsigned COUNT_W = $clog2(Bursts + 1);
  localparam int unsigned INDEX_W = $clog2(Bursts);
  typedef logic [COUNT_W-1:0] count_t;
  typedef logic [INDEX_W-1:0] index_t;

  function automatic index_t next(index_t index);
    next = index == index_t'(Bursts - 1) ? '0 : index + 1'b1;
  endfunction

  function automatic logic within_4k(logic [11:0] address, logic [7:0] len);
    within_4k = 13'(address) + 13'((32'(len) + 1) * (DataW / 8)) <= 13'd4096;
  endfunction

  // ---- what was offered in the cycle before, and not taken
  logic was_up_q = 1'b0;  // the fabric was not in reset
  logic ar_q, r_q, aw_q, w_q, b_q;
  logic [AddrW+7:0] ar_offer_q, aw_offer_q;
  logic [DataW+2:0] r_offer_q;
  logic [DataW:0]   w_offer_q;
  logic [1:0]       b_offer_q;
  always_ff @(posedge clk_i) begin
    was_up_q   <= rst_ni;
    ar_q       <= rst_ni && arvalid_i && !arready_i;
    r_q        <= rst_ni && rvalid_i && !rready_i;
    aw_q       <= rst_ni && awvalid_i && !awready_i;
    w_q        <= rst_ni && wvalid_i && !wready_i;
    b_q        <= rst_ni && bvalid_i && !bready_i;
    ar_offer_q <= {araddr_i, arlen_i};
    r_offer_q  <= {rdata_i, rresp_i, rlast_i};
    aw_offer_q <= {awaddr_i, awlen_i};
    w_offer_q  <= {wdata_i, wlast_i};
    b_offer_q  <= bresp_i;
  end

  // ---- bursts on their way, the lengths of each kind in a ring
  logic [7:0] reads_q [Bursts];
  logic [7:0] writes_q [Bursts];
  index_t     read_first_q, read_end_q, write_first_q, write_end_q;
  count_t     reads_open_q;     // their addresses were taken, their words are not all here
  count_t     writes_known_q;   // their addresses were offered, their words are not all written
  count_t     addresses_q;      // write addresses that were taken and not answered
  count_t     written_q;        // bursts whose words are all written and not answered
  logic [7:0] r_beat_q, w_beat_q;
  logic       ar, r, aw, w, b, aw_new, r_last, w_last;
  logic [7:0] w_len;

  assign ar     = arvalid_i && arready_i;
  assign r      = rvalid_i && rready_i;
  assign aw     = awvalid_i && awready_i;
  assign w      = wvalid_i && wready_i;
  assign b      = bvalid_i && bready_i;
  assign aw_new = awvalid_i && !aw_q;
  assign w_len  = writes_known_q != '0 ? writes_q[write_first_q] : awlen_i;
  assign r_last = r_beat_q == reads_q[read_first_q];
  assign w_last = w_beat_q == w_len;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      {read_first_q, read_end_q, write_first_q, write_end_q} <= '0;
      {reads_open_q, writes_known_q, addresses_q, written_q} <= '0;
      {r_beat_q, w_beat_q}                                   <= '0;
    end else begin
      if (ar) read_end_q <= next(read_end_q);
      if (aw_new) write_end_q <= next(write_end_q);
      if (r) r_beat_q <= r_last ? '0 : r_beat_q + 1'b1;
      if (w) w_beat_q <= w_last ? '0 : w_beat_q + 1'b1;
      if (r && r_last) read_first_q <= next(read_first_q);
      if (w && w_last) write_first_q <= next(write_first_q);
      reads_open_q   <= reads_open_q + count_t'(ar) - count_t'(r && r_last);
      writes_known_q <= writes_known_q + count_t'(aw_new) - count_t'(w && w_last);
      addresses_q    <= addresses_q + count_t'(aw) - count_t'(b);
      written_q      <= written_q + count_t'(w && w_last) - count_t'(b);
    end
  end
  always_ff @(posedge clk_i) begin
    if (ar) reads_q[read_end_q] <= arlen_i;
    if (aw_new) writes_q[write_end_q] <= awlen_i;
  end

  // ---- the master
  always_ff @(posedge clk_i) begin
    if (!was_up_q && rst_ni) begin
      NothingInReset_A: assert (!arvalid_i && !awvalid_i && !wvalid_i);
    end
    if (was_up_q && rst_ni) begin
      ReadAddressHeld_A: assert (!ar_q || (arvalid_i && {araddr_i, arlen_i} == ar_offer_q));
      WriteAddressHeld_A: assert (!aw_q || (awvalid_i && {awaddr_i, awlen_i} == aw_offer_q));
      WordHeld_A: assert (!w_q || (wvalid_i && {wdata_i, wlast_i} == w_offer_q));
      ReadWithin4K_A: assert (!arvalid_i || within_4k(araddr_i[11:0], arlen_i));
      WriteWithin4K_A: assert (!awvalid_i || within_4k(awaddr_i[11:0], awlen_i));
      WholeWords_A: assert ((!arvalid_i || 32'(araddr_i[11:0]) % (DataW / 8) == 0) &&
                            (!awvalid_i || 32'(awaddr_i[11:0]) % (DataW / 8) == 0));
      WordHasAddress_A: assert (!wvalid_i || writes_known_q != '0 || aw_new);
      LastWordMarked_A: assert (!wvalid_i || wlast_i == w_last);
      FewBursts_A: assert (reads_open_q < count_t'(Bursts) && addresses_q < count_t'(Bursts) &&
                           writes_known_q < count_t'(Bursts));
    end
  end

  // ---- the memory
  logic silent, held, asked, marked;
  assign silent = !rvalid_i && !bvalid_i;
  assign held   = (!r_q || (rvalid_i && {rdata_i, rresp_i, rlast_i} == r_offer_q)) &&
                  (!b_q || (bvalid_i && bresp_i == b_offer_q));
  assign asked  = (!rvalid_i || reads_open_q != '0) &&
                  (!bvalid_i || (addresses_q != '0 && written_q != '0));
  assign marked = !rvalid_i || rlast_i == r_last;
  if (Assume) begin : gen_assume
    always_comb if (rst_ni) assume (was_up_q ? held && asked && marked : silent);
  end else begin : gen_assert
    always_ff @(posedge clk_i) begin
      if (!was_up_q && rst_ni) begin
        NoAnswerInReset_A: assert (silent);
      end
      if (was_up_q && rst_ni) begin
        AnswerHeld_A: assert (held);
        AnswerAsked_A: assert (asked);
        LastAnswerMarked_A: assert (marked);
      end
    end
  end
endmodule
