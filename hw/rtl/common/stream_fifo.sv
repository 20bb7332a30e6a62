// SPDX-License-Identifier: Apache-2.0

/// First-in first-out buffer of exactly `Depth` words, of any depth.
///
/// | Depth | Block | storage                           | latency | throughput        |
/// |-------|-------|-----------------------------------|---------|-------------------|
/// | 1     | 0     | a register                        | 1       | one word a 2 cycles |
/// | 2     | 0     | output register and skid register | 1       | one word a cycle  |
/// | more  | 0     | LUT RAM, read directly            | 1       | one word a cycle  |
/// | more  | 1     | block RAM and two registers       | 3       | one word a cycle  |
///
/// Latency counts clock edges from the beat taken in to its being offered. `ready_o` and `valid_o`
/// depend on registers only, never on `ready_i` or `valid_i`.
///
/// With the macro HEADRACE_PROFILE (simulation only) the depth of a FIFO with an `Id` can be lowered at
/// run time, its highest level is reported, and the words that leave can be recorded; see the imports
/// below.
module stream_fifo #(
  parameter int unsigned Width = 8,
  parameter int unsigned Depth = 2,
  /// Names this FIFO in messages and to the profiler, -1 to none; hardware does not depend on it.
  /* verilator lint_off UNUSEDPARAM */
  parameter int Id = -1,
  /* verilator lint_on UNUSEDPARAM */
  /// Use block RAM. The default does where LUTs would cost more.
  parameter bit Block = Depth > technology_pkg::FifoDeep ||
      (Depth > technology_pkg::FifoWords && Depth * Width > technology_pkg::FifoBits)
) (
  input  logic             clk_i,
  input  logic             rst_ni,  // synchronous
  input  logic             valid_i,
  output logic             ready_o,
  input  logic [Width-1:0] data_i,
  output logic             valid_o,
  input  logic             ready_i,
  output logic [Width-1:0] data_o
);
  if (Width == 0 || Depth == 0 || (Block && Depth < 4)) begin : gen_check
    $fatal(1, "need Width >= 1, Depth >= 1 (4 for block RAM); got Width %0d, Depth %0d, Block %0d",
           Width, Depth, Block);
  end

  localparam int unsigned LEVEL_W = $clog2(Depth + 1);
  typedef logic [LEVEL_W-1:0] level_t;

  level_t level_q;
  level_t limit;
  logic   push;
  logic   pop;

  // What neighbours see of the level stands in registers, so that no path through them begins with a
  // comparison.
  logic room_q;   // level_q < limit
  logic words_q;  // level_q != 0

  assign ready_o = room_q;
  assign push    = valid_i && ready_o;
  assign pop     = valid_o && ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      level_q <= '0;
      room_q  <= 1'b1;
      words_q <= 1'b0;
    end else if (push != pop) begin
      level_q <= push ? level_q + 1'b1 : level_q - 1'b1;
      room_q  <= pop || level_q != limit - 1'b1;
      words_q <= push || level_q != level_t'(1);
    end
  end

  if (Depth == 1) begin : gen_register
    always_ff @(posedge clk_i) if (push) data_o <= data_i;
    assign valid_o = words_q;
  end else if (Depth == 2) begin : gen_skid
    logic [Width-1:0] skid_q;

    // The skid register is the newer word of two, so it follows the input while one is stored.
    always_ff @(posedge clk_i) begin
      if (push) skid_q <= data_i;
      if (pop || !words_q) data_o <= level_q[1] ? skid_q : data_i;
    end
    assign valid_o = words_q;
  end else begin : gen_memory
    // With block RAM one word waits at the memory's output and one in the output register, so that the
    // slow memory, the choice among several and what follows are not on one path.
    localparam int unsigned WORDS = Block ? Depth - 2 : Depth;
    localparam int unsigned ADDR_W = WORDS > 1 ? $clog2(WORDS) : 1;
    localparam logic [ADDR_W-1:0] LAST = ADDR_W'(WORDS - 1);

    logic [ADDR_W-1:0] write_q;
    logic [ADDR_W-1:0] read_q;
    logic              read;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        write_q <= '0;
        read_q  <= '0;
      end else begin
        if (push) write_q <= write_q == LAST ? '0 : write_q + 1'b1;
        if (read) read_q <= read_q == LAST ? '0 : read_q + 1'b1;
      end
    end

    if (Block) begin : gen_block
      // The word that is read was written in an earlier cycle, so no collision logic is needed.
      (* ram_style = "block", no_rw_check *)
      logic [Width-1:0] mem [WORDS];
      logic [Width-1:0] word_q;
      logic offered_q;
      logic fetched_q;  // a word waits in word_q
      logic stored_q;   // the memory holds a word, whether or not the registers do
      logic move;
      logic unused_words;
      assign unused_words = words_q;

      assign move    = fetched_q && (pop || !offered_q);
      assign read    = stored_q && (move || !fetched_q);
      assign valid_o = offered_q;

      always_ff @(posedge clk_i) begin
        if (!rst_ni) begin
          offered_q <= 1'b0;
          fetched_q <= 1'b0;
          stored_q  <= 1'b0;
        end else begin
          if (move || pop) offered_q <= move;
          if (read || move) fetched_q <= read;
          if (push != read) stored_q <= push || level_q != level_t'(offered_q) + level_t'(fetched_q) + 1'b1;
        end
      end
