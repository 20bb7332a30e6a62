// SPDX-License-Identifier: Apache-2.0

/// One output lane of `gather_memory`: two pixels in a memory of those input lanes that it ever reads,
/// and a multiplexer behind it. `data_o` shows the channel of beat `read_beat_i` one clock after an
/// edge with `read_i` high and holds it while `read_i` is low.
module gather_lane #(
  parameter int unsigned LaneW    = 8,
  parameter int unsigned LanesIn  = 2,
  parameter int unsigned LanesOut = 2,
  parameter int unsigned InC      = 4,
  parameter int unsigned OutC     = 4,
  parameter logic [OutC-1:0][15:0] Index = '0,
  /// Number of this lane.
  parameter int unsigned Lane     = 0,
  localparam int unsigned BeatsIn  = (InC + LanesIn - 1) / LanesIn,
  localparam int unsigned BeatsOut = (OutC + LanesOut - 1) / LanesOut,
  localparam int unsigned InBeatW  = BeatsIn > 1 ? $clog2(BeatsIn) : 1,
  localparam int unsigned OutBeatW = BeatsOut > 1 ? $clog2(BeatsOut) : 1
) (
  input  logic                          clk_i,
  input  logic                          write_i,
  input  logic [InBeatW-1:0]            write_beat_i,
  input  logic                          write_bank_i,
  input  logic [LanesIn-1:0][LaneW-1:0] data_i,
  input  logic                          read_i,
  input  logic [OutBeatW-1:0]           read_beat_i,
  input  logic                          read_bank_i,
  output logic [LaneW-1:0]              data_o
);
  if (Lane >= OutC) begin : gen_check
    $fatal(1, "lane %0d of %0d channels never carries one", Lane, OutC);
  end

  function automatic logic [LanesIn-1:0] sources();
    sources = '0;
    for (int unsigned c = Lane; c < OutC; c += LanesOut) begin
      if (Index[c] != 16'hFFFF) sources[32'(Index[c])%LanesIn] = 1'b1;
    end
    if (sources == '0) sources[0] = 1'b1;  // a lane of zeros alone; synthesis drops its memory
  endfunction

  localparam logic [LanesIn-1:0] SOURCES = sources();  // input lanes that are ever read
  localparam int unsigned COUNT  = $countones(SOURCES);
  localparam int unsigned PICK_W = COUNT > 1 ? $clog2(COUNT) : 1;

  /// The input lane at each place of the memory.
  function automatic logic [COUNT-1:0][15:0] lanes();
    int unsigned place;
    place = 0;
    for (int unsigned s = 0; s < LanesIn; s++) begin
      if (SOURCES[s]) begin
        lanes[place] = 16'(s);
        place++;
      end
    end
  endfunction

  /// The input beat that each output beat needs.
  function automatic logic [BeatsOut-1:0][InBeatW-1:0] words();
    words = '0;
    for (int unsigned b = 0; b * LanesOut + Lane < OutC; b++) begin
      if (Index[b*LanesOut+Lane] != 16'hFFFF) begin
        words[b] = InBeatW'(32'(Index[b*LanesOut+Lane]) / LanesIn);
      end
    end
  endfunction

  /// And its place in the memory.
  function automatic logic [BeatsOut-1:0][PICK_W-1:0] picks();
    picks = '0;
    for (int unsigned b = 0; b * LanesOut + Lane < OutC; b++) begin
      for (int unsigned s = 0; s < 32'(Index[b*LanesOut+Lane]) % LanesIn; s++) begin
        if (SOURCES[s] && Index[b*LanesOut+Lane] != 16'hFFFF) picks[b] = picks[b] + 1'b1;
      end
    end
  endfunction

  /// The output beats in which this lane is zero.
  function automatic logic [BeatsOut-1:0] zeros();
    zeros = '1;
    for (int unsigned b = 0; b * LanesOut + Lane < OutC; b++) begin
      zeros[b] = Index[b*LanesOut+Lane] == 16'hFFFF;
    end
  endfunction

  localparam logic [BeatsOut-1:0] ZEROS = zeros();
  localparam logic [COUNT-1:0][15:0] LANES = lanes();
  localparam logic [BeatsOut-1:0][InBeatW-1:0] WORDS = words();
  localparam logic [BeatsOut-1:0][PICK_W-1:0] PICKS = picks();

  logic [COUNT-1:0][LaneW-1:0] stored;
  logic [COUNT-1:0][LaneW-1:0] fetched;
  logic [PICK_W-1:0]           pick_q;

  for (genvar k = 0; k < COUNT; k++) begin : gen_source
    assign stored[k] = data_i[LANES[k]];
  end

  engine_ram #(.Width(COUNT * LaneW), .Depth(1 << (InBeatW + 1))) u_ram (
    .clk_i, .we_i(write_i), .waddr_i({write_bank_i, write_beat_i}), .wdata_i(stored),
    .re_i(read_i), .raddr_i({read_bank_i, WORDS[read_beat_i]}), .rdata_o(fetched)
  );

  always_ff @(posedge clk_i) if (read_i) pick_q <= PICKS[read_beat_i];

  if (ZEROS != '0) begin : gen_zeros
    logic zero_q;
    always_ff @(posedge clk_i) if (read_i) zero_q <= ZEROS[read_beat_i];
    assign data_o = zero_q ? '0 : fetched[pick_q];
  end else begin : gen_even
    assign data_o = fetched[pick_q];
  end

  logic unused_lanes;  // those that no beat reads
  assign unused_lanes = ^data_i;
endmodule
