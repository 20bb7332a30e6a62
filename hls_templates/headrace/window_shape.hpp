// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"
#include "headrace/line_buffer.hpp"

namespace headrace {

/// Sizes of a `window`, and the shape of its line buffer.
template <class Cfg>
struct WindowShape {
  static constexpr unsigned InH = Cfg::InH, InW = Cfg::InW, OutH = Cfg::OutH, OutW = Cfg::OutW;
  static constexpr unsigned StrideH = Cfg::StrideH, StrideW = Cfg::StrideW, Rows = Cfg::Rows;
  static constexpr unsigned Beats = ceil_div(Cfg::Channels, Cfg::Lanes);
  static constexpr unsigned LastLanes = Cfg::Channels - (Beats - 1) * Cfg::Lanes;  // that carry channels in a pixel's last beat

  // Tap (0, 0) of output pixel (0, 0) lies PadT above and PadL beside the kept map; the rows of a crop are not kept.
  static constexpr int PadT = Cfg::Deform || int(Cfg::PadT) < 0 ? 0 : int(Cfg::PadT);
  static constexpr int PadL = Cfg::Deform ? 0 : int(Cfg::PadL);
  static constexpr unsigned Skip = Cfg::Deform || int(Cfg::PadT) >= 0 ? 0 : -int(Cfg::PadT);
  static_assert(Skip < InH && -PadL < int(InW), "negative pads must leave a part of the map");
  static constexpr int MapH = InH - Skip;

  // Of a deformable window, the largest magnitude of a dilation.
  static constexpr int Lo = Cfg::DilationLo, Hi = Cfg::DilationHi;
  static constexpr int Far = (Hi < 0 ? -Hi : Hi) > (Lo < 0 ? -Lo : Lo) ? (Hi < 0 ? -Hi : Hi) : (Lo < 0 ? -Lo : Lo);
  static constexpr int MidH = Cfg::Deform ? (Cfg::KH - 1) / 2 : 0, MidW = Cfg::Deform ? (Cfg::KW - 1) / 2 : 0;
  static constexpr int Top = -(PadT + Far * MidH);
  static constexpr int End = Cfg::Deform ? Far * MidH : int((Cfg::KH - 1) * Cfg::DilH) - PadT;
  static constexpr int EndX = Cfg::Deform ? Far * MidW : int((Cfg::KW - 1) * Cfg::DilW) - PadL;
  static constexpr unsigned Used = clamped(int((OutH - 1) * StrideH) + End + 1, 1, MapH);

  // Taps of a beat: a part of a column, or the whole kernel.
  static_assert(Cfg::Taps >= 1 && (Cfg::Taps <= Cfg::KH || Cfg::Taps == Cfg::KH * Cfg::KW),
                "Taps must be 1 to KH, or KH * KW");
  static constexpr unsigned RowTaps = Cfg::Taps < Cfg::KH ? Cfg::Taps : Cfg::KH;
  static constexpr unsigned ColTaps = Cfg::Taps > Cfg::KH ? Cfg::KW : 1;
  static constexpr unsigned RowSteps = ceil_div(Cfg::KH, RowTaps), ColSteps = Cfg::KW / ColTaps;
  static constexpr unsigned WindowBeats = Beats * RowSteps * ColSteps;
  static_assert(Cfg::GroupBeats >= 1 && Beats % Cfg::GroupBeats == 0, "GroupBeats must divide a pixel's channel beats");

  // Row slot n lies in bank n % Banks, behind n / Banks others. A bank for each slot serves any taps; neighbouring rows need
  // no more banks than taps.
  static constexpr bool Folded = RowTaps < Cfg::KH && Cfg::DilH == 1 && !Cfg::Deform && Rows % RowTaps == 0;
  static constexpr unsigned Banks = RowTaps == 1 ? 1 : Folded ? RowTaps : Rows;
  static constexpr unsigned RowWords = InW * Beats, BankWords = Rows / Banks * RowWords;

  /// The slots before `slot` in its bank: n / Banks, by comparisons.
  static int before(int slot) {
#pragma HLS inline
    int found = Banks == 1 ? slot : 0;
    if constexpr (Banks > 1) {
    slots:
      for (unsigned n = 1; n < Rows / Banks; ++n) {
#pragma HLS unroll
        if (slot >= int(n * Banks)) found = n;
      }
    }
    return found;
  }

  static_assert(!Cfg::Deform || (Cfg::KH % 2 == 1 && Cfg::KW % 2 == 1 && StrideH == 1 && StrideW == 1 && OutH == InH &&
                                 OutW == InW && Lo <= Hi && Cfg::DilationW <= 31),
                "a deformable window needs an odd kernel, stride 1, an output as large as the map, and a range");
};

}  // namespace headrace
