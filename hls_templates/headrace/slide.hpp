// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/counter.hpp"

namespace headrace {

/// Sizes of a `slide`.
template <class Cfg>
struct SlideShape {
  static_assert(Cfg::LaneW >= 1 && Cfg::Lanes >= 1 && Cfg::Channels >= 1 && Cfg::InH >= 1 && Cfg::InW >= 1 && Cfg::OutH >= 1 &&
                    Cfg::OutW >= 1 && Cfg::KH >= 1 && Cfg::KW >= 1 && Cfg::StrideH >= 1 && Cfg::StrideW >= 1 &&
                    Cfg::DilH >= 1 && Cfg::DilW >= 1,
                "width, lanes, channels, maps, kernel, strides and dilations must not be zero");
  static constexpr unsigned Beats = ceil_div(Cfg::Channels, Cfg::Lanes), FrameBeats = Cfg::InH * Cfg::InW * Beats;
  static constexpr unsigned LastLanes = Cfg::Channels - (Beats - 1) * Cfg::Lanes;  // that carry channels in a pixel's last beat
  static constexpr unsigned RowDelay = Cfg::DilH * Cfg::InW * Beats, ColDelay = Cfg::DilW * Beats;
  /// A short delay of columns is a shift register: a memory is written behind its read, and takes a few cycles for that.
  static constexpr bool Shifts = ColDelay <= 4;
  static constexpr int PadT = Cfg::PadT, PadL = Cfg::PadL;

  // The anchor of the first window, that is its last tap, and the last window's anchor counted from it.
  static constexpr int FirstRow = int((Cfg::KH - 1) * Cfg::DilH) - PadT, FirstCol = int((Cfg::KW - 1) * Cfg::DilW) - PadL;
  static constexpr int LastRow = (Cfg::OutH - 1) * Cfg::StrideH, LastCol = (Cfg::OutW - 1) * Cfg::StrideW;
  static_assert(FirstRow >= 0 && FirstRow < int(Cfg::InH) && FirstCol >= 0 && FirstCol < int(Cfg::InW),
                "the first window must end in the map");
  static_assert(Cfg::OutH <= ceil_div(Cfg::InH, Cfg::StrideH) && Cfg::OutW <= ceil_div(Cfg::InW, Cfg::StrideW),
                "the last window must begin less than a map behind");
  static_assert(RowDelay >= (Cfg::KH > 1 ? 2u : 1u), "DilH rows must have at least two beats");

