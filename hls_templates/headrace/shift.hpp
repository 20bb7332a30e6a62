// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "headrace/counter.hpp"

namespace headrace {

template <class Cfg>
struct ShiftPlan {
  static constexpr unsigned beats = ceil_div(Cfg::Channels, Cfg::Lanes), frame = Cfg::InH * Cfg::InW * beats;

  /// Words by which kind `k` reads ahead (positive) or back.
  static constexpr int distance(unsigned k) {
    return (int(Cfg::RowOffset[k]) * int(Cfg::InW) + int(Cfg::ColOffset[k])) * int(beats);
  }

  /// The farthest distance ahead (`sign` 1) or back (-1), at least 0.
  static constexpr unsigned reach(int sign) {
    int farthest = 0;
    for (unsigned k = 0; k < Cfg::Kinds; ++k) {
      if (sign * distance(k) > farthest) farthest = sign * distance(k);
    }
    return farthest;
  }

  static constexpr unsigned last_kind() {
    unsigned last = 0;
    for (unsigned c = 0; c < Cfg::Channels; ++c) last = Cfg::Kind[c] > last ? Cfg::Kind[c] : last;
    return last;
  }

  /// Whether all lanes of each beat have one kind, so that one memory serves them all.
  static constexpr bool alike() {
    for (unsigned c = 0; c < Cfg::Channels; ++c) {
      if (Cfg::Kind[c] != Cfg::Kind[c / Cfg::Lanes * Cfg::Lanes]) return false;
    }
    return true;
  }

  /// Cycles from an input beat to the output beat of the same place. What lies beyond the frame is never waited for; a beat
  /// is read one cycle after it is written.
  static constexpr unsigned delay = (reach(1) < frame - 1 ? reach(1) : frame - 1) + 1;
  static constexpr unsigned memories = alike() ? 1 : Cfg::Lanes;
  static constexpr unsigned lanes = Cfg::Lanes / memories;  // of a memory
};

/// The kind of a memory's lanes, beat by beat; of lanes without a channel, that of lane 0.
template <class Cfg>
struct ShiftKinds {
  uint8_t at[ShiftPlan<Cfg>::beats];

