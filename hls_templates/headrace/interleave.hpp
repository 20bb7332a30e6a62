// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"

namespace headrace {

/// Joins `Ins` streams beat by beat and interleaves their lanes: lane `n * Ins + k` of the output is lane `n` of input `k`.
/// This is a channel shuffle of the inputs' concatenation.
///
/// Each cycle takes a beat of every input. Inputs of ragged pixels must be ragged alike. Beats are alike, so `Pixels` counts
/// the beats of a frame.
template <class Cfg, class... Streams>
void interleave(unsigned frames, Stream<Cfg::LaneW, Cfg::Ins * Cfg::Lanes>& out, Streams&... ins) {
  static_assert(sizeof...(Streams) == Cfg::Ins, "an interleaver has as many streams as it says");

frames:
  for (unsigned frame = 0; frame < frames; ++frame) {
  beats:
    for (unsigned beat = 0; beat < Cfg::Pixels; ++beat) {
#pragma HLS pipeline II=1 style=flp
      Beat<Cfg::LaneW, Cfg::Lanes> x[Cfg::Ins] = {ins.read()...};
#pragma HLS array_partition variable=x type=complete
      Beat<Cfg::LaneW, Cfg::Ins * Cfg::Lanes> y;
    lanes:
      for (unsigned n = 0; n < Cfg::Lanes; ++n) {
#pragma HLS unroll
      inputs:
        for (unsigned k = 0; k < Cfg::Ins; ++k) {
#pragma HLS unroll
          y.lane[n * Cfg::Ins + k] = x[k].lane[n];
        }
      }
      out.write(y);
    }
  }
}

}  // namespace headrace
