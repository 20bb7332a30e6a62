// SPDX-License-Identifier: Apache-2.0

/// What `axi_read_mux` promises, for any requests of whole bursts and any memory that keeps the rules:
/// it keeps them too (`axi_rules`); each word goes to the port that asked for its burst, as many as it
/// asked for, in order; a drained bus begins nothing, and is idle when memory has answered all. A
/// reader of `Outstanding` bursts never sees more on their way. Proven by induction.
module axi_read_mux_proof #(
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
  input logic                         arready_i,
  input logic [DataW-1:0]             rdata_i,
  input logic [1:0]                   rresp_i,
  input logic                         rlast_i,
  input logic                         rvalid_i
);
  logic                idle_o, arvalid, rready, slverr_o, decerr_o, protocol_o, open_o, progress_o;
  logic [Ports-1:0]    request_ready_o, word_valid_o;
  logic [DataW-1:0]    word_o;
  logic [AddrW-1:0]    araddr, answered_o;
  logic [7:0]          arlen;

  axi_read_mux #(
    .Ports(Ports), .DataW(DataW), .AddrW(AddrW), .BurstBeats(BurstBeats), .Outstanding(Outstanding)
  ) dut (
    .clk_i, .rst_ni, .drain_i, .idle_o,
    .request_valid_i, .request_ready_o, .request_address_i, .request_beats_i, .word_valid_o, .word_o,
    .m_axi_araddr(araddr), .m_axi_arlen(arlen), .m_axi_arvalid(arvalid), .m_axi_arready(arready_i),
    .m_axi_rdata(rdata_i), .m_axi_rresp(rresp_i), .m_axi_rlast(rlast_i), .m_axi_rvalid(rvalid_i),
    .m_axi_rready(rready),
    .slverr_o, .decerr_o, .protocol_o, .answered_o, .open_o, .progress_o
  );

  localparam int unsigned RING   = Outstanding + 1;
  localparam int unsigned PORT_W = Ports > 1 ? $clog2(Ports) : 1;
  axi_rules #(.DataW(DataW), .AddrW(AddrW), .Bursts(RING), .Assume(1'b1)) rules (
    .clk_i, .rst_ni,
    .araddr_i(araddr), .arlen_i(arlen), .arvalid_i(arvalid), .arready_i,
    .rdata_i, .rresp_i, .rlast_i, .rvalid_i, .rready_i(rready),
    .awaddr_i('0), .awlen_i('0), .awvalid_i(1'b0), .awready_i(1'b0),
    .wdata_i('0), .wlast_i(1'b0), .wvalid_i(1'b0), .wready_i(1'b0),
    .bresp_i('0), .bvalid_i(1'b0), .bready_i(1'b0)
  );

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;
  always_comb if (!started_q) assume (!rst_ni);
  for (genvar p = 0; p < Ports; p++) begin : gen_request
    int unsigned address, beats;
    assign address = 32'(request_address_i[p]);
    assign beats   = 32'(request_beats_i[p]);
    always_comb begin
      assume (beats != 0 && address % (DataW / 8) == 0);
      assume ((address / (DataW / 8)) % BurstBeats + beats <= BurstBeats);
    end
  end

  // ---- bursts that were granted and are not all here, the oldest first
  typedef struct packed {
    logic [Ports-1:0]  owner;  // one bit
    logic [BeatsW-1:0] beats;
    logic [AddrW-1:0]  address;
  } burst_t;
  burst_t ring_q [RING];
  burst_t granted;
  int unsigned first_q, level_q, came_q;  // came_q: words of the first
  logic grant, taken, last;
  assign grant = |request_ready_o;
  assign taken = rvalid_i && rready;
  assign last  = came_q + 1 == 32'(ring_q[first_q].beats);
  always_comb begin
    granted       = '0;
    granted.owner = request_ready_o;
    for (int unsigned p = 0; p < Ports; p++) begin
      if (request_ready_o[p]) {granted.beats, granted.address} = {request_beats_i[p], request_address_i[p]};
    end
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      first_q <= 0;
      level_q <= 0;
      came_q  <= 0;
    end else begin
      level_q <= level_q + 32'(grant) - 32'(taken && last);
      if (taken) came_q <= last ? 0 : came_q + 1;
      if (taken && last) first_q <= (first_q + 1) % RING;
    end
    if (grant) ring_q[(first_q+level_q)%RING] <= granted;
  end

  always_comb if (started_q && rst_ni) begin
    OneOfThem_A: assert ((request_ready_o & ~request_valid_i) == '0 &&
                         (request_ready_o & (request_ready_o - 1'b1)) == '0);
    NothingWhileDrained_A: assert (!drain_i || !grant);
    Few_A: assert (level_q <= Outstanding);
    ToItsPort_A: assert (word_valid_o == (rvalid_i ? ring_q[first_q].owner : '0) && word_o == rdata_i);
    ItsAddress_A: assert (!rvalid_i || answered_o == ring_q[first_q].address);
    Idle_A: assert (idle_o == (level_q == 0) && open_o == (level_q != 0));
    AlwaysTaken_A: assert (rready);
    NoComplaint_A: assert (!protocol_o);
    Told_A: assert (slverr_o == (rvalid_i && rresp_i == 2'b10) && decerr_o == (rvalid_i && rresp_i == 2'b11));
    Progress_A: assert (progress_o == (taken || (arvalid && arready_i)));

    Level_A: assert (32'(dut.u_order.level_q) == level_q);
    Taken_A: assert (32'(rules.reads_open_q) + 32'(arvalid) == level_q);
    Came_A: assert (32'(dut.beat_q) == came_q && 32'(rules.r_beat_q) == came_q);
    First_A: assert (first_q < RING && (level_q == 0 ? came_q == 0 : came_q < 32'(ring_q[first_q].beats)));
    Newest_A: assert (!arvalid || (ring_q[(first_q+level_q+RING-1)%RING].address == araddr &&
                                   32'(ring_q[(first_q+level_q+RING-1)%RING].beats) == 32'(arlen) + 1));
    Rings_A: assert (32'(rules.read_first_q) == first_q &&
                     32'(rules.read_end_q) == (first_q + 32'(rules.reads_open_q)) % RING);
    NoWrites_A: assert (rules.addresses_q == '0 && rules.writes_known_q == '0);
    Order_A: assert (32'(dut.u_order.gen_memory.read_q) < Outstanding &&
                     32'(dut.u_order.gen_memory.write_q) == (32'(dut.u_order.gen_memory.read_q) + level_q) % Outstanding);
  end
  for (genvar b = 0; b < Outstanding; b++) begin : gen_burst
    burst_t      burst;
    int unsigned place;
    logic [PORT_W+BeatsW+AddrW-1:0] stored;
    assign burst  = ring_q[(first_q+b)%RING];
    assign place  = (32'(dut.u_order.gen_memory.read_q) + b) % Outstanding;
    assign stored = dut.u_order.gen_memory.gen_lut.mem[place];
    always_comb if (started_q && rst_ni && b < level_q) begin
      Stored_A: assert (stored[0 +: BeatsW+AddrW] == {burst.beats, burst.address} &&
                        burst.owner == Ports'(1) << stored[BeatsW+AddrW +: PORT_W]);
      Beats_A: assert (burst.beats != '0 && 32'(burst.beats) <= BurstBeats);
      Length_A: assert (b >= 32'(rules.reads_open_q) ||
                        32'(rules.reads_q[(first_q+b)%RING]) + 1 == 32'(burst.beats));
    end
  end

  logic [Ports-1:0] served_q;
  always_ff @(posedge clk_i) served_q <= rst_ni ? served_q | word_valid_o : '0;
  always_comb DrainedBehindAll_C: cover (started_q && rst_ni && &served_q && drain_i && idle_o);
endmodule
