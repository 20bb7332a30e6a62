// SPDX-License-Identifier: Apache-2.0
// Written by headrace; changes here are lost at the next compile.
#pragma once

#include "headrace/window.hpp"

namespace kernels {

struct conv_2_window_cfg {
  static constexpr unsigned LaneW = 8;
  static constexpr unsigned Lanes = 3;
  static constexpr unsigned Channels = 3;
  static constexpr unsigned InH = 12;
  static constexpr unsigned InW = 16;
  static constexpr unsigned OutH = 6;
  static constexpr unsigned OutW = 8;
  static constexpr unsigned KH = 3;
  static constexpr unsigned KW = 3;
  static constexpr unsigned StrideH = 2;
  static constexpr unsigned StrideW = 2;
  static constexpr unsigned DilH = 1;
  static constexpr unsigned DilW = 1;
  static constexpr unsigned PadT = 1;
  static constexpr unsigned PadL = 1;
  static constexpr unsigned RepeatH = 1;
  static constexpr unsigned RepeatW = 1;
  static constexpr unsigned Taps = 1;
  static constexpr unsigned GroupBeats = 1;
  static constexpr unsigned Rows = 5;
  static constexpr unsigned PadValue = 0;
  static constexpr unsigned Deform = 0;
  static constexpr unsigned DilationW = 1;
  static constexpr unsigned DilationSigned = 0;
  static constexpr unsigned DilationLo = 0;
  static constexpr unsigned DilationHi = 0;
};

/// Layer conv_2 (conv, part 1 of 2): 12 x 16 x 3 to 6 x 8 x 4.
inline void conv_2_window(unsigned frames, headrace::Stream<8, 3>& out, headrace::Stream<8, 3>& in) {
#pragma HLS inline off
  headrace::window<conv_2_window_cfg>(frames, out, in);
}

}  // namespace kernels
