// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"

namespace headrace {

/// Gives every lane another width, a beat each cycle: extended by its signedness, or cut to its low bits where the values are
/// known to fit. Beats are alike, so `Pixels` counts the beats of a frame.
template <class Cfg>
void cast(unsigned frames, Stream<Cfg::InW, Cfg::Lanes>& in, Stream<Cfg::OutW, Cfg::Lanes>& out) {
frames:
  for (unsigned frame = 0; frame < frames; ++frame) {
  beats:
    for (unsigned beat = 0; beat < Cfg::Pixels; ++beat) {
#pragma HLS pipeline II=1 style=flp
      const Beat<Cfg::InW, Cfg::Lanes> x = in.read();
      Beat<Cfg::OutW, Cfg::Lanes> y;
    lanes:
      for (unsigned i = 0; i < Cfg::Lanes; ++i) {
#pragma HLS unroll
        y.lane[i] = value<Cfg::Signed>(x.lane[i]);
      }
      out.write(y);
    }
  }
}

}  // namespace headrace