`ifdef FORMAL
      always_comb if (rst_ni) Stored_A: assert (
          stored_q == (level_q > level_t'(offered_q) + level_t'(fetched_q)));
`endif
      always_ff @(posedge clk_i) begin
        if (push) mem[write_q] <= data_i;
        if (read) word_q <= mem[read_q];
        if (move) data_o <= word_q;
      end
    end else begin : gen_lut
      (* ram_style = "distributed" *) logic [Width-1:0] mem [WORDS];

      assign read    = pop;
      assign valid_o = words_q;
      assign data_o  = mem[read_q];
      always_ff @(posedge clk_i) if (push) mem[write_q] <= data_i;
    end
  end

`ifdef FORMAL
  // By which proofs of what is around a FIFO are inductive.
  always_comb begin
    if (rst_ni) Flags_A: assert (room_q == (level_q < limit) && words_q == (level_q != '0));
    if (rst_ni) Level_A: assert (level_q <= limit);
  end
`endif

`ifdef HEADRACE_PROFILE
  // The depth to use in this run, at most `depth`; asked in reset.
  import "DPI-C" function int hr_fifo_limit(input int id, input int depth);
  // The number of stored words has reached `level`, more than ever since reset.
  import "DPI-C" function void hr_fifo_peak(input int id, input int level);
  // Whether to record what leaves this FIFO; asked in reset.
  import "DPI-C" function int hr_tap_on(input int id);
  // Bits 32 * word and up of the beat that leaves.
  import "DPI-C" function void hr_tap(input int id, input int word, input int unsigned bits32);

  if (Id < 0) begin : gen_unnamed
    assign limit = level_t'(Depth);
  end else begin : gen_profile
    localparam int unsigned TAP_WORDS = (Width + 31) / 32;

    level_t limit_q;
    level_t peak_q;
    logic   tap_q;
    logic [TAP_WORDS-1:0][31:0] tap_words;

    assign limit     = limit_q;
    assign tap_words = (32 * TAP_WORDS)'(data_o);

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        limit_q <= level_t'(hr_fifo_limit(Id, Depth));
        tap_q   <= hr_tap_on(Id) != 0;
        peak_q  <= '0;
      end else begin
        if (level_q > peak_q) begin
          peak_q <= level_q;
          hr_fifo_peak(Id, int'(level_q));
        end
        if (pop && tap_q) begin
          for (int unsigned word = 0; word < TAP_WORDS; word++) hr_tap(Id, word, tap_words[word]);
        end
      end
    end
  end
`else
  assign limit = level_t'(Depth);
`endif

`ifndef SYNTHESIS
  BeatHeldUntilTaken_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid_o && !ready_i |=> valid_o && $stable(data_o))
    else $error("%m (FIFO %0d): a beat changed or vanished before it was taken", Id);
  LevelWithinLimit_A: assert property (@(posedge clk_i) disable iff (!rst_ni) level_q <= limit)
    else $error("%m (FIFO %0d): %0d words stored, more than %0d", Id, level_q, limit);
  FlagsAreOfLevel_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      room_q == (level_q < limit) && words_q == (level_q != '0))
    else $error("%m (FIFO %0d): flags %b %b at %0d words", Id, room_q, words_q, level_q);
`endif
endmodule
