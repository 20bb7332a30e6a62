// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"

namespace headrace {

/// A channel on the way to its place. Above the value, the key has a bit that sets channels apart from what fills lists.
template <class Cfg>
struct Candidate {
  ap_uint<Cfg::LaneW + 1> key;
  ap_uint<index_bits(Cfg::Channels)> index;
};

/// `bits` so that values to be chosen first are larger as unsigned numbers; and back.
template <class Cfg>
ap_uint<Cfg::LaneW> rank_bits(const ap_uint<Cfg::LaneW>& bits) {
#pragma HLS inline
  // Flipping the sign bit makes signed values compare like unsigned ones, flipping all bits turns the order round.
  const ap_uint<Cfg::LaneW> sign = ap_uint<Cfg::LaneW>(Cfg::Signed) << (Cfg::LaneW - 1);
  const ap_uint<Cfg::LaneW> flipped = bits ^ sign;
  return Cfg::Smallest ? ap_uint<Cfg::LaneW>(~flipped) : flipped;
}

/// The first `K` of two lists, each sorted by falling key, as one such list. Of equal keys those of `a` come first, with
/// `Last` those of `b`. All keys are compared at once.
template <class Cfg>
void merge_lists(const Candidate<Cfg> (&a)[Cfg::K], const Candidate<Cfg> (&b)[Cfg::K], Candidate<Cfg> (&sorted)[Cfg::K]) {
#pragma HLS inline
  bool ahead[Cfg::K][Cfg::K];  // [i][j]: entry j of b goes before entry i of a
#pragma HLS array_partition variable=ahead type=complete dim=0
compare_a:
  for (unsigned i = 0; i < Cfg::K; ++i) {
#pragma HLS unroll
  compare_b:
    for (unsigned j = 0; j < Cfg::K; ++j) {
#pragma HLS unroll
      ahead[i][j] = Cfg::Last ? b[j].key >= a[i].key : b[j].key > a[i].key;
    }
  }
places:
  for (unsigned r = 0; r < Cfg::K; ++r) {
#pragma HLS unroll
  entries:
    for (unsigned i = 0; i < Cfg::K; ++i) {
#pragma HLS unroll
      // Place r holds entry i of a if exactly r-i entries of b go before it, and entry r-i of b if exactly i entries of a do.
      if (i > r) continue;
      const unsigned j = r - i;
      if (!ahead[i][j] && (j == 0 || ahead[i][j - 1])) sorted[r] = a[i];
      if (ahead[i][j] && (i == 0 || !ahead[i - 1][j])) sorted[r] = b[j];
    }
  }
}

/// The `K` largest channels of each pixel, or with `Smallest` the smallest, sorted: their values, or with `Indices` their
/// channels. Of equal channels the lower one comes first, with `Last` the higher one. An input beat each cycle; a pixel's
/// results are one beat.
///
/// The lanes of a beat are merged by a tree of sorted lists, and the tree's result into the list of the pixel: from one
/// cycle to the next, only this last list is carried. What the last beat has beyond the last channel counts for nothing.
template <class Cfg>
void topk(unsigned frames, Stream<Cfg::LaneW, Cfg::Lanes>& in,
          Stream<Cfg::Indices ? index_bits(Cfg::Channels) : Cfg::LaneW, Cfg::K>& out) {
  static_assert(Cfg::K >= 1 && Cfg::K <= Cfg::Channels, "a pixel has K channels or more");
  constexpr unsigned beats = ceil_div(Cfg::Channels, Cfg::Lanes);
  constexpr unsigned leaves = Cfg::Lanes == 1 ? 1 : 1u << index_bits(Cfg::Lanes);
  const Candidate<Cfg> none = {0, 0};

  Candidate<Cfg> best[Cfg::K];  // of the pixel's beats so far
#pragma HLS array_partition variable=best type=complete

frames:
  for (unsigned frame = 0; frame < frames; ++frame) {
  pixels:
    for (unsigned pixel = 0; pixel < Cfg::Pixels; ++pixel) {
    beats:
      for (unsigned beat = 0; beat < beats; ++beat) {
#pragma HLS pipeline II=1 style=flp
        const Beat<Cfg::LaneW, Cfg::Lanes> x = in.read();
        // A list for each node: node n has the children 2n+1 and 2n+2, the last `leaves` nodes are the lanes.
        Candidate<Cfg> node[2 * leaves - 1][Cfg::K];
#pragma HLS array_partition variable=node type=complete dim=0
      lanes:
        for (unsigned i = 0; i < leaves; ++i) {
#pragma HLS unroll
        fill:
          for (unsigned r = 0; r < Cfg::K; ++r) {
#pragma HLS unroll
            node[leaves - 1 + i][r] = none;
          }
          const unsigned channel = beat * Cfg::Lanes + i;
          if (i < Cfg::Lanes && channel < Cfg::Channels) {
            node[leaves - 1 + i][0].key = (ap_uint<1>(1), rank_bits<Cfg>(x.lane[i]));
            node[leaves - 1 + i][0].index = channel;
          }
        }
      tree:
        for (unsigned merged = 1; merged < leaves; ++merged) {
#pragma HLS unroll
          const unsigned n = leaves - 1 - merged;
          merge_lists<Cfg>(node[2 * n + 1], node[2 * n + 2], node[n]);
        }
        Candidate<Cfg> before[Cfg::K];
#pragma HLS array_partition variable=before type=complete
      carry:
        for (unsigned r = 0; r < Cfg::K; ++r) {
#pragma HLS unroll
          before[r] = beat == 0 ? none : best[r];
        }
        merge_lists<Cfg>(before, node[0], best);
        Beat<Cfg::Indices ? index_bits(Cfg::Channels) : Cfg::LaneW, Cfg::K> y;
      results:
        for (unsigned r = 0; r < Cfg::K; ++r) {
#pragma HLS unroll
          if constexpr (Cfg::Indices) {
            y.lane[r] = best[r].index;
          } else {
            y.lane[r] = rank_bits<Cfg>(ap_uint<Cfg::LaneW>(best[r].key));
          }
        }
        if (beat == beats - 1) out.write(y);
      }
    }
  }
}

}  // namespace headrace
