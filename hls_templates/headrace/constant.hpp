// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"

namespace headrace {

/// Sizes of a `constant`.
template <class Cfg>
struct ConstantShape {
  static_assert(Cfg::Lanes >= 1 && Cfg::LaneW >= 1 && Cfg::Rows >= 1 && Cfg::Cols >= 1 && Cfg::Beats >= 1,
                "lanes, width, rows, columns and beats must not be zero");
  static_assert(Cfg::RowSets >= 1 && Cfg::RowSets <= Cfg::Rows && Cfg::ColSets >= 1 && Cfg::ColSets <= Cfg::Cols,
                "there are no more unlike rows and columns than rows and columns");
  static constexpr unsigned Words = Cfg::RowSets * Cfg::ColSets * Cfg::Beats;
};

/// Word `word` of the table with the number `Number` among tables of one field.
template <unsigned Number, class Entry, unsigned Words, class... Rest>
unsigned entry_of(unsigned word, const Entry (&table)[Words][1], const Rest&... rest) {
#pragma HLS inline
  if constexpr (Number == 0) {
    return table[word][0];
  } else {
    return entry_of<Number - 1>(word, rest...);
  }
}

/// A constant map of `Rows` x `Cols` pixels of `Beats` beats, once for each frame; a beat each cycle.
///
/// `words` holds each row that differs from all others once, and in it each column once. Word row base + column base + beat
/// is a beat, lane by lane. `bases` are the bases of the rows, if there are several unlike ones, then likewise those of the
/// columns: tables of one field.
template <class Cfg, class... Bases>
void constant(unsigned frames, Stream<Cfg::LaneW, Cfg::Lanes>& out,
              const Constant<Cfg::LaneW, false> (&words)[ConstantShape<Cfg>::Words][Cfg::Lanes],
              const Bases&... bases) {
#pragma HLS array_reshape variable=words type=complete dim=2
  constexpr bool row_table = Cfg::RowSets > 1, col_table = Cfg::ColSets > 1;
  static_assert(sizeof...(bases) == row_table + col_table, "unlike rows have a table of bases, and so have unlike columns");

frames:
  for (unsigned frame = 0; frame < frames; ++frame) {
  rows:
    for (unsigned row = 0; row < Cfg::Rows; ++row) {
    cols:
      for (unsigned col = 0; col < Cfg::Cols; ++col) {
      beats:
        for (unsigned beat = 0; beat < Cfg::Beats; ++beat) {
#pragma HLS pipeline II=1 style=flp
          unsigned word = beat;
          if constexpr (row_table) word += entry_of<0>(row, bases...);
          if constexpr (col_table) word += entry_of<row_table>(col, bases...);
          Beat<Cfg::LaneW, Cfg::Lanes> y;
        lanes:
          for (unsigned i = 0; i < Cfg::Lanes; ++i) {
#pragma HLS unroll
            y.lane[i] = words[word][i];
          }
          out.write(y);
        }
      }
    }
  }
}

}  // namespace headrace
