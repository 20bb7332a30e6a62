// SPDX-License-Identifier: Apache-2.0

/// What `axi_lite_slave` promises to any master that keeps the rules: it keeps them too (see
/// `axi_lite_rules`: one answer for each access, held until taken, none unasked); each access reaches
/// the registers once, as it was given; and it is answered as soon as the master takes answers.
/// Proven by induction.
module axi_lite_slave_proof (
  input logic        clk_i,
  input logic        rst_ni,
  input logic [11:0] awaddr_i,
  input logic        awvalid_i,
  input logic [31:0] wdata_i,
  input logic [3:0]  wstrb_i,
  input logic        wvalid_i,
  input logic        bready_i,
  input logic [11:0] araddr_i,
  input logic        arvalid_i,
  input logic        rready_i,
  input logic [31:0] read_data_i
);
  logic        awready, wready, bvalid, arready, rvalid, write_o, read_o;
  logic [1:0]  bresp, rresp;
  logic [11:0] write_addr_o, read_addr_o;
  logic [31:0] rdata, write_data_o, write_mask_o;

  axi_lite_slave #(.AddrW(12)) dut (
    .clk_i, .rst_ni,
    .s_axi_awaddr(awaddr_i), .s_axi_awvalid(awvalid_i), .s_axi_awready(awready),
    .s_axi_wdata(wdata_i), .s_axi_wstrb(wstrb_i), .s_axi_wvalid(wvalid_i), .s_axi_wready(wready),
    .s_axi_bresp(bresp), .s_axi_bvalid(bvalid), .s_axi_bready(bready_i),
    .s_axi_araddr(araddr_i), .s_axi_arvalid(arvalid_i), .s_axi_arready(arready),
    .s_axi_rdata(rdata), .s_axi_rresp(rresp), .s_axi_rvalid(rvalid), .s_axi_rready(rready_i),
    .write_o, .write_addr_o, .write_data_o, .write_mask_o, .read_o, .read_addr_o, .read_data_i
  );
  axi_lite_rules #(.Accesses(3), .Assume(1'b1)) rules (
    .clk_i, .rst_ni,
    .awaddr_i, .awvalid_i, .awready_i(awready), .wdata_i, .wstrb_i, .wvalid_i, .wready_i(wready),
    .bresp_i(bresp), .bvalid_i(bvalid), .bready_i,
    .araddr_i, .arvalid_i, .arready_i(arready), .rdata_i(rdata), .rresp_i(rresp), .rvalid_i(rvalid), .rready_i
  );

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;
  always_comb if (!started_q) assume (!rst_ni);

  // ---- accesses that were taken and have not reached the registers
  logic        address_q, word_q, read_q;
  logic [9:0]  waddr_q, raddr_q;  // of words
  logic [31:0] wdata_q, mask;
  logic [3:0]  wstrb_q;
  logic        wrote_q, did_read_q;  // an access reached them in the cycle before
  logic        told_q;               // a read did in the one before that
  logic [31:0] given_q;              // what its answer was
  for (genvar b = 0; b < 4; b++) begin : gen_mask
    assign mask[8*b +: 8] = {8{wstrb_q[b]}};
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      {address_q, word_q, read_q, wrote_q, did_read_q, told_q} <= '0;
    end else begin
      address_q  <= (awvalid_i && awready) || (address_q && !write_o);
      word_q     <= (wvalid_i && wready) || (word_q && !write_o);
      read_q     <= (arvalid_i && arready) || (read_q && !read_o);
      wrote_q    <= write_o;
      did_read_q <= read_o;
      told_q     <= did_read_q;
    end
    if (awvalid_i && awready) waddr_q <= awaddr_i[11:2];
    if (arvalid_i && arready) raddr_q <= araddr_i[11:2];
    if (wvalid_i && wready) {wdata_q, wstrb_q} <= {wdata_i, wstrb_i};
    if (did_read_q) given_q <= read_data_i;
  end

  always_comb if (started_q && rst_ni) begin
    WritesWhatWasGiven_A: assert (!write_o || (address_q && word_q && write_addr_o == {waddr_q, 2'b00} &&
                                               write_data_o == wdata_q && write_mask_o == mask));
    ReadsWhatWasGiven_A: assert (!read_o || (read_q && read_addr_o == {raddr_q, 2'b00}));
    NoneIsLost_A: assert (!(address_q && awvalid_i && awready && !write_o) &&
                          !(word_q && wvalid_i && wready && !write_o) &&
                          !(read_q && arvalid_i && arready && !read_o));
    AtOnce_A: assert ((write_o || !(address_q && word_q && (!bvalid || bready_i))) &&
                      (read_o || !(read_q && (!rvalid || rready_i))));
    Answered_A: assert ((!wrote_q || bvalid) && (!told_q || (rvalid && rdata == given_q)));
    Okay_A: assert (bresp == 2'b00 && rresp == 2'b00);

    Held_A: assert (dut.aw_held_q == address_q && dut.w_held_q == word_q && dut.ar_held_q == read_q &&
                    dut.reading_q == did_read_q && !(did_read_q && (read_q || rvalid)));
    Address_A: assert (!address_q || write_addr_o == {waddr_q, 2'b00});
    Word_A: assert (!word_q || (write_data_o == wdata_q && write_mask_o == mask));
    Read_A: assert (!read_q || read_addr_o == {raddr_q, 2'b00});
    Owed_A: assert (32'(rules.addresses_q) == 32'(address_q) + 32'(bvalid) &&
                    32'(rules.words_q) == 32'(word_q) + 32'(bvalid) &&
                    32'(rules.reads_q) == 32'(read_q) + 32'(did_read_q) + 32'(rvalid));
  end

  logic [1:0] writes_q, reads_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) {writes_q, reads_q} <= '0;
    else begin
      if (bvalid && bready_i && writes_q != 2'd2) writes_q <= writes_q + 1'b1;
      if (rvalid && rready_i && reads_q != 2'd2) reads_q <= reads_q + 1'b1;
    end
  end
  always_comb TwoOfEach_C: cover (started_q && rst_ni && writes_q == 2'd2 && reads_q == 2'd2);
endmodule
