// SPDX-License-Identifier: Apache-2.0

/// Resets the core in the middle of its work without breaking off what it began on the bus.
///
/// On `request_i` the bus is drained first: bursts on their way end, no further one begins. Then the
/// core is reset for `Cycles` cycles, and the bus stays drained, so that nothing begins between the
/// two. `busy_o` stands from the request to the end. The fabric's own reset resets the core at once.
module soft_reset #(
  parameter int unsigned Cycles = 16
) (
  input  logic clk_i,
  input  logic rst_ni,       // synchronous
  input  logic request_i,
  input  logic bus_idle_i,   // nothing on its way, while `drain_o` stands
  output logic drain_o,
  output logic core_rst_no,
  output logic busy_o
);
  if (Cycles == 0) begin : gen_check
    $fatal(1, "need at least one cycle; got %0d", Cycles);
  end

  localparam int unsigned COUNT_W = $clog2(Cycles + 1);
  logic               drain_q;
  logic               seen_q;   // `drain_q` stood for a cycle, so `bus_idle_i` counts
  logic [COUNT_W-1:0] left_q;

  assign busy_o  = drain_q || left_q != '0;
  assign drain_o = busy_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      drain_q     <= 1'b0;
      seen_q      <= 1'b0;
      left_q      <= COUNT_W'(Cycles);
      core_rst_no <= 1'b0;
    end else begin
      seen_q      <= drain_q;
      core_rst_no <= left_q == '0;
      if (left_q != '0) left_q <= left_q - 1'b1;
      else if (request_i && !drain_q) drain_q <= 1'b1;
      else if (drain_q && seen_q && bus_idle_i) begin
        drain_q <= 1'b0;
        left_q  <= COUNT_W'(Cycles);
      end
    end
  end
endmodule
