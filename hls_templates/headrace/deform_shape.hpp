// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"
#include "headrace/line_buffer.hpp"

namespace headrace {

/// Sizes of a `deform`, and the shape of its line buffer.
template <class Cfg>
struct DeformShape {
  static_assert(Cfg::LaneW >= 1 && Cfg::Lanes >= 1 && Cfg::Channels >= 1 && Cfg::DataW >= 1 && Cfg::InH >= 1 && Cfg::InW >= 1 &&
                    Cfg::OutH >= 1 && Cfg::OutW >= 1 && Cfg::KH >= 1 && Cfg::KW >= 1 && Cfg::StrideH >= 1 &&
                    Cfg::StrideW >= 1 && Cfg::DilH >= 1 && Cfg::DilW >= 1,
                "widths, lanes, channels, maps, kernel, strides and dilations must not be zero");
  static constexpr unsigned InH = Cfg::InH, InW = Cfg::InW, OutH = Cfg::OutH, OutW = Cfg::OutW;
  static constexpr unsigned StrideH = Cfg::StrideH, StrideW = Cfg::StrideW, Rows = Cfg::Rows, Skip = 0, RepeatH = 1, RepeatW = 1, Pixels = 0;
  static constexpr int PadT = Cfg::PadT, PadL = Cfg::PadL, Lo = Cfg::OffsetLo, Hi = Cfg::OffsetHi;
  static constexpr unsigned Beats = ceil_div(Cfg::Channels, Cfg::Lanes), Fraction = Cfg::FractionBits;
  static constexpr unsigned WindowBeats = Beats * Cfg::KH * Cfg::KW;
  static_assert(Lo <= Hi && Cfg::OffsetW >= 1 && Cfg::OffsetW <= 31 && Fraction <= 15,
                "offsets need a range, 1 to 31 bits, and a fraction of at most 15");
  static_assert(Cfg::GroupBeats >= 1 && Cfg::GroupBeats == divisor_up_to(Cfg::GroupBeats, Beats),
                "GroupBeats must divide a pixel's channel beats");

  // What a tap can reach, counted from where tap (0, 0) lies without an offset.
  static constexpr int MidH = (Cfg::KH - 1) / 2, MidW = (Cfg::KW - 1) / 2, Ceil = (1 << Fraction) - 1;
  static constexpr int Far = (Hi < 0 ? -Hi : Hi) > (Lo < 0 ? -Lo : Lo) ? (Hi < 0 ? -Hi : Hi) : (Lo < 0 ? -Lo : Lo);
  static constexpr int FarH = (Far * MidH + Ceil) >> Fraction, FarW = (Far * MidW + Ceil) >> Fraction;
  static constexpr int Up = Lo >> Fraction, Down = (Hi + Ceil) >> Fraction;
  static constexpr int Reach = Cfg::Square ? MidH - FarH : Up;
  static constexpr int Top = (Reach < PadT ? Reach : PadT) - PadT;
  static constexpr int EndY = (Cfg::Square ? MidH + FarH : int((Cfg::KH - 1) * Cfg::DilH) + Down) - PadT;
  static constexpr int End = EndY < Top ? Top : EndY;
  static constexpr int EndX = (Cfg::Square ? MidW + FarW : int((Cfg::KW - 1) * Cfg::DilW) + Down) - PadL;
  static constexpr unsigned Used = clamped(int((OutH - 1) * StrideH) + EndY + 1, 1, InH);

  // With a fraction, four banks by the parity of row slot and column: any four neighbours are read at once.
  static constexpr unsigned Split = Fraction > 0 ? 2 : 1;
  static_assert(Rows == ceil_div(Rows, Split) * Split, "with a fraction, Rows must be even");
  static constexpr unsigned RowWords = ceil_div(InW, Split) * Beats, BankWords = Rows / Split * RowWords;
};

/// A place along one axis: without a fraction itself, with one its even and its odd neighbour.
template <class S>
struct Neighbours {
  bool inside[S::Split];
  int base[S::Split];  // words before them in their banks
  ap_int<S::Fraction + 2> odd_weight;
};

/// Neighbours in a ring of `Count` slots, of `Words` words of a bank each.
///
/// `slot` is that of the second neighbour, or without a fraction that of the place. A neighbour without weight is not inside.
template <class S, unsigned Count, unsigned Words>
Neighbours<S> neighbours(int slot, bool first_in, bool second_in, ap_uint<S::Fraction + 1> fraction) {
#pragma HLS inline
  Neighbours<S> found;
  if constexpr (S::Split == 1) {
    found.inside[0] = first_in;
    found.base[0] = first_in ? slot * int(Words) : 0;
    found.odd_weight = 0;
  } else {
    const bool second_odd = (slot & 1) != 0;
    const int before = slot == 0 ? int(Count) - 1 : slot - 1;
  parities:
    for (unsigned p = 0; p < 2; ++p) {
#pragma HLS unroll
      const bool second = second_odd == (p == 1);
      found.inside[p] = second ? second_in && fraction != ap_uint<1>(0) : first_in;
      found.base[p] = found.inside[p] ? ((second ? slot : before) >> 1) * int(Words) : 0;
    }
    const ap_int<S::Fraction + 2> weight = fraction, one = 1 << S::Fraction;
    found.odd_weight = second_odd ? weight : ap_int<S::Fraction + 2>(one - weight);
  }
  return found;
}

/// What lies between the even and the odd of two values, times 2**Fraction.
template <unsigned Fraction, int Bits>
ap_int<Bits + Fraction> between(const ap_int<Bits>& even, const ap_int<Bits>& odd, const ap_int<Fraction + 2>& odd_weight) {
#pragma HLS inline
  const ap_int<Bits + 1> slope = odd - even;
  return (ap_int<Bits + Fraction>(even) << Fraction) + slope * odd_weight;
}

}  // namespace headrace
