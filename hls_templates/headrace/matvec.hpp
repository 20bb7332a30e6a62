// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"

namespace headrace {

/// Sizes of a `matvec`.
template <class Cfg>
struct MatvecShape {
  static_assert(Cfg::LanesIn >= 1 && Cfg::LanesOut >= 1 && Cfg::ActW >= 1 && Cfg::WgtW >= 1 && Cfg::AccW >= 1 &&
                    Cfg::BeatsIn >= 1 && Cfg::BeatsOut >= 1 && Cfg::Groups >= 1,
                "lanes, widths, beats and groups must not be zero");
  static constexpr unsigned Words = Cfg::Groups * Cfg::BeatsOut * Cfg::BeatsIn, Fields = Cfg::LanesOut * Cfg::LanesIn;
};

/// Matrix times vector: in each cycle `LanesIn` columns of `LanesOut` rows.
///
/// A vector comes in `BeatsIn` beats for each of `Groups` groups, in which the rows of that group use it; it leaves as
/// `Groups * BeatsOut` beats of accumulators. The vector is held while the rows after the first ones pass over it.
/// Word (group * BeatsOut + out) * BeatsIn + in of `weights` holds [out lane][in lane].
template <class Cfg>
void matvec(unsigned frames, Stream<Cfg::ActW, Cfg::LanesIn>& in, Stream<Cfg::AccW, Cfg::LanesOut>& out,
            const Constant<Cfg::WgtW, true> (&weights)[MatvecShape<Cfg>::Words][MatvecShape<Cfg>::Fields]) {
#pragma HLS array_reshape variable=weights type=complete dim=2
  using Act = Integer<Cfg::ActW, Cfg::ActSigned>;
  using Weight = ap_int<Cfg::WgtW>;
  using Acc = ap_int<Cfg::AccW>;

  ap_uint<Cfg::ActW> held[Cfg::BeatsIn][Cfg::LanesIn];  // a word for each beat
#pragma HLS array_reshape variable=held type=complete dim=2
  Acc acc[Cfg::LanesOut];
#pragma HLS array_partition variable=acc type=complete

frames:
  for (unsigned frame = 0; frame < frames; ++frame) {
  pixels:
    for (unsigned pixel = 0; pixel < Cfg::Pixels; ++pixel) {
    groups:
      for (unsigned group = 0; group < Cfg::Groups; ++group) {
      rows:
        for (unsigned row = 0; row < Cfg::BeatsOut; ++row) {
        columns:
          for (unsigned column = 0; column < Cfg::BeatsIn; ++column) {
#pragma HLS pipeline II=1 style=flp
// A beat is used again when the columns have come round.
#pragma HLS dependence variable=held type=inter direction=RAW distance=Cfg::BeatsIn true
            Beat<Cfg::ActW, Cfg::LanesIn> x;
            if (row == 0) x = in.read();
          hold:
            for (unsigned i = 0; i < Cfg::LanesIn; ++i) {
#pragma HLS unroll
              if (row == 0) {
                held[column][i] = x.lane[i];
              } else {
                x.lane[i] = held[column][i];
              }
            }
            const unsigned word = (group * Cfg::BeatsOut + row) * Cfg::BeatsIn + column;
            Beat<Cfg::AccW, Cfg::LanesOut> y;
          lanes_out:
            for (unsigned o = 0; o < Cfg::LanesOut; ++o) {
#pragma HLS unroll
              Acc sum = column == 0 ? Acc(0) : acc[o];
            lanes_in:
              for (unsigned i = 0; i < Cfg::LanesIn; ++i) {
#pragma HLS unroll
                sum += Act(x.lane[i]) * Weight(weights[word][o * Cfg::LanesIn + i]);
              }
              acc[o] = sum;
              y.lane[o] = sum;
            }
            if (column == Cfg::BeatsIn - 1) out.write(y);
          }
        }
      }
    }
  }
}

}  // namespace headrace
