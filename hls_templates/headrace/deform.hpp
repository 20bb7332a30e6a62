// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/deform_shape.hpp"

namespace headrace {

/// Sampler of a limited-range deformable convolution: a tap of `Lanes` channels in each cycle.
///
/// Tap (i, j) of output pixel (y, x) lies at (y * StrideH - PadT + i * DilH + dy, x * StrideW - PadL + j * DilW + dx) with the
/// tap's own offset (dy, dx), or with `Square` at (y * StrideH - PadT + (KH-1)/2 + d * (i - (KH-1)/2), likewise) with the
/// pixel's dilation d. Offsets are clamped to OffsetLo to OffsetHi and count in units of 2**-FractionBits. Outside the map is
/// zero; between pixels a tap is interpolated bilinearly and scaled by 2**(2*FractionBits), so that it is exact; then its mask
/// multiplies it, if there are masks. Values are exact modulo 2**DataW.
///
/// A beat of `offset` holds all offsets of an output pixel: dy, dx of tap (0, 0), (0, 1), and so on along the kernel's rows;
/// with `Square` one value. A beat of `masks` holds its masks in the same order. Taps leave numbered down the columns: groups
/// of `GroupBeats` channel beats; in each, tap after tap; for each tap, the group's channel beats.
///
/// A cycle takes the next input beat when it is due and has room in the ring of `Rows` row slots, and gives the next tap once
/// its window can have arrived; a frame takes as many cycles as it has beats on the busier side. In a cycle, one word of each
/// bank is read, and one word of one bank is written.
template <class Cfg, class... Masks>
void deform(unsigned frames, Stream<Cfg::DataW, Cfg::Lanes>& out, Stream<Cfg::LaneW, Cfg::Lanes>& in,
            Stream<Cfg::OffsetW, Cfg::Square ? 1 : 2 * Cfg::KH * Cfg::KW>& offset, Masks&... masks) {
  using S = DeformShape<Cfg>;
  if constexpr (Cfg::Square) {
    static_assert(Cfg::KH == odd_from(Cfg::KH) && Cfg::KW == odd_from(Cfg::KW) && Cfg::DilH == 1 && Cfg::DilW == 1,
                  "one dilation for all taps needs an odd kernel and no other dilation");
  }
  using Value = ap_int<Cfg::LaneSigned ? Cfg::LaneW : Cfg::LaneW + 1>;
  static_assert(sizeof...(Masks) == (Cfg::MaskW > 0 ? 1 : 0), "a stream of masks comes with MaskW alone");
  constexpr unsigned split = S::Split, lanes = Cfg::Lanes, taps = Cfg::KH * Cfg::KW;

  ap_uint<Cfg::LaneW> rows[split][split][S::BankWords][lanes];
#pragma HLS array_partition variable=rows type=complete dim=1
#pragma HLS array_partition variable=rows type=complete dim=2
#pragma HLS array_reshape variable=rows type=complete dim=4

  LineBuffer<S> lines(frames);
  // The next beat of the present window, its offsets and its masks.
  Counter<Cfg::GroupBeats> member;
  Counter<Cfg::KH> row;
  Counter<Cfg::KW> col;
  Counter<S::Beats / Cfg::GroupBeats> group;
  bool begins = true;
  Beat<Cfg::OffsetW, Cfg::Square ? 1 : 2 * taps> offsets{};
  Beat<(Cfg::MaskW > 0 ? Cfg::MaskW : 1), taps> factors{};
#pragma HLS array_partition variable=offsets.lane type=complete
#pragma HLS array_partition variable=factors.lane type=complete

beats:
  for (unsigned long long step = 0; step < frames * LineBuffer<S>::kMostSteps; ++step) {
#pragma HLS pipeline II=1 style=flp
// A window is read two cycles after its last pixel was written, or later; see LineBuffer::reads.
#pragma HLS dependence variable=rows type=inter direction=RAW distance=2 true
    if (!lines.busy()) break;
    const bool reads = lines.reads(), writes = lines.writes();
    bool window_done = false;

    if (reads) {
      if (begins) {
        offsets = offset.read();
        if constexpr (Cfg::MaskW > 0) factors = (masks.read(), ...);
      }
      // The place of the tap, in units of 2**-Fraction.
      const int tap = row.at() * int(Cfg::KW) + col.at();
      const int down = clamped(value<Cfg::OffsetSigned>(offsets.lane[Cfg::Square ? 0 : 2 * tap]).to_int(), S::Lo, S::Hi);
      const int across = clamped(value<Cfg::OffsetSigned>(offsets.lane[Cfg::Square ? 0 : 2 * tap + 1]).to_int(), S::Lo, S::Hi);
      const int move_y = Cfg::Square ? down * (row.at() - S::MidH) : down;
      const int move_x = Cfg::Square ? across * (col.at() - S::MidW) : across;
      const int tap_y = Cfg::Square ? S::MidH : row.at() * int(Cfg::DilH);
      const int tap_x = Cfg::Square ? S::MidW : col.at() * int(Cfg::DilW);
      const int y = lines.out_row() * int(S::StrideH) - S::PadT + tap_y + (move_y >> S::Fraction);
      const int x = lines.out_col() * int(S::StrideW) - S::PadL + tap_x + (move_x >> S::Fraction);

      const bool near_y = y >= 1 - int(split) && y < int(S::InH), near_x = x >= 1 - int(split) && x < int(S::InW);
      const auto in_rows = neighbours<S, S::Rows, S::RowWords>(near_y ? lines.slot_of(y + int(split) - 1) : 0, near_y && y >= 0,
                                                               near_y && y < int(S::InH) - 1, move_y & S::Ceil);
      const auto in_cols = neighbours<S, S::InW, S::Beats>(near_x ? x + int(split) - 1 : 0, near_x && x >= 0,
                                                           near_x && x < int(S::InW) - 1, move_x & S::Ceil);
      const int channel = group.at() * int(Cfg::GroupBeats) + member.at();

      Value near[lanes][split][split];  // zero outside the map
#pragma HLS array_partition variable=near type=complete dim=0
    neighbours:
      for (unsigned r = 0; r < split; ++r) {
#pragma HLS unroll
      neighbour_columns:
        for (unsigned c = 0; c < split; ++c) {
#pragma HLS unroll
          const bool inside = in_rows.inside[r] && in_cols.inside[c];
          const int place = in_rows.base[r] + in_cols.base[c] + channel;
        neighbour_lanes:
          for (unsigned l = 0; l < lanes; ++l) {
#pragma HLS unroll
            const ap_uint<Cfg::LaneW> bits = rows[r][c][place][l];
            near[l][r][c] = inside ? Value(value<Cfg::LaneSigned>(bits)) : Value(0);
          }
        }
      }

      Beat<Cfg::DataW, lanes> sampled;
    lanes:
      for (unsigned l = 0; l < lanes; ++l) {
#pragma HLS unroll
        ap_int<Value::width + 2 * S::Fraction> sample = near[l][0][0];
        if constexpr (S::Fraction > 0) {
          const auto even = between<S::Fraction>(near[l][0][0], near[l][0][1], in_cols.odd_weight);
          const auto odd = between<S::Fraction>(near[l][1][0], near[l][1][1], in_cols.odd_weight);
          sample = between<S::Fraction>(even, odd, in_rows.odd_weight);
        }
        if constexpr (Cfg::MaskW > 0) {
          sampled.lane[l] = sample * value<Cfg::MaskSigned>(factors.lane[tap]);
        } else {
          sampled.lane[l] = sample;
        }
      }
      out.write(sampled);
      begins = window_done = member.last() && row.last() && col.last() && group.last();
      if (member.step() && row.step() && col.step()) group.step();
    }

    if (writes) {
      const Beat<Cfg::LaneW, lanes> beat = in.read();
      const int slot = lines.in_slot(), column = lines.in_col();
      const int place = (slot >> (split - 1)) * int(S::RowWords) + (column >> (split - 1)) * int(S::Beats) + lines.in_beat();
    write_rows:
      for (unsigned r = 0; r < split; ++r) {
#pragma HLS unroll
      write_columns:
        for (unsigned c = 0; c < split; ++c) {
#pragma HLS unroll
          const bool here = (slot & (split - 1)) == r && (column & (split - 1)) == c;
        write_lanes:
          for (unsigned l = 0; l < lanes; ++l) {
#pragma HLS unroll
            if (lines.keeps() && here) rows[r][c][place][l] = beat.lane[l];
          }
        }
      }
    }
    lines.step(writes, window_done);
  }
}

}  // namespace headrace
