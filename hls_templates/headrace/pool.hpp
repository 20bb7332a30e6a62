// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/merge.hpp"

namespace headrace {

/// Maximum or, with `Sum`, sum over the taps of a window: in each cycle `Taps` taps of `Lanes` channels.
///
/// Each beat of results is made of `Steps` beats of [tap][channel]; `Pixels` counts the beats of results of a frame. Sums are
/// exact modulo 2**OutW.
template <class Cfg>
void pool(unsigned frames, Stream<Cfg::LaneW, Cfg::Taps * Cfg::Lanes>& in, Stream<Cfg::OutW, Cfg::Lanes>& out) {
  static_assert(Cfg::Steps >= 1, "steps must not be zero");
  static_assert(Cfg::OutW >= Cfg::LaneW && Cfg::OutW == (Cfg::Sum ? Cfg::OutW : Cfg::LaneW),
                "a maximum needs as many bits as its lanes, a sum no fewer");
  using Value = Integer<Cfg::OutW, Cfg::Signed>;

  Value before[Cfg::Lanes];  // what the earlier steps gave
#pragma HLS array_partition variable=before type=complete

frames:
  for (unsigned frame = 0; frame < frames; ++frame) {
  results:
    for (unsigned result = 0; result < Cfg::Pixels; ++result) {
    steps:
      for (unsigned step = 0; step < Cfg::Steps; ++step) {
#pragma HLS pipeline II=1 style=flp
        const Beat<Cfg::LaneW, Cfg::Taps * Cfg::Lanes> x = in.read();
        Beat<Cfg::OutW, Cfg::Lanes> y;
      lanes:
        for (unsigned i = 0; i < Cfg::Lanes; ++i) {
#pragma HLS unroll
          // A tree: node n has the children 2n+1 and 2n+2, the last `Taps` nodes are the taps.
          Value node[2 * Cfg::Taps - 1];
#pragma HLS array_partition variable=node type=complete
        taps:
          for (unsigned tap = 0; tap < Cfg::Taps; ++tap) {
#pragma HLS unroll
            node[Cfg::Taps - 1 + tap] = value<Cfg::Signed>(x.lane[tap * Cfg::Lanes + i]);
          }
        tree:
          for (unsigned merged = 1; merged < Cfg::Taps; ++merged) {
#pragma HLS unroll
            const unsigned n = Cfg::Taps - 1 - merged;
            node[n] = merge<Cfg::Sum>(node[2 * n + 1], node[2 * n + 2]);
          }
          const Value total = step == 0 ? node[0] : merge<Cfg::Sum>(before[i], node[0]);
          before[i] = total;
          y.lane[i] = total;
        }
        if (step == Cfg::Steps - 1) out.write(y);
      }
    }
  }
}

}  // namespace headrace