  static constexpr ShiftKinds of(unsigned lane) {
    ShiftKinds made{};
    for (unsigned b = 0; b < ShiftPlan<Cfg>::beats; ++b) {
      const unsigned first = b * Cfg::Lanes;
      made.at[b] = Cfg::Kind[first + lane < Cfg::Channels ? first + lane : first];
    }
    return made;
  }
};

template <class Cfg>
using ShiftWords = ap_uint<Cfg::LaneW>[Cfg::Depth][ShiftPlan<Cfg>::lanes];

/// Reads the lanes of memory `Memory` for output beat `beat`: each kind at its own pointer, zero if that is off the map.
template <class Cfg, std::size_t Memory>
void shift_memory(const ShiftWords<Cfg>& ring, const Counter<Cfg::Depth> (&pointer)[Cfg::Kinds],
                  const bool (&on_map)[Cfg::Kinds], unsigned beat, Beat<Cfg::LaneW, Cfg::Lanes>& y) {
#pragma HLS inline
  static constexpr ShiftKinds<Cfg> kinds = ShiftKinds<Cfg>::of(Memory);
  const unsigned kind = kinds.at[beat];
  const unsigned word = pointer[kind];
lanes:
  for (unsigned i = 0; i < ShiftPlan<Cfg>::lanes; ++i) {
#pragma HLS unroll
    const ap_uint<Cfg::LaneW> read = ring[word][i];
    y.lane[Memory + i] = on_map[kind] ? read : ap_uint<Cfg::LaneW>(0);
  }
}

template <class Cfg, std::size_t... Memory>
void shift_memories(std::index_sequence<Memory...>, const ShiftWords<Cfg> (&ring)[ShiftPlan<Cfg>::memories],
                    const Counter<Cfg::Depth> (&pointer)[Cfg::Kinds], const bool (&on_map)[Cfg::Kinds], unsigned beat,
                    Beat<Cfg::LaneW, Cfg::Lanes>& y) {
#pragma HLS inline
  (shift_memory<Cfg, Memory>(ring[Memory], pointer, on_map, beat, y), ...);
}

/// Moves every channel of a map by its own offset: channel `c` of output pixel (y, x) is channel `c` of input pixel
/// (y + RowOffset[k], x + ColOffset[k]) with k = Kind[c], zero outside the map.
///
/// A ring of `Depth` words holds what lies between the farthest offsets; every kind has a read pointer of its own. Each cycle
/// gives out the beat that is due and stores the one that comes, which is as far ahead as the farthest offset asks for. The
/// last beats of a frame leave while the next frame comes, those of the last frame in as many further cycles.
template <class Cfg>
void shift(unsigned frames, Stream<Cfg::LaneW, Cfg::Lanes>& in, Stream<Cfg::LaneW, Cfg::Lanes>& out) {
  using Plan = ShiftPlan<Cfg>;
  static_assert(Cfg::Channels >= 1 && Cfg::InH >= 1 && Cfg::InW >= 1 && Cfg::Kinds >= 1,
                "channels, map and kinds must not be zero");
  static_assert(Plan::last_kind() < Cfg::Kinds, "a channel has an offset that is not there");
  static_assert(Cfg::Depth >= Plan::reach(1) + Plan::reach(-1) + 2, "the ring must hold all between the farthest offsets");
  const uint64_t beats = uint64_t(frames) * Plan::frame;

  ShiftWords<Cfg> ring[Plan::memories];
#pragma HLS array_partition variable=ring type=complete dim=1
#pragma HLS array_reshape variable=ring type=complete dim=3
  Counter<Cfg::Depth> pointer[Cfg::Kinds];
#pragma HLS array_partition variable=pointer type=complete
  Counter<Cfg::Depth> to;  // the word to be written
  Counter<Cfg::InH> row;   // these three of the beat that leaves
  Counter<Cfg::InW> col;
  Counter<Plan::beats> beat;

starts:
  for (unsigned k = 0; k < Cfg::Kinds; ++k) {
#pragma HLS unroll
    pointer[k] = Plan::distance(k) < 0 ? Cfg::Depth + Plan::distance(k) : Plan::distance(k);
  }

steps:
  for (uint64_t step = 0; step < beats + Plan::delay; ++step) {
#pragma HLS pipeline II=1 style=flp
    if (step >= Plan::delay) {
      bool on_map[Cfg::Kinds];
#pragma HLS array_partition variable=on_map type=complete
    places:
      for (unsigned k = 0; k < Cfg::Kinds; ++k) {
#pragma HLS unroll
        const int y = int(row) + int(Cfg::RowOffset[k]), x = int(col) + int(Cfg::ColOffset[k]);
        on_map[k] = y >= 0 && y < int(Cfg::InH) && x >= 0 && x < int(Cfg::InW);
      }
      Beat<Cfg::LaneW, Cfg::Lanes> y;
      shift_memories<Cfg>(std::make_index_sequence<Plan::memories>(), ring, pointer, on_map, beat, y);
      out.write(y);

    advances:
      for (unsigned k = 0; k < Cfg::Kinds; ++k) {
#pragma HLS unroll
        pointer[k].step();
      }
      const bool pixel_done = beat.last(), row_done = pixel_done && col.last();
      beat.step();
      if (pixel_done) col.step();
      if (row_done) row.step();
    }
    if (step < beats) {
      const Beat<Cfg::LaneW, Cfg::Lanes> x = in.read();
    lanes:
      for (unsigned i = 0; i < Cfg::Lanes; ++i) {
#pragma HLS unroll
        ring[i / Plan::lanes][to][i % Plan::lanes] = x.lane[i];
      }
      to.step();
    }
  }
}

}  // namespace headrace
