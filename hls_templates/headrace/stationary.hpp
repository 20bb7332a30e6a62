// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"

namespace headrace {

/// Sizes of a `stationary`.
template <class Cfg>
struct StationaryShape {
  static_assert(Cfg::LanesIn >= 1 && Cfg::LanesOut >= 1 && Cfg::ActW >= 1 && Cfg::WgtW >= 1 && Cfg::AccW >= 1 &&
                    Cfg::BeatsIn >= 1 && Cfg::BeatsOut >= 1 && Cfg::Held >= 1,
                "lanes, widths, beats and held pixels must not be zero");
  static constexpr unsigned Fields = Cfg::LanesOut * Cfg::LanesIn;
};

/// Matrix times vector with weights that stream in: `Held` vectors of `BeatsIn` beats are held, and each word of weights that
/// comes multiplies all of them in turn.
///
/// A block of vectors is taken first and then leaves as `BeatsOut` times `Held` beats of accumulators, the vectors running
/// faster. `Pixels` counts the blocks of a frame. For each block the weights come anew: word out * BeatsIn + in holds
/// [out lane][in lane].
template <class Cfg>
void stationary(unsigned frames, Stream<Cfg::ActW, Cfg::LanesIn>& in, Stream<Cfg::WgtW, StationaryShape<Cfg>::Fields>& weights,
                Stream<Cfg::AccW, Cfg::LanesOut>& out) {
  using Act = Integer<Cfg::ActW, Cfg::ActSigned>;
  using Weight = ap_int<Cfg::WgtW>;
  using Acc = ap_int<Cfg::AccW>;

  Beat<Cfg::ActW, Cfg::LanesIn> held[Cfg::Held * Cfg::BeatsIn];
#pragma HLS aggregate variable=held
  Beat<Cfg::AccW, Cfg::LanesOut> acc[Cfg::Held];
#pragma HLS aggregate variable=acc

frames:
  for (unsigned frame = 0; frame < frames; ++frame) {
  blocks:
    for (unsigned block = 0; block < Cfg::Pixels; ++block) {
    load:
      for (unsigned beat = 0; beat < Cfg::Held * Cfg::BeatsIn; ++beat) {
#pragma HLS pipeline II=1 style=flp
        held[beat] = in.read();
      }
    rows:
      for (unsigned row = 0; row < Cfg::BeatsOut; ++row) {
      columns:
        for (unsigned column = 0; column < Cfg::BeatsIn; ++column) {
          Beat<Cfg::WgtW, StationaryShape<Cfg>::Fields> word = weights.read();
        vectors:
          for (unsigned vector = 0; vector < Cfg::Held; ++vector) {
#pragma HLS pipeline II=1 style=flp
            const Beat<Cfg::ActW, Cfg::LanesIn> x = held[vector * Cfg::BeatsIn + column];
            Beat<Cfg::AccW, Cfg::LanesOut> y = acc[vector];
          lanes_out:
            for (unsigned o = 0; o < Cfg::LanesOut; ++o) {
#pragma HLS unroll
              Acc sum = column == 0 ? Acc(0) : Acc(y.lane[o]);
            lanes_in:
              for (unsigned i = 0; i < Cfg::LanesIn; ++i) {
#pragma HLS unroll
                sum += Act(x.lane[i]) * Weight(word.lane[o * Cfg::LanesIn + i]);
              }
              y.lane[o] = sum;
            }
            acc[vector] = y;
            if (column == Cfg::BeatsIn - 1) out.write(y);
          }
        }
      }
    }
  }
}

}  // namespace headrace
