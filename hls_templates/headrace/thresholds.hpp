// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"

namespace headrace {

/// Results of a beat from the counts of thresholds: `Base + Step * count`.
template <class Cfg, int Stages>
Beat<Cfg::OutW, Cfg::Lanes> counted_values(unsigned, const ap_uint<Stages> (&count)[Cfg::Lanes]) {
#pragma HLS inline
  const ap_uint<Cfg::OutW> base = Cfg::Base, step = Cfg::Step;
  Beat<Cfg::OutW, Cfg::Lanes> y;
lanes:
  for (unsigned i = 0; i < Cfg::Lanes; ++i) {
#pragma HLS unroll
    y.lane[i] = base + step * count[i];
  }
  return y;
}

/// Results of a beat from the counts of thresholds: word beat * 2**Stages + count of `values`.
template <class Cfg, int Stages, class Entry, unsigned Words, unsigned Fields>
Beat<Cfg::OutW, Cfg::Lanes> counted_values(unsigned beat, const ap_uint<Stages> (&count)[Cfg::Lanes],
                                           const Entry (&values)[Words][Fields]) {
#pragma HLS inline
#pragma HLS array_partition variable=values type=complete dim=2
#pragma HLS bind_storage variable=values type=rom_np
  static_assert(Words == (Cfg::SharedValues ? 1 : Cfg::Beats) << Stages && Fields == (Cfg::SharedValues ? 1 : Cfg::Lanes),
                "the table of values has a word for each count and beat");
  Beat<Cfg::OutW, Cfg::Lanes> y;
lanes:
  for (unsigned i = 0; i < Cfg::Lanes; ++i) {
#pragma HLS unroll
    const unsigned word = (Cfg::SharedValues ? 0 : beat << Stages) + count[i].to_uint();
    y.lane[i] = values[word][Cfg::SharedValues ? 0 : i];
  }
  return y;
}

/// Stage `Stage` of the search and those behind it. `found` are the upper bits of the counts, `Stage` of them, which choose
/// one of 2**Stage thresholds: word beat * 2**Stage + found of `table`, the first of the tables that are left.
template <class Cfg, unsigned Stage, int Stages, class Entry, unsigned Words, unsigned Fields, class... Rest>
Beat<Cfg::OutW, Cfg::Lanes> search(unsigned beat, const Beat<Cfg::InW, Cfg::Lanes>& x,
                                   const ap_uint<Stages> (&found)[Cfg::Lanes], const Entry (&table)[Words][Fields],
                                   const Rest&... rest) {
#pragma HLS inline
// Each lane reads a word of its own: from its own memory, or from its own copy of the one they share.
#pragma HLS array_partition variable=table type=complete dim=2
#pragma HLS bind_storage variable=table type=rom_np
  static_assert(Words == (Cfg::SharedThr ? 1 : Cfg::Beats) << Stage && Fields == (Cfg::SharedThr ? 1 : Cfg::Lanes),
                "a stage has 2**Stage thresholds for each beat");
  ap_uint<Stages> next[Cfg::Lanes];
#pragma HLS array_partition variable=next type=complete
lanes:
  for (unsigned i = 0; i < Cfg::Lanes; ++i) {
#pragma HLS unroll
    const unsigned word = (Cfg::SharedThr ? 0 : beat << Stage) + found[i].to_uint();
    const bool reached = ap_int<Cfg::InW>(x.lane[i]) >= ap_int<Cfg::ThrW>(table[word][Cfg::SharedThr ? 0 : i]);
    next[i] = 2 * found[i] + ap_uint<1>(reached ? 1 : 0);
  }
  if constexpr (Stage + 1 < Stages) {
    return search<Cfg, Stage + 1>(beat, x, next, rest...);
  } else {
    return counted_values<Cfg>(beat, next, rest...);
  }
}

/// Piecewise-constant function of each lane, a beat each cycle: with `n` the number of thresholds of its channel that are not
/// above the input, `y = Base + Step * n`, or with `Table` `y = value[n]`.
///
/// A binary search, a bit of the count after the other, with a table for each: word beat * 2**s + i of the table of stage s
/// holds, lane by lane, the thresholds with the number (2 * i + 1) * 2**(stages - 1 - s) - 1 of the pixel's beat `beat`.
/// Behind them comes, with `Table`, one of the values, in words beat * 2**stages + n. Where all channels share their
/// thresholds (or values), words have one field and there is one beat of them.
template <class Cfg, class... Tables>
void thresholds(unsigned frames, Stream<Cfg::InW, Cfg::Lanes>& in, Stream<Cfg::OutW, Cfg::Lanes>& out,
                const Tables&... tables) {
  static_assert(Cfg::ThrW >= 1 && Cfg::Beats >= 1, "the thresholds' width and beats must not be zero");
  static_assert(Cfg::Thresholds >= 1 && Cfg::Thresholds <= 65535, "there are 1 to 65535 thresholds");
  static_assert(Cfg::OutW >= 1 && Cfg::OutW <= 32, "results have 1 to 32 bits");
  if constexpr (!Cfg::Table) {
    constexpr int64_t first = Cfg::Base, last = first + int64_t(Cfg::Step) * Cfg::Thresholds;
    constexpr int64_t low = first < last ? first : last, high = first < last ? last : first;
    static_assert(low >= least(Cfg::OutW, low < 0) && high <= most(Cfg::OutW, low < 0), "results must fit OutW bits");
  }
  constexpr int stages = index_bits(Cfg::Thresholds + 1);
  static_assert(sizeof...(tables) == stages + Cfg::Table, "each stage of the search has a table, and so have the values");

frames:
  for (unsigned frame = 0; frame < frames; ++frame) {
  pixels:
    for (unsigned pixel = 0; pixel < Cfg::Pixels; ++pixel) {
    beats:
      for (unsigned beat = 0; beat < Cfg::Beats; ++beat) {
#pragma HLS pipeline II=1 style=flp
        ap_uint<stages> nothing[Cfg::Lanes];
#pragma HLS array_partition variable=nothing type=complete
      lanes:
        for (unsigned i = 0; i < Cfg::Lanes; ++i) {
#pragma HLS unroll
          nothing[i] = 0;
        }
        out.write(search<Cfg, 0>(beat, in.read(), nothing, tables...));
      }
    }
  }
}

}  // namespace headrace
