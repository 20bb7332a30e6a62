// SPDX-License-Identifier: Apache-2.0

/// What `axi_write_mux` promises, for any requests of whole bursts whose words are there, and any
/// memory that keeps the rules: it keeps them too (`axi_rules`); the words of a burst are those of the
/// port that asked for it, as many as it asked for; that port is told when memory has its frame, and
/// its command; a drained bus begins nothing, and is idle when memory has answered all. Proven by
/// induction.
module axi_write_mux_proof #(
  parameter int unsigned Ports       = 2,
  parameter int unsigned DataW       = 32,
  parameter int unsigned AddrW       = 12,
  parameter int unsigned BurstBeats  = 4,
  parameter int unsigned Outstanding = 3,
  localparam int unsigned BeatsW     = $clog2(BurstBeats) + 1
) (
  input logic                         clk_i,
  input logic                         rst_ni,
  input logic                         drain_i,
  input logic [Ports-1:0]             request_valid_i,
  input logic [Ports-1:0][AddrW-1:0]  request_address_i,
  input logic [Ports-1:0][BeatsW-1:0] request_beats_i,
  input logic [Ports-1:0]             request_ends_frame_i,
  input logic [Ports-1:0]             request_ends_command_i,
  input logic [Ports-1:0][DataW-1:0]  word_i,
  input logic                         awready_i,
  input logic                         wready_i,
  input logic [1:0]                   bresp_i,
  input logic                         bvalid_i
);
  logic             idle_o, awvalid, wvalid, wlast, bready, slverr_o, decerr_o, protocol_o, open_o, progress_o;
  logic [Ports-1:0] request_ready_o, word_take_o, frame_done_o, command_done_o;
  logic [AddrW-1:0] awaddr, answered_o;
  logic [DataW-1:0] wdata;
  logic [7:0]       awlen;

  axi_write_mux #(
    .Ports(Ports), .DataW(DataW), .AddrW(AddrW), .BurstBeats(BurstBeats), .Outstanding(Outstanding)
  ) dut (
    .clk_i, .rst_ni, .drain_i, .idle_o,
    .request_valid_i, .request_ready_o, .request_address_i, .request_beats_i,
    .request_ends_frame_i, .request_ends_command_i, .word_take_o, .word_i, .frame_done_o, .command_done_o,
    .m_axi_awaddr(awaddr), .m_axi_awlen(awlen), .m_axi_awvalid(awvalid), .m_axi_awready(awready_i),
    .m_axi_wdata(wdata), .m_axi_wlast(wlast), .m_axi_wvalid(wvalid), .m_axi_wready(wready_i),
    .m_axi_bresp(bresp_i), .m_axi_bvalid(bvalid_i), .m_axi_bready(bready),
    .slverr_o, .decerr_o, .protocol_o, .answered_o, .open_o, .progress_o
  );

  localparam int unsigned RING   = Outstanding + 1;
  localparam int unsigned PORT_W = Ports > 1 ? $clog2(Ports) : 1;
  axi_rules #(.DataW(DataW), .AddrW(AddrW), .Bursts(RING), .Assume(1'b1)) rules (
    .clk_i, .rst_ni,
    .araddr_i('0), .arlen_i('0), .arvalid_i(1'b0), .arready_i(1'b0),
    .rdata_i('0), .rresp_i('0), .rlast_i(1'b0), .rvalid_i(1'b0), .rready_i(1'b0),
    .awaddr_i(awaddr), .awlen_i(awlen), .awvalid_i(awvalid), .awready_i,
    .wdata_i(wdata), .wlast_i(wlast), .wvalid_i(wvalid), .wready_i,
    .bresp_i, .bvalid_i, .bready_i(bready)
  );

  // ---- what the ports guarantee: bursts within their size, words that stand until they are taken
  logic started_q = 1'b0;
  logic [Ports-1:0]            stands_q;
  logic [Ports-1:0][DataW-1:0] word_q;
  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    stands_q  <= ~word_take_o;
    word_q    <= word_i;
  end
  always_comb if (!started_q) assume (!rst_ni);
  for (genvar p = 0; p < Ports; p++) begin : gen_request
    int unsigned address, beats;
    assign address = 32'(request_address_i[p]);
    assign beats   = 32'(request_beats_i[p]);
    always_comb begin
      assume (beats != 0 && address % (DataW / 8) == 0);
      assume ((address / (DataW / 8)) % BurstBeats + beats <= BurstBeats);
      assume (!stands_q[p] || word_i[p] == word_q[p]);
    end
  end

  // ---- bursts that were granted and are not answered, the oldest first
  typedef struct packed {
    logic [Ports-1:0]  owner;  // one bit
    logic              ends_frame;
    logic              ends_command;
    logic [AddrW-1:0]  address;
  } burst_t;
  burst_t ring_q [RING];
  burst_t granted;
  int unsigned first_q, level_q;
  int unsigned left_q;    // words of the newest burst that are not written
  int unsigned beats;     // of the burst that is granted
  logic [Ports-1:0] sender_q;
  logic grant, word;
  assign grant = |request_ready_o;
  assign word  = wvalid && wready_i;
  always_comb begin
    granted       = '0;
    granted.owner = request_ready_o;
    beats         = 0;
    for (int unsigned p = 0; p < Ports; p++) begin
      if (request_ready_o[p]) begin
        beats                = 32'(request_beats_i[p]);
        granted.ends_frame   = request_ends_frame_i[p];
        granted.ends_command = request_ends_command_i[p];
        granted.address      = request_address_i[p];
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      first_q <= 0;
      level_q <= 0;
      left_q  <= 0;
    end else begin
      level_q <= level_q + 32'(grant) - 32'(bvalid_i);
      if (bvalid_i) first_q <= (first_q + 1) % RING;
      if (grant) left_q <= beats;
      else if (word) left_q <= left_q - 1;
    end
    if (grant) begin
      ring_q[(first_q+level_q)%RING] <= granted;
      sender_q                       <= request_ready_o;
    end
  end

  logic   aw_new;
  burst_t first, newest;
  assign aw_new = awvalid && !rules.aw_q;
  assign first  = ring_q[first_q];
  assign newest = ring_q[(first_q+level_q+RING-1)%RING];
  always_comb if (started_q && rst_ni) begin
    OneOfThem_A: assert ((request_ready_o & ~request_valid_i) == '0 &&
                         (request_ready_o & (request_ready_o - 1'b1)) == '0);
    NothingWhileDrained_A: assert (!drain_i || !grant);
    Few_A: assert (level_q <= Outstanding);
    WordsFollow_A: assert (wvalid == (left_q != 0) && (!grant || left_q == 0 || (left_q == 1 && word)));
    OfItsPort_A: assert (word_take_o == (word ? sender_q : '0));
    FrameDone_A: assert (frame_done_o == (bvalid_i && first.ends_frame ? first.owner : '0));
    CommandDone_A: assert (command_done_o == (bvalid_i && first.ends_command ? first.owner : '0));
    ItsAddress_A: assert (!bvalid_i || answered_o == first.address);
    Idle_A: assert (idle_o == (level_q == 0) && open_o == (level_q != 0));
    AlwaysTaken_A: assert (bready);
    NoComplaint_A: assert (!protocol_o);
    Told_A: assert (slverr_o == (bvalid_i && bresp_i == 2'b10) && decerr_o == (bvalid_i && bresp_i == 2'b11));
    Progress_A: assert (progress_o == (bvalid_i || word || (awvalid && awready_i)));

    Level_A: assert (32'(dut.u_order.level_q) == level_q && first_q < RING);
    Left_A: assert (32'(dut.left_q) == left_q && left_q <= BurstBeats && (left_q == 0 || level_q != 0));
    Sender_A: assert (left_q == 0 || (32'(dut.sender_q) < Ports && sender_q == Ports'(1) << dut.sender_q));
    Addresses_A: assert (32'(rules.addresses_q) + 32'(awvalid) == level_q);
    Written_A: assert (32'(rules.written_q) + 32'(left_q != 0) == level_q);
    Known_A: assert (32'(rules.writes_known_q) == 32'(left_q != 0 && !aw_new));
    Beat_A: assert (left_q == 0 ? rules.w_beat_q == '0 && !aw_new
                                : 32'(rules.w_beat_q) + left_q == 32'(awlen) + 1);
    Length_A: assert (rules.writes_known_q == '0 || rules.writes_q[rules.write_first_q] == awlen);
    Full_A: assert (!aw_new || rules.w_beat_q == '0);
    Newest_A: assert (!awvalid || newest.address == awaddr);
    NoReads_A: assert (rules.reads_open_q == '0);
    Rings_A: assert (32'(rules.write_first_q) < RING &&
                     32'(rules.write_end_q) == (32'(rules.write_first_q) + 32'(rules.writes_known_q)) % RING);
    Order_A: assert (32'(dut.u_order.gen_memory.read_q) < Outstanding &&
                     32'(dut.u_order.gen_memory.write_q) == (32'(dut.u_order.gen_memory.read_q) + level_q) % Outstanding);
  end
  for (genvar b = 0; b < Outstanding; b++) begin : gen_burst
    burst_t      burst;
    int unsigned place;
    logic [PORT_W+AddrW+1:0] stored;
    assign burst  = ring_q[(first_q+b)%RING];
    assign place  = (32'(dut.u_order.gen_memory.read_q) + b) % Outstanding;
    assign stored = dut.u_order.gen_memory.gen_lut.mem[place];
    always_comb if (started_q && rst_ni && b < level_q) begin
      Stored_A: assert (stored[AddrW+1:0] == {burst.ends_frame, burst.ends_command, burst.address} &&
                        burst.owner == Ports'(1) << stored[AddrW+2 +: PORT_W]);
    end
  end

  logic [Ports-1:0] served_q;
  always_ff @(posedge clk_i) served_q <= rst_ni ? served_q | command_done_o : '0;
  always_comb DrainedBehindAll_C: cover (started_q && rst_ni && &served_q && drain_i && idle_o);
endmodule
