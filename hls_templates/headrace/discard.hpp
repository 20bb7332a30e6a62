// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"

namespace headrace {

/// Takes and drops `FrameBeats` beats of each frame: an output of a split that nothing reads.
template <unsigned FrameBeats, unsigned Bits, unsigned Lanes>
void discard(unsigned frames, Stream<Bits, Lanes>& in) {
frames:
  for (unsigned frame = 0; frame < frames; ++frame) {
  beats:
    for (unsigned beat = 0; beat < FrameBeats; ++beat) {
#pragma HLS pipeline II=1 style=flp
      (void)in.read();
    }
  }
}

}  // namespace headrace
