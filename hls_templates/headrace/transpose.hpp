// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/counter.hpp"

namespace headrace {

/// Transposes blocks: of every block of `Outer` x `Inner` units of `Unit` beats, the units come in with `Inner` running faster
/// and leave with `Outer` running faster. `Pixels` counts the blocks of a frame.
///
/// Each cycle gives out the beat that is due and stores the one that comes. A block begins to leave as early as it can without
/// gaps, so that its last beats leave while the next block comes, and those of the last frame in as many further cycles. The
/// memory holds two blocks.
template <class Cfg>
void transpose(unsigned frames, Stream<Cfg::LaneW, Cfg::Lanes>& in, Stream<Cfg::LaneW, Cfg::Lanes>& out) {
  static_assert(Cfg::Outer >= 2 && Cfg::Inner >= 2 && Cfg::Unit >= 1, "need Unit above 0, Outer and Inner above 1");
  constexpr unsigned block = Cfg::Outer * Cfg::Inner * Cfg::Unit;
  // The last unit of the first column comes that much later than it leaves; a beat is read one cycle after it is written.
  constexpr unsigned delay = (Cfg::Outer - 1) * (Cfg::Inner - 1) * Cfg::Unit + 1;
  constexpr unsigned to_outer = Cfg::Unit * (Cfg::Inner - 1) + 1;  // from the end of a unit on
  constexpr unsigned to_inner = Cfg::Unit * Cfg::Inner * (Cfg::Outer - 1) - 1;  // and back from the last one
  const uint64_t beats = uint64_t(frames) * (Cfg::Pixels * block);

  Beat<Cfg::LaneW, Cfg::Lanes> stored[2 * block];
#pragma HLS aggregate variable=stored
  Counter<2 * block> to, from;  // words of the memory
  Counter<Cfg::Unit> unit;      // these three of the beat that leaves
  Counter<Cfg::Outer> outer;
  Counter<Cfg::Inner> inner;

steps:
  for (uint64_t step = 0; step < beats + delay; ++step) {
#pragma HLS pipeline II=1 style=flp
    if (step >= delay) {
      out.write(stored[from]);
      const bool unit_done = unit.last(), outer_done = unit_done && outer.last(), inner_done = outer_done && inner.last();
      // The last unit in is the last one out, so behind it the next block begins.
      if (!unit_done || inner_done) {
        from.step();
      } else {
        from = outer_done ? from - to_inner : from + to_outer;
      }
      unit.step();
      if (unit_done) outer.step();
      if (outer_done) inner.step();
    }
    if (step < beats) {
      stored[to] = in.read();
      to.step();
    }
  }
}

}  // namespace headrace
