// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"

namespace headrace {

/// Gives every beat of a stream to each of `Outputs` streams of the same beats, one beat a cycle. A beat leaves when all
/// outputs have room. Beats are alike, so `Pixels` counts the beats of a frame.
template <class Cfg, class Item, class... Outs>
void fork(unsigned frames, hls::stream<Item>& in, Outs&... outs) {
  static_assert(sizeof...(Outs) == Cfg::Outputs && Cfg::Outputs >= 1, "a fork has as many streams as it says, at least one");
  static_assert((std::is_same_v<Outs, hls::stream<Item>> && ...), "all streams of a fork carry the same beats");

frames:
  for (unsigned frame = 0; frame < frames; ++frame) {
  beats:
    for (unsigned beat = 0; beat < Cfg::Pixels; ++beat) {
#pragma HLS pipeline II=1 style=flp
      const Item x = in.read();
      (outs.write(x), ...);
    }
  }
}

}  // namespace headrace
