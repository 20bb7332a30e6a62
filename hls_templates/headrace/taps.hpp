// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"
#include "headrace/line_buffer.hpp"

namespace headrace {

/// Sizes of `taps`, and the shape of its line buffer.
template <class Cfg>
struct TapsShape {
  static_assert(Cfg::LaneW >= 1 && Cfg::Lanes >= 1 && Cfg::Channels >= 1 && Cfg::InH >= 1 && Cfg::InW >= 1 && Cfg::OutH >= 1 &&
                    Cfg::OutW >= 1 && Cfg::KH >= 1 && Cfg::KW >= 1 && Cfg::StrideH >= 1 && Cfg::StrideW >= 1 &&
                    Cfg::DilH >= 1 && Cfg::DilW >= 1,
                "width, lanes, channels, maps, kernel, strides and dilations must not be zero");
  static constexpr unsigned InH = Cfg::InH, InW = Cfg::InW, OutH = Cfg::OutH, OutW = Cfg::OutW;
  static constexpr unsigned StrideH = Cfg::StrideH, StrideW = Cfg::StrideW, RepeatH = 1, RepeatW = 1;
  static constexpr unsigned Beats = ceil_div(Cfg::Channels, Cfg::Lanes), Skip = 0, Used = InH;
  static constexpr unsigned LastLanes = Cfg::Channels - (Beats - 1) * Cfg::Lanes;  // that carry channels in a pixel's last beat
  static constexpr unsigned WindowBeats = Beats * Cfg::KH * Cfg::KW;
  static constexpr int PadT = Cfg::PadT, PadL = Cfg::PadL;
  static constexpr int Top = -PadT, End = int((Cfg::KH - 1) * Cfg::DilH) - PadT;
  static constexpr int Left = -PadL, EndX = int((Cfg::KW - 1) * Cfg::DilW) - PadL;
  static_assert(PadT <= int((Cfg::KH - 1) * Cfg::DilH), "the first window must end in the map");
  static_assert((OutH - 1) * StrideH < InH + PadT && (OutW - 1) * StrideW < InW + PadL, "the last window must begin in the map");

  // Pixels in the ring, and the rows that they and a frame make up at most.
  static constexpr unsigned Pixels = Cfg::Pixels, Rows = Pixels / InW + InH + 2;
  static constexpr unsigned Span = unsigned(End - Top) * InW + unsigned(EndX - Left) + 1;
  static_assert(Pixels >= (Span < InH * InW ? Span : InH * InW), "the pixels of a window must have room");
  static_assert(Cfg::GroupBeats >= 1 && Cfg::GroupBeats == divisor_up_to(Cfg::GroupBeats, Beats),
                "GroupBeats must divide a pixel's channel beats");

  // Words of the ring from each beat of a window to the next one.
  static constexpr int Words = Pixels * Beats, Member = int(Cfg::GroupBeats) - 1;
  static constexpr int Row = Cfg::DilH * InW * Beats, Col = Cfg::DilW * Beats;
  static constexpr int Back = int(Cfg::KH - 1) * Row + int(Cfg::KW - 1) * Col;
  static constexpr int ToRow = modulo(Row - Member, Words);
  static constexpr int ToCol = modulo(Col - int(Cfg::KH - 1) * Row - Member, Words);
  static constexpr int ToGroup = modulo(1 - Back, Words);
  static constexpr int ToNext = modulo(int(StrideW * Beats) - Back - int(Beats - 1), Words);
  static constexpr int LineBack = int((OutW - 1) * StrideW * Beats) + Back + int(Beats - 1);
  static constexpr int ToLine = modulo(int(StrideH * InW * Beats) - LineBack, Words);
  static constexpr int ToFrame = modulo((int(InH) - int((OutH - 1) * StrideH)) * int(InW * Beats) - LineBack, Words);
  static constexpr int First = modulo(-(PadT * int(InW) + PadL) * int(Beats), Words);
};

/// Line buffer: pixels to kernel windows, tap by tap, from a ring that holds hardly more than one window spans.
///
/// Tap (i, j) of output pixel (y, x) is the input pixel (y * StrideH - PadT + i * DilH, x * StrideW - PadL + j * DilW), outside the
/// map `PadValue`. Beats of a window: groups of `GroupBeats` channel beats; in each, all taps, down the columns; for each of
/// these, the group's channel beats. Which cycles take and give beats is as of `window`; room is counted in pixels.
template <class Cfg>
void taps(unsigned frames, Stream<Cfg::LaneW, Cfg::Lanes>& out, Stream<Cfg::LaneW, Cfg::Lanes>& in) {
  using S = TapsShape<Cfg>;
  using Lane = ap_uint<Cfg::LaneW>;
  constexpr unsigned lanes = Cfg::Lanes;

  Lane ring[S::Words][lanes];
#pragma HLS array_reshape variable=ring type=complete dim=2

  LineBuffer<S> lines(frames);
  // The next beat of the present window, and its place in the ring; where the next input beat goes.
  Counter<Cfg::GroupBeats> member;
  Counter<Cfg::KH> row;
  Counter<Cfg::KW> col;
  Counter<S::Beats / Cfg::GroupBeats> group;
  ap_uint<index_bits(S::Words)> from = S::First;
  Counter<S::Words> to;

beats:
  for (unsigned long long step = 0; step < frames * LineBuffer<S>::kMostSteps; ++step) {
#pragma HLS pipeline II=1 style=flp
// A window is read two cycles after its last pixel was written, or later; see LineBuffer::reads.
#pragma HLS dependence variable=ring type=inter direction=RAW distance=2 true
    if (!lines.busy()) break;
    const bool reads = lines.reads(), writes = lines.writes();
    bool window_done = false;

    if (reads) {
      const int y = lines.out_row() * int(S::StrideH) - S::PadT + row.at() * int(Cfg::DilH);
      const int x = lines.out_col() * int(S::StrideW) - S::PadL + col.at() * int(Cfg::DilW);
      const bool inside = y >= 0 && y < int(S::InH) && x >= 0 && x < int(S::InW);
      const bool ragged = group.last() && member.last();
      Beat<Cfg::LaneW, lanes> beat;
    tap_lanes:
      for (unsigned l = 0; l < lanes; ++l) {
#pragma HLS unroll
        const Lane pad = ragged && l >= S::LastLanes ? Lane(0) : Lane(Cfg::PadValue);
        const Lane held = ring[from][l];
        beat.lane[l] = inside ? held : pad;
      }
      out.write(beat);

      window_done = ragged && row.last() && col.last();
      const bool line_done = window_done && lines.out_col() == int(S::OutW) - 1;
      const bool frame_done = line_done && lines.out_row() == int(S::OutH) - 1;
      const int move = frame_done      ? S::ToFrame
                       : line_done     ? S::ToLine
                       : window_done   ? S::ToNext
                       : !member.last() ? 1 % S::Words
                       : !row.last()   ? S::ToRow
                       : !col.last()   ? S::ToCol
                                       : S::ToGroup;
      const int moved = from.to_int() + move;
      from = moved >= S::Words ? moved - S::Words : moved;
      if (member.step() && row.step() && col.step()) group.step();
    }

    if (writes) {
      const Beat<Cfg::LaneW, Cfg::Lanes> x = in.read();
    write_lanes:
      for (unsigned l = 0; l < lanes; ++l) {
#pragma HLS unroll
        ring[to.at()][l] = x.lane[l];
      }
      to.step();
    }
    lines.step(writes, window_done);
  }
}

}  // namespace headrace
