// SPDX-License-Identifier: Apache-2.0
#pragma once

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

/// Line buffer: pixels to kernel windows, static (stride, dilation, padding) or deformable (a dilation for each output pixel).
///
/// Tap (i, j) of output pixel (y, x) is the input pixel (y * StrideH - PadT + i * DilH, x * StrideW - PadL + j * DilW), or with
/// `Deform` (y + s * (i - (KH-1)/2), x + s * (j - (KW-1)/2)), s being the pixel's beat of `dilations`, clamped to DilationLo to
/// DilationHi. Taps outside the map are `PadValue`; negative paddings crop the map. Taps are numbered down the columns. An
/// output beat carries `Taps` of a column, tap by tap, or the whole kernel; where Taps does not divide KH, the last beat of a
/// column ends with taps outside the map. Beats of a window: groups of `GroupBeats` channel beats; in each, all tap beats; for
/// each of these, the group's channel beats.
///
/// A cycle takes the next input beat while there is room in the ring of `Rows` row slots, and gives the next output beat once
/// its window can have arrived; a frame takes as many cycles as it has beats on the busier side. At most one word of each bank
/// is written in a cycle, and one is read; the taps are selected from these. The columns of a whole kernel have a copy each.
template <class Cfg, class... Dilations>
void window(unsigned frames, Stream<Cfg::LaneW, Cfg::Taps * Cfg::Lanes>& out, Stream<Cfg::LaneW, Cfg::Lanes>& in,
            Dilations&... dilations) {
  using S = WindowShape<Cfg>;
  using Lane = ap_uint<Cfg::LaneW>;
  static_assert(sizeof...(Dilations) == (Cfg::Deform ? 1 : 0), "a deformable window has a stream of dilations");
  constexpr unsigned lanes = Cfg::Lanes;

  Lane rows[S::ColTaps][S::Banks][S::BankWords][lanes];
#pragma HLS array_partition variable=rows type=complete dim=1
#pragma HLS array_partition variable=rows type=complete dim=2
#pragma HLS array_reshape variable=rows type=complete dim=4

  LineBuffer<S> lines(frames);
  // The next beat of the present window.
  Counter<Cfg::GroupBeats> member;
  Counter<S::RowSteps> row_step;
  Counter<S::ColSteps> col_step;
  Counter<S::Beats / Cfg::GroupBeats> group;
  bool begins = true;
  ap_int<signed_bits(S::Far)> dilation = 0;

beats:
  for (unsigned long long step = 0; step < frames * LineBuffer<S>::kMostSteps; ++step) {
#pragma HLS pipeline II=1
// A window is read two cycles after its last pixel was written, or later; see LineBuffer::reads.
#pragma HLS dependence variable=rows type=inter direction=RAW distance=2 true
    if (!lines.busy()) break;
    const bool reads = lines.reads(), writes = lines.writes();
    bool window_done = false;

    if (reads) {
      if constexpr (Cfg::Deform) {
        if (begins) {
          const Beat<Cfg::DilationW, 1> beat = (dilations.read(), ...);
          dilation = clamped(value<Cfg::DilationSigned>(beat.lane[0]).to_int(), S::Lo, S::Hi);
        }
      }
      const int dil_h = Cfg::Deform ? dilation.to_int() : int(Cfg::DilH);
      const int dil_w = Cfg::Deform ? dilation.to_int() : int(Cfg::DilW);
      const int channel = group.at() * int(Cfg::GroupBeats) + member.at();
      const bool ragged = group.last() && member.last();

      bool row_in[S::RowTaps];
      int bank[S::RowTaps], base[S::RowTaps];
#pragma HLS array_partition variable=row_in type=complete
#pragma HLS array_partition variable=bank type=complete
#pragma HLS array_partition variable=base type=complete
    tap_rows:
      for (unsigned r = 0; r < S::RowTaps; ++r) {
#pragma HLS unroll
        const int i = row_step.at() * int(S::RowTaps) + int(r);
        const int y = lines.out_row() * int(S::StrideH) - S::PadT + dil_h * (i - S::MidH);
        row_in[r] = i < int(Cfg::KH) && y >= 0 && y < S::MapH;
        const int slot = row_in[r] ? lines.slot_of(y) : 0;
        bank[r] = slot - S::before(slot) * int(S::Banks);
        base[r] = S::before(slot) * int(S::RowWords);
      }

      Beat<Cfg::LaneW, Cfg::Taps * Cfg::Lanes> y;
    tap_columns:
      for (unsigned c = 0; c < S::ColTaps; ++c) {
#pragma HLS unroll
        const int j = col_step.at() * int(S::ColTaps) + int(c);
        const int x = lines.out_col() * int(S::StrideW) - S::PadL + dil_w * (j - S::MidW);
        const bool col_in = x >= 0 && x < int(S::InW);
        const int place = col_in ? x * int(S::Beats) + channel : 0;

        Beat<Cfg::LaneW, lanes> word[S::Banks];
#pragma HLS array_partition variable=word type=complete
      banks:
        for (unsigned b = 0; b < S::Banks; ++b) {
#pragma HLS unroll
          int row = 0;  // of the tap that lies in this bank
        find_row:
          for (unsigned r = 0; r < S::RowTaps; ++r) {
#pragma HLS unroll
            if (row_in[r] && bank[r] == int(b)) row = base[r];
          }
        word_lanes:
          for (unsigned l = 0; l < lanes; ++l) {
#pragma HLS unroll
            word[b].lane[l] = rows[c][b][row + place][l];
          }
        }

      taps:
        for (unsigned r = 0; r < S::RowTaps; ++r) {
#pragma HLS unroll
        tap_lanes:
          for (unsigned l = 0; l < lanes; ++l) {
#pragma HLS unroll
            const Lane pad = ragged && l >= S::LastLanes ? Lane(0) : Lane(Cfg::PadValue);
            y.lane[(c * S::RowTaps + r) * lanes + l] = row_in[r] && col_in ? word[bank[r]].lane[l] : pad;
          }
        }
      }
      out.write(y);
      begins = window_done = ragged && row_step.last() && col_step.last();
      if (member.step() && row_step.step() && col_step.step()) group.step();
    }

    if (writes) {
      const Beat<Cfg::LaneW, Cfg::Lanes> x = in.read();
      const int before = S::before(lines.in_slot()), bank = lines.in_slot() - before * int(S::Banks);
      const int place = before * int(S::RowWords) + lines.in_col() * int(S::Beats) + lines.in_beat();
    copies:
      for (unsigned c = 0; c < S::ColTaps; ++c) {
#pragma HLS unroll
      copy_banks:
        for (unsigned b = 0; b < S::Banks; ++b) {
#pragma HLS unroll
        copy_lanes:
          for (unsigned l = 0; l < lanes; ++l) {
#pragma HLS unroll
            if (lines.keeps() && bank == int(b)) rows[c][b][place][l] = x.lane[l];
          }
        }
      }
    }
    lines.step(writes, window_done);
  }
}

}  // namespace headrace
