// SPDX-License-Identifier: Apache-2.0

/// What `replay_buffer` promises, for any bytes, any places that are asked for and resets at any time: a
/// byte can be read, unchanged, at its place from the cycle after it entered until it is released; it
/// takes a byte when fewer than `Depth` are kept, and were a cycle ago; places that are not kept
/// release nothing, where the place has stood for two cycles without a release.
/// Proven by induction; the assertions on internal registers are what makes it inductive.
module replay_buffer_proof #(
  parameter int unsigned Depth = 4,
  localparam int unsigned PlaceW = $clog2(Depth)
) (
  input logic        clk_i,
  input logic        rst_ni,
  input logic        valid_i,
  input logic [7:0]  data_i,
  input logic        release_i,
  input logic [31:0] from_i,
  input logic        read_i,
  input logic [31:0] place_i,
  input logic        mark_i   // watch the byte that enters now, if none is watched
);
  logic        ready_o, known_o, write;
  logic [31:0] end_o;
  logic [7:0]  data_o;

  replay_buffer #(.Depth(Depth)) dut (
    .clk_i, .rst_ni, .valid_i, .ready_o, .data_i, .release_i, .from_i, .known_o, .end_o,
    .read_i, .place_i(place_i[PlaceW-1:0]), .data_o
  );

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;
  always_comb if (!started_q) assume (!rst_ni);

  // ---- places that are asked for
  logic [31:0] from_then_q;
  logic [1:0]  quiet_q;   // cycles that the place has stood without a release
  logic        steady;
  assign steady = quiet_q == 2'd2 && from_i == from_then_q;
  always_ff @(posedge clk_i) begin
    from_then_q <= from_i;
    if (!rst_ni || release_i) quiet_q <= '0;
    else if (from_i != from_then_q) quiet_q <= 2'd1;
    else if (quiet_q != 2'd2) quiet_q <= quiet_q + 1'b1;
  end
  always_comb if (release_i) assume (steady);

  // ---- the reference: what is kept, from first_q to end_q - 1, and the watched byte
  logic [31:0] first_q, end_q, kept, watched_place_q;
  logic        watched_q, read_q, repeated_q;
  logic [7:0]  byte_q;

  logic        freed_q;
  logic [31:0] bytes_then_q; // that were kept
  logic        known;        // by the bytes of a cycle ago
  assign known = from_i - first_q <= bytes_then_q;
  assign write = valid_i && ready_o;
  assign kept  = end_q - first_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      first_q    <= '0;
      end_q      <= '0;
      watched_q  <= 1'b0;
      read_q     <= 1'b0;
      repeated_q <= 1'b0;
    end else begin
      end_q <= end_q + 32'(write);
      if (release_i && known) begin
        first_q <= from_i;
        if (from_i - first_q > watched_place_q - first_q) watched_q <= 1'b0;
      end
      if (!watched_q && write && mark_i) begin
        watched_q       <= 1'b1;
        watched_place_q <= end_q;
        byte_q          <= data_i;
      end
      read_q <= watched_q && read_i && place_i == watched_place_q;
      if (read_q) repeated_q <= 1'b1;
    end
  end

  logic        kept_then_q;  // and was not released meanwhile
  always_ff @(posedge clk_i) begin
    kept_then_q  <= watched_q;
    freed_q      <= rst_ni && release_i && known;
    bytes_then_q <= kept;
  end

  always_comb begin
    if (started_q && rst_ni) begin
      TakesUnlessFull_A: assert (ready_o ? kept < Depth : kept == Depth || freed_q);
      Known_A: assert (!steady || known_o == known);
      Spent_A: assert (!steady || dut.spent_q == from_i - first_q);
      SpentThen_A: assert (quiet_q == '0 || dut.spent_q == from_then_q - first_q);
      End_A: assert (end_o == end_q);
      ReadsWhatEntered_A: assert (!read_q || data_o == byte_q);

      Kept_A: assert (32'(dut.kept_q) == kept && kept <= Depth && dut.end_q == end_q &&
                      dut.first_q == first_q);
      Watched_A: assert (!watched_q || watched_place_q - first_q < kept);
      Place_A: assert (!watched_q || dut.memory_q[watched_place_q[PlaceW-1:0]] == byte_q);
      Read_A: assert (!read_q || kept_then_q);
    end
  end

  always_comb AByteIsReadTwice_C: cover (started_q && rst_ni && repeated_q && read_q && end_q == Depth + 2);
endmodule
