// SPDX-License-Identifier: Apache-2.0

/// Piecewise-constant function of each lane: with `n` the number of thresholds of its channel that
/// are not above the input, `y = Base + Step * n`, or `y = value[n]` with a table of values.
///
/// A pipelined binary search: stage s compares with one of 2**s thresholds, chosen by the stages
/// before it, from a memory of its own. The thresholds of a channel rise; where there are fewer than
/// 2**STAGES - 1, the memories repeat at the end one that no input reaches, or the values repeat.
///
/// Memory of stage s: file `<RomFile>_t<ss>.hex` with `ss` two decimal digits; word b * 2**s + i holds
/// the thresholds with the number (2 * i + 1) * 2**(STAGES - 1 - s) - 1 of channel beat b, ThrW
/// bits a lane (signed). Values: `<RomFile>_v.hex`, word b * 2**STAGES + n, OutW bits a lane.
/// Where all channels share their thresholds (or values), words have one field and no beats.
///
/// Throughput: one beat per cycle. Latency: STAGES + 1 cycles, STAGES = ceil(log2(Thresholds + 1)),
/// and one more for each memory of more than 64 words behind the first: a comparison and such a memory
/// are too long a way for one clock cycle.
/// The whole pipeline waits while an output beat is not taken: `ready_o` depends combinationally on
/// `ready_i`.
module engine_thresholds #(
  parameter int unsigned Lanes = 4,
  /// Inputs are signed; the comparison is as wide as the wider of input and threshold.
  parameter int unsigned InW = 20,
  parameter int unsigned ThrW = 20,
  /// Thresholds of each channel.
  parameter int unsigned Thresholds = 15,
  parameter int unsigned OutW = 4,
  parameter int          Base = 0,
  parameter int          Step = 1,
  /// Beats of one pixel.
  parameter int unsigned Beats = 1,
  /// All channels have the same thresholds.
  parameter bit          SharedThr = 1'b0,
  /// Values from a table instead of Base and Step.
  parameter bit          Table = 1'b0,
  parameter bit          SharedValues = 1'b0,
  parameter RomFile = "",
  localparam int unsigned STAGES = Thresholds > 0 ? $clog2(Thresholds + 1) : 1
) (
  input  logic                       clk_i,
  input  logic                       rst_ni,   // synchronous
  input  logic                       valid_i,
  output logic                       ready_o,
  input  logic [Lanes-1:0][InW-1:0]  data_i,   // signed
  output logic                       valid_o,
  input  logic                       ready_i,
  output logic [Lanes-1:0][OutW-1:0] data_o
);
  if (Lanes == 0 || InW == 0 || ThrW == 0 || Thresholds == 0 || Beats == 0) begin : gen_size
    $fatal(1, "zero among Lanes %0d InW %0d ThrW %0d Thresholds %0d Beats %0d", Lanes, InW, ThrW,
           Thresholds, Beats);
  end
  if (OutW == 0 || OutW > 32 || STAGES > 16) begin : gen_out
    $fatal(1, "need 1 <= OutW <= 32 and at most 65535 thresholds; got %0d and %0d", OutW, Thresholds);
  end
  // Every result must be one of the signed or of the unsigned numbers of OutW bits.
  localparam longint LAST = 64'(Base) + 64'(Step) * 64'(Thresholds);
  localparam longint LOW = LAST < 64'(Base) ? LAST : 64'(Base);
  localparam longint HIGH = LAST < 64'(Base) ? 64'(Base) : LAST;
  localparam longint LEAST = LOW < 0 ? -(64'sd1 << (OutW - 1)) : 64'sd0;
  localparam longint MOST = LOW < 0 ? (64'sd1 << (OutW - 1)) - 1 : (64'sd1 << OutW) - 1;
  if (!Table && (LOW < LEAST || HIGH > MOST)) begin : gen_range
    $fatal(1, "results from %0d to %0d do not fit %0d bits", LOW, HIGH, OutW);
  end

  localparam int unsigned CmpW = InW > ThrW ? InW : ThrW;
  localparam int unsigned BeatW = Beats > 1 ? $clog2(Beats) : 1;
  localparam int unsigned ThrBeats = SharedThr ? 1 : Beats;
  localparam int unsigned ValueBeats = SharedValues ? 1 : Beats;

  /// Whether a memory of so many words takes two cycles.
  function automatic bit late(int unsigned words);
    return words > 64;
  endfunction

  localparam bit ValuesLate = Table && late(ValueBeats << STAGES);

  function automatic int unsigned late_stages();
    int unsigned count;
    count = 0;
    for (int unsigned s = 1; s < STAGES; s++) count += 32'(late(ThrBeats << s));
    return count;
  endfunction

  localparam int unsigned CYCLES = STAGES + late_stages() + 32'(ValuesLate);

  logic              advance;
  logic [CYCLES-1:0] valid_q;
  /// Beat of the pixel that each stage looks up, then of the one whose value is.
  logic [BeatW-1:0]  beat[STAGES+1];

  assign advance = !valid_o || ready_i;
  assign ready_o = advance;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= '0;
      valid_o <= 1'b0;
      beat[0] <= '0;
    end else if (advance) begin
      {valid_o, valid_q} <= {valid_q, valid_i};
      if (valid_i) beat[0] <= beat[0] == BeatW'(Beats - 1) ? '0 : beat[0] + 1'b1;
    end
  end

  for (genvar s = 0; s < STAGES; s++) begin : gen_beat
    logic [BeatW-1:0] looked_up;
    if (s > 0 && late(ThrBeats << s)) begin : gen_late
      always_ff @(posedge clk_i) if (advance) looked_up <= beat[s];
    end else begin : gen_now
      assign looked_up = beat[s];
    end
    always_ff @(posedge clk_i) if (advance) beat[s+1] <= looked_up;
  end

  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    for (genvar s = 0; s < STAGES; s++) begin : gen_stage
      localparam int unsigned WORDS = ThrBeats << s;
      localparam int unsigned AddrW = WORDS > 1 ? $clog2(WORDS) : 1;
      logic [AddrW-1:0]       addr;
      logic signed [InW-1:0]  in_q;
      logic signed [ThrW-1:0] threshold_q;
      /// The bits of the result that earlier stages found, and the one that this stage adds.
      logic [s:0]             found;
      logic                   reached;

      assign reached = CmpW'(in_q) >= CmpW'(threshold_q);
      if (s == 0) begin : gen_first
        assign addr  = SharedThr ? '0 : AddrW'(beat[0]);
        assign found = reached;
        always_ff @(posedge clk_i) if (advance) in_q <= data_i[l];
      end else begin : gen_next
        logic [s-1:0]           earlier, found_q;
        logic signed [InW-1:0]  in;
        if (late(WORDS)) begin : gen_late
          always_ff @(posedge clk_i) begin
            if (advance) {in, earlier} <= {gen_stage[s-1].in_q, gen_stage[s-1].found};
          end
        end else begin : gen_now
          assign {in, earlier} = {gen_stage[s-1].in_q, gen_stage[s-1].found};
        end
        assign addr  = SharedThr ? AddrW'(gen_stage[s-1].found)
                                 : AddrW'({beat[s], gen_stage[s-1].found});
        assign found = {found_q, reached};
        always_ff @(posedge clk_i) if (advance) {in_q, found_q} <= {in, earlier};
      end

      stream_rom #(
        .Width  (ThrW),
        .Depth  (WORDS),
        .RomFile({RomFile, "_t", 8'(8'd48 + s / 10), 8'(8'd48 + s % 10), ".hex"}),
        .Fields (SharedThr ? 1 : Lanes),
        .Field  (SharedThr ? 0 : l),
        .Late   (s > 0 && late(WORDS))
      ) u_thresholds (
        .clk_i,
        .en_i  (advance),
        .addr_i(addr),
        .data_o(threshold_q)
      );
    end

    if (Table) begin : gen_table
      localparam int unsigned WORDS = ValueBeats << STAGES;
      localparam int unsigned AddrW = $clog2(WORDS);
      logic [AddrW-1:0] addr;
      assign addr = SharedValues ? AddrW'(gen_stage[STAGES-1].found)
                                 : AddrW'({beat[STAGES], gen_stage[STAGES-1].found});
      stream_rom #(
        .Width  (OutW),
        .Depth  (WORDS),
        .RomFile({RomFile, "_v.hex"}),
        .Fields (SharedValues ? 1 : Lanes),
        .Field  (SharedValues ? 0 : l),
        .Late   (ValuesLate)
      ) u_values (
        .clk_i,
        .en_i  (advance),
        .addr_i(addr),
        .data_o(data_o[l])
      );
    end else begin : gen_affine
      always_ff @(posedge clk_i) begin
        if (advance) data_o[l] <= OutW'(Base) + OutW'(Step) * OutW'(gen_stage[STAGES-1].found);
      end
    end
  end

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m: a beat changed or vanished before it was taken");
`endif
endmodule
