// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"

namespace headrace {

/// Sizes of a `depthwise`.
template <class Cfg>
struct DepthwiseShape {
  static_assert(Cfg::Lanes >= 1 && Cfg::Taps >= 1 && Cfg::ActW >= 1 && Cfg::WgtW >= 1 && Cfg::AccW >= 1 && Cfg::Beats >= 1 &&
                    Cfg::Steps >= 1 && Cfg::GroupIn >= 1 && Cfg::GroupOut >= 1,
                "lanes, taps, widths, beats, steps and groups must not be zero");
  static constexpr unsigned Words = Cfg::Beats * Cfg::Steps;
  static constexpr unsigned Fields = Cfg::Taps * Cfg::Lanes * Cfg::GroupOut * Cfg::GroupIn;
};

/// Convolution in groups, on windows: in each cycle `Taps` taps of `Lanes` groups of `GroupIn` channels, each of which gives
/// `GroupOut` channels. A depthwise convolution has groups of one channel that give one or several.
///
/// A pixel has `Beats` beats of groups, each of which comes in `Steps` beats of [tap][group][channel] and leaves as one beat
/// of accumulators [group][output], exact modulo 2**AccW.
/// Word beat * Steps + step of `weights` holds [tap][group][output][channel].
template <class Cfg>
void depthwise(unsigned frames, Stream<Cfg::ActW, Cfg::Taps * Cfg::Lanes * Cfg::GroupIn>& in,
               Stream<Cfg::AccW, Cfg::Lanes * Cfg::GroupOut>& out,
               const Constant<Cfg::WgtW, true> (&weights)[DepthwiseShape<Cfg>::Words][DepthwiseShape<Cfg>::Fields]) {
#pragma HLS array_reshape variable=weights type=complete dim=2
  using Act = Integer<Cfg::ActW, Cfg::ActSigned>;
  using Weight = ap_int<Cfg::WgtW>;
  using Acc = ap_int<Cfg::AccW>;

  Acc acc[Cfg::Lanes * Cfg::GroupOut];
#pragma HLS array_partition variable=acc type=complete

frames:
  for (unsigned frame = 0; frame < frames; ++frame) {
  pixels:
    for (unsigned pixel = 0; pixel < Cfg::Pixels; ++pixel) {
    beats:
      for (unsigned beat = 0; beat < Cfg::Beats; ++beat) {
      steps:
        for (unsigned step = 0; step < Cfg::Steps; ++step) {
#pragma HLS pipeline II=1 style=flp
          const Beat<Cfg::ActW, Cfg::Taps * Cfg::Lanes * Cfg::GroupIn> x = in.read();
          Beat<Cfg::AccW, Cfg::Lanes * Cfg::GroupOut> y;
        lanes:
          for (unsigned lane = 0; lane < Cfg::Lanes; ++lane) {
#pragma HLS unroll
          outputs:
            for (unsigned o = 0; o < Cfg::GroupOut; ++o) {
#pragma HLS unroll
              Acc sum = step == 0 ? Acc(0) : acc[lane * Cfg::GroupOut + o];
            taps:
              for (unsigned tap = 0; tap < Cfg::Taps; ++tap) {
#pragma HLS unroll
                const unsigned group = tap * Cfg::Lanes + lane;
              channels:
                for (unsigned c = 0; c < Cfg::GroupIn; ++c) {
#pragma HLS unroll
                  sum += Act(x.lane[group * Cfg::GroupIn + c]) *
                         Weight(weights[beat * Cfg::Steps + step][(group * Cfg::GroupOut + o) * Cfg::GroupIn + c]);
                }
              }
              acc[lane * Cfg::GroupOut + o] = sum;
              y.lane[lane * Cfg::GroupOut + o] = sum;
            }
          }
          if (step == Cfg::Steps - 1) out.write(y);
        }
      }
    }
  }
}

}  // namespace headrace
