// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/merge.hpp"

namespace headrace {

/// Maximum or, with `Sum`, sum over pixels: of each `Group` pixels of `Beats` beats, one pixel of results; a beat each cycle.
///
/// `Pixels` counts the groups of a frame. Results leave with the beats of a group's last pixel. With the pixels of a whole map
/// as a group this is global pooling; with rows for pixels it reduces the columns of a map. Sums are exact modulo 2**OutW.
template <class Cfg>
void reduce(unsigned frames, Stream<Cfg::LaneW, Cfg::Lanes>& in, Stream<Cfg::OutW, Cfg::Lanes>& out) {
  static_assert(Cfg::Beats >= 1 && Cfg::Group >= 1, "beats and the pixels of a group must not be zero");
  static_assert(Cfg::OutW >= Cfg::LaneW && Cfg::OutW == (Cfg::Sum ? Cfg::OutW : Cfg::LaneW),
                "a maximum needs as many bits as its lanes, a sum no fewer");
  using Value = Integer<Cfg::OutW, Cfg::Signed>;

  Value before[Cfg::Beats][Cfg::Lanes];  // what the earlier pixels gave
#pragma HLS array_reshape variable=before type=complete dim=2

frames:
  for (unsigned frame = 0; frame < frames; ++frame) {
  groups:
    for (unsigned group = 0; group < Cfg::Pixels; ++group) {
    pixels:
      for (unsigned pixel = 0; pixel < Cfg::Group; ++pixel) {
      beats:
        for (unsigned beat = 0; beat < Cfg::Beats; ++beat) {
#pragma HLS pipeline II=1 style=flp
// A word is read again when the next pixel has come to the same beat.
#pragma HLS dependence variable=before type=inter direction=RAW distance=Cfg::Beats true
          const Beat<Cfg::LaneW, Cfg::Lanes> x = in.read();
          Beat<Cfg::OutW, Cfg::Lanes> y;
        lanes:
          for (unsigned i = 0; i < Cfg::Lanes; ++i) {
#pragma HLS unroll
            const Value own = value<Cfg::Signed>(x.lane[i]);
            const Value total = pixel == 0 ? own : merge<Cfg::Sum>(before[beat][i], own);
            before[beat][i] = total;
            y.lane[i] = total;
          }
          if (pixel == Cfg::Group - 1) out.write(y);
        }
      }
    }
  }
}

}  // namespace headrace
