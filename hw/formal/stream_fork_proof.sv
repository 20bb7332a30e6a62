// SPDX-License-Identifier: Apache-2.0

/// What `stream_fork` promises, for any stalls and data: each output gets each input beat once and in
/// order, as soon as it wants it, and the input moves when the last output has it. Proven by induction.
module stream_fork_proof #(
  parameter int unsigned Width   = 2,
  parameter int unsigned Outputs = 3
) (
  input logic               clk_i,
  input logic               rst_ni,
  input logic               valid_i,
  input logic [Width-1:0]   data_i,
  input logic [Outputs-1:0] ready_i
);
  logic               ready_o;
  logic [Outputs-1:0] valid_o;
  logic [Width-1:0]   data_o;

  stream_fork #(.Width(Width), .Outputs(Outputs)) dut (
    .clk_i, .rst_ni, .valid_i, .ready_o, .data_i, .valid_o, .ready_i, .data_o
  );

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;
  always_comb if (!started_q) assume (!rst_ni);

  // The input keeps an offered beat until it is taken.
  logic             waits_q;
  logic [Width-1:0] data_q;
  always_ff @(posedge clk_i) begin
    waits_q <= rst_ni && valid_i && !ready_o;
    data_q  <= data_i;
  end
  always_comb if (started_q && waits_q) assume (valid_i && data_i == data_q);

  // Beats given to each output and not yet taken from the input.
  logic [Outputs-1:0] lead_q;
  logic               twice_q;  // an output got a beat that it had
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      lead_q  <= '0;
      twice_q <= 1'b0;
    end else begin
      lead_q <= (lead_q | (valid_o & ready_i)) & ~{Outputs{valid_i && ready_o}};
      if ((valid_o & ready_i & lead_q) != '0) twice_q <= 1'b1;
    end
  end

  always_comb begin
    if (started_q && rst_ni) begin
      EachBeatOnce_A: assert (!twice_q && (valid_o & lead_q) == '0);
      OfferedAtOnce_A: assert (valid_o == ({Outputs{valid_i}} & ~lead_q));
      Unchanged_A: assert (data_o == data_i);
      LeavesWithTheLast_A: assert (ready_o == &(lead_q | ready_i));
      WaitsOnlyIfOffered_A: assert (waits_q || lead_q == '0);
      Taken_A: assert (dut.taken_q == lead_q);
    end
  end

  always_comb Apart_C: cover (started_q && rst_ni && valid_i && lead_q != '0 && ready_o);
endmodule
