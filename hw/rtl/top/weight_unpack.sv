// SPDX-License-Identifier: Apache-2.0

/// Cuts words of memory into words of weights, again and again `Words` of them: as many in one word of
/// memory as it has room for, the first in its low bits; or, wider ones, each in several, its low bits
/// first. `Words` begin at a new word of memory.
///
/// One word out per cycle while those of memory come. `ready_o` depends combinationally on `ready_i`.
module weight_unpack #(
  parameter int unsigned DataW = 64,
  parameter int unsigned Width = 24,
  parameter int unsigned Words = 5
) (
  input  logic             clk_i,
  input  logic             rst_ni,  // synchronous
  input  logic             valid_i,
  output logic             ready_o,
  input  logic [DataW-1:0] data_i,
  output logic             valid_o,
  input  logic             ready_i,
  output logic [Width-1:0] data_o
);
  if (DataW == 0 || Width == 0 || Words == 0) begin : gen_check
    $fatal(1, "need DataW, Width and Words above 0; got %0d, %0d, %0d", DataW, Width, Words);
  end

  localparam int unsigned PER   = Width > 0 && Width <= DataW ? DataW / Width : 1;
  localparam int unsigned PARTS = DataW > 0 && Width > DataW ? (Width + DataW - 1) / DataW : 1;

  if (PARTS > 1) begin : gen_collect
    localparam int unsigned HELD = (PARTS - 1) * DataW;
    // The next word collects while one is worked on: engines take theirs in the last cycle of that.
    logic [HELD-1:0] held_q;   // the parts before the last one, the first in the low bits
    logic            last;
    beat_counter #(.Beats(PARTS)) u_parts (
      .clk_i, .rst_ni, .step_i(valid_i && ready_o), .last_o(last)
    );
    assign ready_o = !last || !valid_o || ready_i;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) valid_o <= 1'b0;
      else if (valid_i && last) valid_o <= 1'b1;
      else if (ready_i) valid_o <= 1'b0;
      if (valid_i && last && ready_o) data_o <= {data_i[Width-HELD-1:0], held_q};
      if (valid_i && !last) held_q <= HELD'({data_i, held_q} >> DataW);
    end
    if (Width - HELD < DataW) begin : gen_unused
      logic unused_high;
      assign unused_high = ^data_i;
    end
  end else if (PER == 1) begin : gen_pass
    logic unused;
    assign unused  = ^{clk_i, rst_ni, data_i};
    assign valid_o = valid_i;
    assign ready_o = ready_i;
    assign data_o  = data_i[Width-1:0];
  end else begin : gen_cut
    localparam int unsigned SLOT_W = $clog2(PER);
    logic [SLOT_W-1:0]          slot_q;
    logic                       slot_last, word_last;
    logic [PER-1:0][Width-1:0]  words;
    beat_counter #(.Beats(Words)) u_words (
      .clk_i, .rst_ni, .step_i(valid_o && ready_i), .last_o(word_last)
    );
    assign words     = data_i[PER*Width-1:0];
    assign slot_last = slot_q == SLOT_W'(PER - 1) || word_last;
    assign valid_o   = valid_i;
    assign ready_o   = ready_i && slot_last;
    assign data_o    = words[slot_q];
    always_ff @(posedge clk_i) begin
      if (!rst_ni) slot_q <= '0;
      else if (valid_o && ready_i) slot_q <= slot_last ? '0 : slot_q + 1'b1;
    end
    if (PER * Width < DataW) begin : gen_unused
      logic unused_high;
      assign unused_high = ^data_i;
    end
  end
endmodule
