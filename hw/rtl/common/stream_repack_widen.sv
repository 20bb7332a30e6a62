// SPDX-License-Identifier: Apache-2.0

/// The form of `stream_repack` in which every input beat is a part of one output beat: parts are
/// collected in one output beat of registers, given out when it is complete or its segment ends.
/// One input beat a cycle, latency 1; `ready_o` depends combinationally on `ready_i`.
/// `stream_repack` explains the parameters and guarantees that segments are aligned.
module stream_repack_widen #(
  parameter int unsigned LaneW    = 8,
  parameter int unsigned LanesIn  = 2,
  parameter int unsigned LanesOut = 4,
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
  localparam int unsigned PARTS  = LanesOut / LanesIn;
  localparam int unsigned PART_W = PARTS > 1 ? $clog2(PARTS) : 1;
  localparam int unsigned IN_W   = Ins > 1 ? $clog2(Ins) : 1;
  localparam int unsigned OUT_W  = Outs > 1 ? $clog2(Outs) : 1;

  if (LanesOut % LanesIn != 0 || LanesOut == LanesIn) begin : gen_check
    $fatal(1, "LanesOut %0d is no multiple of LanesIn %0d above 1", LanesOut, LanesIn);
  end

  function automatic logic [Ins-1:0][15:0] in_beats();
    for (int unsigned k = 0; k < Ins; k++) begin
      in_beats[k] = 16'((32'(InC[k]) + LanesIn - 1) / LanesIn);
    end
  endfunction

  /// Input beats that go to each output.
  function automatic logic [Outs-1:0][15:0] out_beats();
    for (int unsigned m = 0; m < Outs; m++) begin
      out_beats[m] = 16'((32'(OutC[m]) + LanesIn - 1) / LanesIn);
    end
  endfunction

  /// The fewest parts in the last beat of an output: parts above these may have to be zeroed.
  function automatic int unsigned fewest_parts();
    int unsigned parts;
    fewest_parts = PARTS;
    for (int unsigned m = 0; m < Outs; m++) begin
      parts = 32'(out_beats()[m]) % PARTS;
      if (parts != 0 && parts < fewest_parts) fewest_parts = parts;
    end
  endfunction

  logic [IN_W-1:0]   source;
  logic [OUT_W-1:0]  filling;   // the output whose beat is being collected
  logic              last_of_output;
  logic              last_of_beat;
  logic              step;
  logic              full_q;
  logic [OUT_W-1:0]  target_q;  // the output of the complete beat
  logic [PART_W-1:0] part_q;
  logic [PARTS-1:0][LanesIn-1:0][LaneW-1:0] parts_q;

  if (Ins == 1) begin : gen_one_input
    assign source = '0;
  end else begin : gen_inputs
    logic unused_last;
    segment_counter #(.Segments(Ins), .Beats(in_beats())) u_inputs (
      .clk_i, .rst_ni, .step_i(step), .segment_o(source), .last_o(unused_last)
    );
  end

  if (Outs == 1 && fewest_parts() == PARTS) begin : gen_one_output
    assign filling        = '0;
    assign last_of_output = 1'b0;
  end else begin : gen_outputs
    segment_counter #(.Segments(Outs), .Beats(out_beats())) u_outputs (
      .clk_i, .rst_ni, .step_i(step), .segment_o(filling), .last_o(last_of_output)
    );
  end

  assign step         = valid_i[source] && ready_o[source];
  assign last_of_beat = part_q == PART_W'(PARTS - 1) || last_of_output;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      full_q <= 1'b0;
      part_q <= '0;
    end else begin
      if (step) part_q <= last_of_beat ? '0 : part_q + 1'b1;
      if (step || ready_i[target_q]) full_q <= step && last_of_beat;
    end
  end

  if (Outs == 1) begin : gen_target_constant
    logic unused_filling;
    assign unused_filling = ^filling;
    assign target_q       = '0;
  end else begin : gen_target
    always_ff @(posedge clk_i) begin
      if (!rst_ni) target_q <= '0;
      else if (step) target_q <= filling;
    end
  end

  for (genvar part = 0; part < PARTS; part++) begin : gen_store
    always_ff @(posedge clk_i) begin
      if (step && part_q == PART_W'(part)) parts_q[part] <= data_i[source];
      else if (part >= fewest_parts() && step && part_q == '0) parts_q[part] <= '0;
    end
  end

  // Apart, so that simulators see no loop from ready to valid.
  always_comb begin
    valid_o           = '0;
    valid_o[target_q] = full_q;
  end
  always_comb begin
    ready_o           = '0;
    ready_o[source]   = !full_q || ready_i[target_q];
  end
  assign data_o = parts_q;
endmodule
