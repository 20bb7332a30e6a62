// SPDX-License-Identifier: Apache-2.0

/// What `packet_buffer` promises, for any packets that keep to the room it tells, any stalls and resets
/// at any time: committed bytes leave unchanged, each once and in order, and no others do; `room_o` is
/// what is free behind the last commit; an offered byte stays until it is taken.
/// Proven by induction; the assertions on internal registers are what makes it inductive.
module packet_buffer_proof #(
  parameter int unsigned Depth = 4,
  localparam int unsigned PlaceW = $clog2(Depth)
) (
  input logic       clk_i,
  input logic       rst_ni,
  input logic       write_i,
  input logic [7:0] data_i,
  input logic       commit_i,
  input logic       drop_i,
  input logic       ready_i,
  input logic       mark_i   // watch the byte that is written now, if none is watched
);
  logic [PlaceW:0] room_o;
  logic            valid_o, pop;
  logic [7:0]      data_o;

  packet_buffer #(.Depth(Depth)) dut (
    .clk_i, .rst_ni, .write_i, .data_i, .commit_i, .drop_i, .room_o, .valid_o, .ready_i, .data_o
  );

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;
  always_comb if (!started_q) assume (!rst_ni);

  // ---- the reference: bytes that are committed and have not left, bytes behind them, the watched one
  int unsigned stored_q;
  int unsigned open_q;     // written since the last commit
  int unsigned ahead_q;    // bytes that leave before the watched one
  logic        watched_q;
  logic        left_q;     // a watched byte has left
  logic [7:0]  byte_q;

  assign pop = valid_o && ready_i;
  always_comb begin
    if (write_i) assume (open_q < 32'(room_o));
    assume (!(write_i && (commit_i || drop_i)) && !(commit_i && drop_i));
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      stored_q  <= 0;
      open_q    <= 0;
      watched_q <= 1'b0;
      left_q    <= 1'b0;
    end else begin
      stored_q <= stored_q + (commit_i ? open_q : 0) - 32'(pop);
      open_q   <= commit_i || drop_i ? 0 : open_q + 32'(write_i);
      if (!watched_q && write_i && mark_i) begin
        watched_q <= 1'b1;
        byte_q    <= data_i;
        ahead_q   <= stored_q + open_q - 32'(pop);
      end else if (watched_q && drop_i && ahead_q >= stored_q) begin
        watched_q <= 1'b0;
      end else if (watched_q && pop) begin
        ahead_q <= ahead_q - 1;
        if (ahead_q == 0) begin
          watched_q <= 1'b0;
          left_q    <= 1'b1;
        end
      end
    end
  end

  logic       held_q;
  logic [7:0] offered_q;
  always_ff @(posedge clk_i) begin
    held_q    <= rst_ni && valid_o && !ready_i;
    offered_q <= data_o;
  end

  int unsigned place;
  assign place = (32'(dut.read_q) + ahead_q) % Depth;
  always_comb begin
    if (started_q && rst_ni) begin
      Room_A: assert (32'(room_o) == Depth - stored_q);
      NothingElseLeaves_A: assert (!valid_o || stored_q != 0);
      WatchedByteLeavesInTurn_A: assert (!(watched_q && pop && ahead_q == 0) || data_o == byte_q);
      HeldUntilTaken_A: assert (!held_q || (valid_o && data_o == offered_q));

      Stored_A: assert (stored_q <= Depth && open_q <= Depth && stored_q + open_q <= Depth);
      Committed_A: assert ((PlaceW+1)'(dut.committed_q - dut.read_q) == (PlaceW+1)'(stored_q));
      Written_A: assert ((PlaceW+1)'(dut.write_q - dut.committed_q) == (PlaceW+1)'(open_q));
      Fetched_A: assert ((PlaceW+1)'(dut.fetch_q - dut.read_q) == (PlaceW+1)'(valid_o));
      Watched_A: assert (!watched_q || ahead_q < stored_q + open_q);
      Place_A: assert (!watched_q || (ahead_q == 0 && valid_o ? data_o : dut.memory_q[place]) == byte_q);
    end
  end

  always_comb AByteLeft_C: cover (started_q && rst_ni && left_q && stored_q == Depth);
endmodule
