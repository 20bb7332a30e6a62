// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"
#include "headrace/line_buffer.hpp"

namespace headrace {

/// Sizes of a `window`, and the shape of its line buffer.
template <class Cfg>
struct WindowShape {
  static_assert(Cfg::LaneW >= 1 && Cfg::Lanes >= 1 && Cfg::Channels >= 1 && Cfg::InH >= 1 && Cfg::InW >= 1 && Cfg::OutH >= 1 &&
                    Cfg::OutW >= 1 && Cfg::KH >= 1 && Cfg::KW >= 1 && Cfg::StrideH >= 1 && Cfg::StrideW >= 1 &&
                    Cfg::DilH >= 1 && Cfg::DilW >= 1,
                "width, lanes, channels, maps, kernel, strides and dilations must not be zero");
  static constexpr unsigned InH = Cfg::InH, InW = Cfg::InW, OutH = Cfg::OutH, OutW = Cfg::OutW;
  static constexpr unsigned StrideH = Cfg::StrideH, StrideW = Cfg::StrideW, Rows = Cfg::Rows, Pixels = 0;
  static constexpr unsigned RepeatH = Cfg::RepeatH, RepeatW = Cfg::RepeatW;
  static_assert(RepeatH == 1u << shift_of(RepeatH), "RepeatH must be a power of two");
  static_assert(RepeatW == 1u << shift_of(RepeatW), "RepeatW must be a power of two");
  static constexpr bool Uncropped = RepeatH * RepeatW > 1 && !Cfg::Deform;  // there is no map to crop
  static_assert(int(Cfg::PadT) >= (Uncropped ? 0 : int(Cfg::PadT)), "a map that is upsampled must not be cropped");
  static_assert(int(Cfg::PadL) >= (Uncropped ? 0 : int(Cfg::PadL)), "a map that is upsampled must not be cropped");
  static constexpr unsigned Beats = ceil_div(Cfg::Channels, Cfg::Lanes);
  static constexpr unsigned LastLanes = Cfg::Channels - (Beats - 1) * Cfg::Lanes;  // that carry channels in a pixel's last beat

  // Tap (0, 0) of output pixel (0, 0) lies PadT above and PadL beside the kept map; the rows of a crop are not kept.
  static constexpr int PadT = Cfg::Deform || int(Cfg::PadT) < 0 ? 0 : int(Cfg::PadT);
  static constexpr int PadL = Cfg::Deform ? 0 : int(Cfg::PadL);
  static constexpr unsigned Skip = Cfg::Deform || int(Cfg::PadT) >= 0 ? 0 : -int(Cfg::PadT);
  // Compared as pads are given, with their sign, which is what a compiler shows.
  static_assert(-int(Skip) > -int(InH) && PadL > -int(InW), "negative pads must leave a part of the map");
  static constexpr int MapH = (InH - Skip) * RepeatH, MapW = InW * RepeatW;

  // Of a deformable window, the largest magnitude of a dilation.
  static constexpr int Lo = Cfg::DilationLo, Hi = Cfg::DilationHi;
  static constexpr int Far = (Hi < 0 ? -Hi : Hi) > (Lo < 0 ? -Lo : Lo) ? (Hi < 0 ? -Hi : Hi) : (Lo < 0 ? -Lo : Lo);
  static constexpr int MidH = Cfg::Deform ? (Cfg::KH - 1) / 2 : 0, MidW = Cfg::Deform ? (Cfg::KW - 1) / 2 : 0;
  static constexpr int Top = -(PadT + Far * MidH);
  static constexpr int End = Cfg::Deform ? Far * MidH : int((Cfg::KH - 1) * Cfg::DilH) - PadT;
  static constexpr int EndX = Cfg::Deform ? Far * MidW : int((Cfg::KW - 1) * Cfg::DilW) - PadL;
  static constexpr unsigned Used = (clamped(int((OutH - 1) * StrideH) + End + 1, 1, MapH) + RepeatH - 1) / RepeatH;

  // Taps of a beat: a part of a column, or the whole kernel.
  static_assert(Cfg::Taps >= 1 && Cfg::Taps == (Cfg::Taps > Cfg::KH ? Cfg::KH * Cfg::KW : Cfg::Taps),
                "Taps must be 1 to KH, or KH * KW");
  static constexpr unsigned RowTaps = Cfg::Taps < Cfg::KH ? Cfg::Taps : Cfg::KH;
  static constexpr unsigned ColTaps = Cfg::Taps > Cfg::KH ? Cfg::KW : 1;
  static constexpr unsigned RowSteps = ceil_div(Cfg::KH, RowTaps), ColSteps = Cfg::KW / ColTaps;
  static constexpr unsigned WindowBeats = Beats * RowSteps * ColSteps;
  static_assert(Cfg::GroupBeats >= 1 && Cfg::GroupBeats == divisor_up_to(Cfg::GroupBeats, Beats),
                "GroupBeats must divide a pixel's channel beats");

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
};

}  // namespace headrace
