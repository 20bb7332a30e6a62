// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/window_shape.hpp"

namespace headrace {

/// Line buffer: pixels to kernel windows, static (stride, dilation, padding) or deformable (a dilation for each output pixel).
///
/// Tap (i, j) of output pixel (y, x) is the input pixel (y * StrideH - PadT + i * DilH, x * StrideW - PadL + j * DilW), or with
/// `Deform` (y + s * (i - (KH-1)/2), x + s * (j - (KW-1)/2)), s being the pixel's beat of `dilations`, clamped to DilationLo to
/// DilationHi. Taps outside the map are `PadValue`; negative paddings crop the map. Taps are numbered down the columns. An
/// output beat carries `Taps` of a column, tap by tap, or the whole kernel; where Taps does not divide KH, the last beat of a
/// column ends with taps outside the map. The map is what comes in, each pixel of it RepeatH rows and RepeatW columns. Beats of a window: groups of `GroupBeats` channel beats; in each, all tap beats; for
/// each of these, the group's channel beats.
///
/// A cycle takes the next input beat when it is due and has room in the ring of `Rows` row slots, and gives the next output
/// beat once its window can have arrived; a frame takes as many cycles as it has beats on the busier side. At most one word
/// of each bank is written in a cycle, and one is read; the taps are selected from these. The columns of a whole kernel have
/// a copy each.
template <class Cfg, class... Dilations>
void window(unsigned frames, Stream<Cfg::LaneW, Cfg::Taps * Cfg::Lanes>& out, Stream<Cfg::LaneW, Cfg::Lanes>& in,
            Dilations&... dilations) {
  using S = WindowShape<Cfg>;
  if constexpr (Cfg::Deform) {
    static_assert(Cfg::KH == odd_from(Cfg::KH) && Cfg::KW == odd_from(Cfg::KW) && Cfg::StrideH == 1 && Cfg::StrideW == 1 &&
                      Cfg::OutH == Cfg::InH * Cfg::RepeatH && Cfg::OutW == Cfg::InW * Cfg::RepeatW,
                  "a deformable window needs an odd kernel, stride 1, and an output as large as the map");
    static_assert(int(Cfg::DilationLo) <= int(Cfg::DilationHi) && Cfg::DilationW >= 1 && Cfg::DilationW <= 31,
                  "dilations need a range and 1 to 31 bits");
  }
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
#pragma HLS pipeline II=1 style=flp
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
        const int slot = row_in[r] ? lines.slot_of(y / int(S::RepeatH)) : 0;
        bank[r] = slot - S::before(slot) * int(S::Banks);
        base[r] = S::before(slot) * int(S::RowWords);
      }

      Beat<Cfg::LaneW, Cfg::Taps * Cfg::Lanes> y;
    tap_columns:
      for (unsigned c = 0; c < S::ColTaps; ++c) {
#pragma HLS unroll
        const int j = col_step.at() * int(S::ColTaps) + int(c);
        const int x = lines.out_col() * int(S::StrideW) - S::PadL + dil_w * (j - S::MidW);
        const bool col_in = x >= 0 && x < S::MapW;
        const int place = col_in ? x / int(S::RepeatW) * int(S::Beats) + channel : 0;

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
