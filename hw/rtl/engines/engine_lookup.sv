// SPDX-License-Identifier: Apache-2.0

/// Table of each lane: `y = table[x]`, addressed by the bits of the input, whatever they mean.
///
/// Word b * 2**InW + x of `RomFile` holds what x becomes in channel beat b, OutW bits a lane; with one
/// table for all channels (`Shared`), word x holds one field.
///
/// One beat per cycle, latency 1. `ready_o` depends combinationally on `ready_i`.
module engine_lookup #(
  parameter int unsigned Lanes = 4,
  parameter int unsigned InW = 8,
  parameter int unsigned OutW = 8,
  /// Beats of one pixel.
  parameter int unsigned Beats = 1,
  /// All channels have the same table.
  parameter bit          Shared = 1'b0,
  parameter RomFile = ""
) (
  input  logic                       clk_i,
  input  logic                       rst_ni,   // synchronous
  input  logic                       valid_i,
  output logic                       ready_o,
  input  logic [Lanes-1:0][InW-1:0]  data_i,
  output logic                       valid_o,
  input  logic                       ready_i,
  output logic [Lanes-1:0][OutW-1:0] data_o
);
  if (Lanes == 0 || InW == 0 || OutW == 0 || Beats == 0) begin : gen_size
    $fatal(1, "zero among Lanes %0d InW %0d OutW %0d Beats %0d", Lanes, InW, OutW, Beats);
  end
  if (InW > 16) begin : gen_in
    $fatal(1, "need InW <= 16; got %0d", InW);
  end

  localparam int unsigned WORDS = (Shared ? 1 : Beats) << InW;
  localparam int unsigned AddrW = $clog2(WORDS);
  localparam int unsigned BeatW = Beats > 1 ? $clog2(Beats) : 1;

  logic             advance;
  logic [BeatW-1:0] beat_q;

  assign advance = !valid_o || ready_i;
  assign ready_o = advance;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_o <= 1'b0;
      beat_q  <= '0;
    end else if (advance) begin
      valid_o <= valid_i;
      if (valid_i) beat_q <= beat_q == BeatW'(Beats - 1) ? '0 : beat_q + 1'b1;
    end
  end

  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    logic [AddrW-1:0] addr;
    assign addr = Shared ? AddrW'(data_i[l]) : AddrW'({beat_q, data_i[l]});
    stream_rom #(
      .Width  (OutW),
      .Depth  (WORDS),
      .RomFile(RomFile),
      .Fields (Shared ? 1 : Lanes),
      .Field  (Shared ? 0 : l)
    ) u_table (
      .clk_i,
      .en_i  (advance),
      .addr_i(addr),
      .data_o(data_o[l])
    );
  end

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
