// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"

namespace headrace {

/// Sizes of a `lookup`.
template <class Cfg>
struct LookupShape {
  static_assert(Cfg::Lanes >= 1 && Cfg::InW >= 1 && Cfg::OutW >= 1 && Cfg::Beats >= 1,
                "lanes, widths and beats must not be zero");
  static_assert(Cfg::InW <= 16, "tables have at most 65536 words for each beat");
  static constexpr unsigned Words = (Cfg::Shared ? 1 : Cfg::Beats) << Cfg::InW, Fields = Cfg::Shared ? 1 : Cfg::Lanes;
};

/// A table for each channel, or with `Shared` one for all: `y = table[x]`, a beat each cycle.
///
/// Tables are addressed by the bits of the input, whatever they mean. Word beat * 2**InW + x of `table` holds what x becomes
/// in the pixel's beat `beat`, lane by lane; with `Shared`, word x has one field.
template <class Cfg>
void lookup(unsigned frames, Stream<Cfg::InW, Cfg::Lanes>& in, Stream<Cfg::OutW, Cfg::Lanes>& out,
            const Constant<Cfg::OutW, false> (&table)[LookupShape<Cfg>::Words][LookupShape<Cfg>::Fields]) {
// Each lane reads a word of its own: from its own memory, or from its own copy of the one they share.
#pragma HLS array_partition variable=table type=complete dim=2
#pragma HLS bind_storage variable=table type=rom_np

frames:
  for (unsigned frame = 0; frame < frames; ++frame) {
  pixels:
    for (unsigned pixel = 0; pixel < Cfg::Pixels; ++pixel) {
    beats:
      for (unsigned beat = 0; beat < Cfg::Beats; ++beat) {
#pragma HLS pipeline II=1 style=flp
        const Beat<Cfg::InW, Cfg::Lanes> x = in.read();
        Beat<Cfg::OutW, Cfg::Lanes> y;
      lanes:
        for (unsigned i = 0; i < Cfg::Lanes; ++i) {
#pragma HLS unroll
          const unsigned word = (Cfg::Shared ? 0 : beat << Cfg::InW) + x.lane[i].to_uint();
          y.lane[i] = table[word][Cfg::Shared ? 0 : i];
        }
        out.write(y);
      }
    }
  }
}

}  // namespace headrace