  /// Beats from the end of a frame to its last window.
  static constexpr int Late = ((FirstRow + LastRow - int(Cfg::InH)) * int(Cfg::InW) + FirstCol + LastCol + 1) * int(Beats);
  static constexpr unsigned Tail = Late > 0 ? Late : 0;
};

/// Sliding window: pixels to kernel windows, all taps of a channel beat in one beat; neighbouring windows share what was read.
///
/// Tap (i, j) of output pixel (y, x) is the input pixel (y * StrideH - PadT + i * DilH, x * StrideW - PadL + j * DilW). Taps
/// outside the map are `PadValue`; negative paddings crop the map. Taps are numbered down the columns. A pixel's channel beats
/// follow one another.
///
/// In each cycle an input beat passes the delays: KH-1 times DilH rows, and of each of these rows KW-1 times DilW pixels. A
/// window leaves when its last tap comes, its anchor. Padding to the right and below is passed while the first pixels of the
/// next frame come, so a frame takes as many cycles as it has input beats; behind the last frame nothing more is read.
template <class Cfg>
void slide(unsigned frames, Stream<Cfg::LaneW, Cfg::Lanes>& in, Stream<Cfg::LaneW, Cfg::KH * Cfg::KW * Cfg::Lanes>& out) {
  using S = SlideShape<Cfg>;
  using Lane = ap_uint<Cfg::LaneW>;
  constexpr unsigned lanes = Cfg::Lanes, column_lanes = Cfg::KH * lanes, window_lanes = Cfg::KW * column_lanes;
  constexpr unsigned rows_lanes = column_lanes - lanes, cols_lanes = window_lanes - column_lanes;  // of all but the last tap
  constexpr unsigned some = lanes;  // arrays that a kernel of one row or column does not use must not be empty

  // What the upper rows of the column, and the left columns of the window will be when the counters have come round; the
  // latter in `shifted` where their delay is short.
  Lane rows[S::RowDelay][rows_lanes > 0 ? rows_lanes : some];
  Lane cols[S::ColDelay][cols_lanes > 0 ? cols_lanes : some];
  Lane shifted[S::Shifts ? S::ColDelay : 1][cols_lanes > 0 ? cols_lanes : some];
#pragma HLS array_reshape variable=rows type=complete dim=2
#pragma HLS array_reshape variable=cols type=complete dim=2
#pragma HLS array_partition variable=shifted type=complete dim=0
  Counter<S::RowDelay> row_at;
  Counter<S::ColDelay> col_at;

  // The next beat that comes.
  unsigned frames_in = frames;
  Counter<S::Beats> in_beat;
  Counter<Cfg::InW> in_x;
  Counter<Cfg::InH> in_y;
  // The walk over a frame's anchors, from the first one on in raster order, and what a stride skips.
  bool walks = false;
  Counter<S::Beats> beat;
  Counter<Cfg::InW> x;
  Counter<S::LastRow + 1> y;
  Counter<Cfg::StrideW> skip_x;
  Counter<Cfg::StrideH> skip_y;

steps:
  for (unsigned long long step = 0; step < 1ull * frames * S::FrameBeats + S::Tail; ++step) {
#pragma HLS pipeline II=1 style=flp
// Words of the delays are used again when their counters have come round.
#pragma HLS dependence variable=rows type=inter direction=RAW distance=S::RowDelay true
#pragma HLS dependence variable=cols type=inter direction=RAW distance=S::ColDelay true
    Beat<Cfg::LaneW, lanes> newest{};
    bool starts = false;
    if (frames_in != 0) {
      newest = in.read();
      starts = in_y.at() == S::FirstRow && in_x.at() == S::FirstCol && in_beat.at() == 0;
      if (in_beat.step() && in_x.step() && in_y.step()) --frames_in;
    }

    Lane column[column_lanes], taps[window_lanes];
#pragma HLS array_partition variable=column type=complete
#pragma HLS array_partition variable=taps type=complete
  column:
    for (unsigned n = 0; n < column_lanes; ++n) {
#pragma HLS unroll
      column[n] = n < rows_lanes ? rows[row_at.at()][n] : newest.lane[n - rows_lanes];
    }
  delay_rows:
    for (unsigned n = 0; n < rows_lanes; ++n) {
#pragma HLS unroll
      rows[row_at.at()][n] = column[n + lanes];
    }
  taps:
    for (unsigned n = 0; n < window_lanes; ++n) {
#pragma HLS unroll
      if (n >= cols_lanes) {
        taps[n] = column[n - cols_lanes];
      } else {
        taps[n] = S::Shifts ? shifted[0][n] : cols[col_at.at()][n];
      }
    }
  delay_columns:
    for (unsigned n = 0; n < cols_lanes; ++n) {
#pragma HLS unroll
      if constexpr (S::Shifts) {
      shift:
        for (unsigned k = 1; k < S::ColDelay; ++k) {
#pragma HLS unroll
          shifted[k - 1][n] = shifted[k][n];
        }
        shifted[S::ColDelay - 1][n] = taps[n + column_lanes];
      } else {
        cols[col_at.at()][n] = taps[n + column_lanes];
      }
    }
    row_at.step();
    col_at.step();

    if (walks || starts) {
      if (skip_x.at() == 0 && skip_y.at() == 0 && x.at() <= S::LastCol) {
        Beat<Cfg::LaneW, window_lanes> window;
      window:
        for (unsigned n = 0; n < window_lanes; ++n) {
#pragma HLS unroll
          const unsigned l = n % lanes, i = n / lanes % Cfg::KH, j = n / column_lanes;
          const int tap_y = y.at() + int(i * Cfg::DilH) - S::PadT, tap_x = x.at() + int(j * Cfg::DilW) - S::PadL;
          const bool inside = tap_y >= 0 && tap_y < int(Cfg::InH) && tap_x >= 0 && tap_x < int(Cfg::InW);
          const Lane pad = beat.last() && l >= S::LastLanes ? Lane(0) : Lane(Cfg::PadValue);
          window.lane[n] = inside ? taps[n] : pad;
        }
        out.write(window);
      }
      walks = !(beat.last() && y.last() && x.at() == S::LastCol);
      if (!walks) {
        beat = {};
        x = {};
        y = {};
        skip_x = {};
        skip_y = {};
      } else if (beat.step()) {
        skip_x.step();
        if (x.step()) {
          skip_x = {};
          y.step();
          skip_y.step();
        }
      }
    }
  }
}

}  // namespace headrace
