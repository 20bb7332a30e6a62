// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"

namespace headrace {

/// `scaled / 2**Shift`, rounded to the nearest integer, ties to even or, with `Odd`, to odd.
template <unsigned Shift, bool Odd, int Bits>
ap_int<Bits + 1> round_half(const ap_int<Bits>& scaled) {
#pragma HLS inline
  if constexpr (Shift == 0) {
    return scaled;
  } else {
    const ap_int<Bits> floor = scaled >> Shift;
    const ap_uint<Shift> rest = ap_uint<Shift>(scaled);
    const ap_uint<Shift> half = ap_uint<Shift>(1) << (Shift - 1);
    const bool odd = (floor & 1) != 0;
    const bool up = rest > half || (rest == half && odd != Odd);
    return floor + ap_int<2>(up ? 1 : 0);
  }
}

/// Sizes of a `requant`.
template <class Cfg>
struct RequantShape {
  static_assert(Cfg::Lanes >= 1 && Cfg::AccW >= 1 && Cfg::MulW >= 1 && Cfg::AddW >= 1 && Cfg::Beats >= 1 && Cfg::Hold >= 1,
                "lanes, widths, beats and pixels that come together must not be zero");
  static_assert(Cfg::OutW >= 1 && Cfg::OutW <= 32, "results have 1 to 32 bits");
  static constexpr int64_t Lo = Cfg::Lo, Hi = Cfg::Hi;
  static_assert(Lo <= Hi && Lo >= least(Cfg::OutW, Lo < 0) && Hi <= most(Cfg::OutW, Lo < 0),
                "Lo to Hi must be a range of numbers of OutW bits");
  static constexpr unsigned Words = Cfg::Beats;
};

/// Accumulators to activations: `clip(round((acc * mul + add) / 2**Shift), Lo, Hi)`, a beat each cycle.
///
/// Word n of `mul` and `add` holds the factors of the pixel's beat n, lane by lane, zero beyond the last channel. Pixels come
/// `Hold` together: the first beats of all of them, then the second ones, and so on.
template <class Cfg>
void requant(unsigned frames, Stream<Cfg::AccW, Cfg::Lanes>& in, Stream<Cfg::OutW, Cfg::Lanes>& out,
             const Constant<Cfg::MulW, true> (&mul)[RequantShape<Cfg>::Words][Cfg::Lanes],
             const Constant<Cfg::AddW, true> (&add)[RequantShape<Cfg>::Words][Cfg::Lanes]) {
#pragma HLS array_reshape variable=mul type=complete dim=2
#pragma HLS array_reshape variable=add type=complete dim=2
  constexpr unsigned product_bits = Cfg::AccW + Cfg::MulW;
  constexpr unsigned scaled_bits = (product_bits > Cfg::AddW ? product_bits : Cfg::AddW) + 1;
  using Wide = ap_int<(scaled_bits > Cfg::OutW ? scaled_bits : Cfg::OutW) + 1>;
  const Wide lo = Cfg::Lo, hi = Cfg::Hi;

frames:
  for (unsigned frame = 0; frame < frames; ++frame) {
  blocks:
    for (unsigned block = 0; block < Cfg::Pixels; ++block) {
    beats:
      for (unsigned held = 0; held < Cfg::Beats * Cfg::Hold; ++held) {
#pragma HLS pipeline II=1 style=flp
        const unsigned beat = held / Cfg::Hold;
        const Beat<Cfg::AccW, Cfg::Lanes> x = in.read();
        Beat<Cfg::OutW, Cfg::Lanes> y;
      lanes:
        for (unsigned i = 0; i < Cfg::Lanes; ++i) {
#pragma HLS unroll
          const ap_int<scaled_bits> scaled =
              ap_int<Cfg::AccW>(x.lane[i]) * ap_int<Cfg::MulW>(mul[beat][i]) + ap_int<Cfg::AddW>(add[beat][i]);
          const Wide rounded = round_half<Cfg::Shift, Cfg::Odd>(scaled);
          y.lane[i] = rounded < lo ? lo : rounded > hi ? hi : rounded;
        }
        out.write(y);
      }
    }
  }
}

}  // namespace headrace
