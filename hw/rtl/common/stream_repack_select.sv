// SPDX-License-Identifier: Apache-2.0

/// The form of `stream_repack` in which every output beat is a part of one input beat: each input
/// beat stays at the input while its parts are given out one a cycle, parts that hold no channel
/// are skipped. A multiplexer and a few counters, no latency; `ready_o` depends combinationally on
/// `ready_i`, `valid_o` and `data_o` on the inputs. `stream_repack` explains the parameters and
/// guarantees that segments are aligned.
module stream_repack_select #(
  parameter int unsigned LaneW    = 8,
  parameter int unsigned LanesIn  = 4,
  parameter int unsigned LanesOut = 2,
  parameter int unsigned Ins      = 1,
  parameter int unsigned Outs     = 1,
  parameter logic [Ins-1:0][15:0]  InC  = {Ins{16'd4}},
  parameter logic [Outs-1:0][15:0] OutC = {Outs{16'd4}}
) (
  input  logic                                   clk_i,
  input  logic                                   rst_ni,
  input  logic [Ins-1:0]                         valid_i,
  output logic [Ins-1:0]                         ready_o,
  input  logic [Ins-1:0][LanesIn-1:0][LaneW-1:0] data_i,
  output logic [Outs-1:0]                        valid_o,
  input  logic [Outs-1:0]                        ready_i,
  output logic [LanesOut-1:0][LaneW-1:0]         data_o
);
  localparam int unsigned PARTS  = LanesIn / LanesOut;
  localparam int unsigned PART_W = PARTS > 1 ? $clog2(PARTS) : 1;
  localparam int unsigned IN_W   = Ins > 1 ? $clog2(Ins) : 1;
  localparam int unsigned OUT_W  = Outs > 1 ? $clog2(Outs) : 1;

  if (LanesIn % LanesOut != 0) begin : gen_check
    $fatal(1, "LanesIn %0d is no multiple of LanesOut %0d", LanesIn, LanesOut);
  end

  /// Output beats that come from each input.
  function automatic logic [Ins-1:0][15:0] in_beats();
    for (int unsigned k = 0; k < Ins; k++) begin
      in_beats[k] = 16'((32'(InC[k]) + LanesOut - 1) / LanesOut);
    end
  endfunction

  function automatic logic [Outs-1:0][15:0] out_beats();
    for (int unsigned m = 0; m < Outs; m++) begin
      out_beats[m] = 16'((32'(OutC[m]) + LanesOut - 1) / LanesOut);
    end
  endfunction

  /// Whether all inputs fill all parts of their last beats.
  function automatic bit all_full();
    all_full = 1'b1;
    for (int unsigned k = 0; k < Ins; k++) all_full &= 32'(in_beats()[k]) % PARTS == 0;
  endfunction

  logic [IN_W-1:0]  source;
  logic [OUT_W-1:0] target;
  logic             last_of_input;
  logic             last_of_beat;
  logic             step;

  assign step = valid_i[source] && ready_i[target];

  if (Ins == 1 && all_full()) begin : gen_one_input
    assign source        = '0;
    assign last_of_input = 1'b0;
  end else begin : gen_inputs
    segment_counter #(.Segments(Ins), .Beats(in_beats())) u_inputs (
      .clk_i, .rst_ni, .step_i(step), .segment_o(source), .last_o(last_of_input)
    );
  end

  if (Outs == 1) begin : gen_one_output
    assign target = '0;
  end else begin : gen_outputs
    logic unused_last;
    segment_counter #(.Segments(Outs), .Beats(out_beats())) u_outputs (
      .clk_i, .rst_ni, .step_i(step), .segment_o(target), .last_o(unused_last)
    );
  end

  if (PARTS == 1) begin : gen_whole
    logic unused_last;
    assign unused_last  = ^{clk_i, rst_ni, last_of_input, step};
    assign last_of_beat = 1'b1;
    assign data_o       = data_i[source];
  end else begin : gen_parts
    logic [PART_W-1:0] part_q;
    logic [PARTS-1:0][LanesOut-1:0][LaneW-1:0] parts;

    assign last_of_beat = part_q == PART_W'(PARTS - 1) || last_of_input;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) part_q <= '0;
      else if (step) part_q <= last_of_beat ? '0 : part_q + 1'b1;
    end
    assign parts  = data_i[source];
    assign data_o = parts[part_q];
  end

  // Apart, so that simulators see no loop from ready to valid.
  always_comb begin
    valid_o         = '0;
    valid_o[target] = valid_i[source];
  end
  always_comb begin
    ready_o         = '0;
    ready_o[source] = ready_i[target] && last_of_beat;
  end
endmodule
