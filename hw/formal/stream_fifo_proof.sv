// SPDX-License-Identifier: Apache-2.0

/// What `stream_fifo` promises, for any stalls, any data and resets at any time:
/// - it takes a word exactly when fewer than `Depth` are stored, so it neither overflows nor refuses
///   without need;
/// - it offers a word exactly when one has been stored for its latency, so it neither underflows nor
///   pauses;
/// - words leave unchanged, each once and in order: a word marked as it enters leaves as the one
///   that follows the words that were stored before it;
/// - an offered word stays until it is taken.
/// Proven by induction; the assertions on internal registers are what makes it inductive.
module stream_fifo_proof #(
  parameter int unsigned Width = 2,
  parameter int unsigned Depth = 4,
  parameter bit          Block = 1'b0
) (
  input logic             clk_i,
  input logic             rst_ni,
  input logic             valid_i,
  input logic [Width-1:0] data_i,
  input logic             ready_i,
  input logic             mark_i    // watch the word that enters now, if none is watched
);
  logic             ready_o, valid_o, push, pop;
  logic [Width-1:0] data_o;

  stream_fifo #(.Width(Width), .Depth(Depth), .Block(Block)) dut (
    .clk_i, .rst_ni, .valid_i, .ready_o, .data_i, .valid_o, .ready_i, .data_o
  );

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;
  always_comb if (!started_q) assume (!rst_ni);

  // ---- the reference: how many words are stored, and where the watched one is
  int unsigned      stored_q;   // words that have entered and not left
  int unsigned      ahead_q;    // of these, the ones that leave before the watched one
  logic [1:0]       pushed_q;   // a word entered at the last clock edge, and at the one before
  logic             watched_q;
  logic             left_q;     // a watched word has left
  logic [Width-1:0] word_q;

  assign push = valid_i && ready_o;
  assign pop  = valid_o && ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      stored_q  <= 0;
      watched_q <= 1'b0;
      pushed_q  <= '0;
      left_q    <= 1'b0;
    end else begin
      stored_q <= stored_q + 32'(push) - 32'(pop);
      pushed_q <= {pushed_q[0], push};
      if (!watched_q && push && mark_i) begin
        watched_q <= 1'b1;
        word_q    <= data_i;
        ahead_q   <= stored_q - 32'(pop);
      end else if (watched_q && pop) begin
        if (ahead_q == 0) begin
          watched_q <= 1'b0;
          left_q    <= 1'b1;
        end else begin
          ahead_q <= ahead_q - 1;
        end
      end
    end
  end

  logic             held_q;
  logic [Width-1:0] offered_q;
  always_ff @(posedge clk_i) begin
    held_q    <= rst_ni && valid_o && !ready_i;
    offered_q <= data_o;
  end

  int unsigned young;  // words that are stored, but not long enough to be offered
  assign young = Block ? $countones(pushed_q) : 0;

  always_comb begin
    if (started_q && rst_ni) begin
      TakesUnlessFull_A: assert (ready_o == (stored_q < Depth));
      OffersWhatIsStored_A: assert (valid_o == (stored_q > young));
      WatchedWordLeavesInTurn_A: assert (!(watched_q && pop && ahead_q == 0) || data_o == word_q);
      HeldUntilTaken_A: assert (!held_q || (valid_o && data_o == offered_q));

      LevelCounts_A: assert (32'(dut.level_q) == stored_q && stored_q <= Depth);
      WatchedIsStored_A: assert (!watched_q || ahead_q < stored_q);
      YoungAreStored_A: assert (young <= stored_q);
    end
  end

  // ---- where words lie inside
  if (Depth <= 2) begin : gen_registers
    logic [Width-1:0] newer;
    if (Depth == 2) begin : gen_two
      assign newer = dut.gen_skid.skid_q;
    end else begin : gen_one
      assign newer = data_o;
    end
    always_comb if (started_q && rst_ni && watched_q) begin
      Register_A: assert (word_q == (ahead_q == 0 ? data_o : newer));
      Copy_A: assert (Depth == 1 || stored_q != 1 || newer == data_o);
    end
  end else begin : gen_memory
    localparam int unsigned WORDS = Block ? Depth - 2 : Depth;
    int unsigned read, write, offered, fetched, place;
    logic [Width-1:0] word, waiting;

    assign read  = 32'(dut.gen_memory.read_q);
    assign write = 32'(dut.gen_memory.write_q);
    if (Block) begin : gen_block
      assign offered = 32'(dut.gen_memory.gen_block.offered_q);
      assign fetched = 32'(dut.gen_memory.gen_block.fetched_q);
      assign waiting = dut.gen_memory.gen_block.word_q;
      assign word    = dut.gen_memory.gen_block.mem[place];
    end else begin : gen_lut
      assign offered = 0;
      assign fetched = 0;
      assign waiting = '0;
      assign word    = dut.gen_memory.gen_lut.mem[place];
    end
    assign place = (read + ahead_q - offered - fetched) % WORDS;

    always_comb if (started_q && rst_ni) begin
      Ring_A: assert (read < WORDS && write < WORDS && offered + fetched <= stored_q &&
                      stored_q - offered - fetched <= WORDS &&
                      (read + stored_q - offered - fetched) % WORDS == write);
      Place_A: assert (!watched_q || (ahead_q < offered ? data_o :
                                      ahead_q < offered + fetched ? waiting : word) == word_q);
      // A word waits only where one is offered, or for one edge; the memory waits for both.
      Eager_A: assert (!Block || young != 0 || stored_q <= 1 || offered + fetched == 2);
    end
  end

  always_comb AWordPassed_C: cover (started_q && rst_ni && left_q && stored_q == Depth);
endmodule
