// SPDX-License-Identifier: Apache-2.0
// What a repacker's parameters say about its cycles, found at compile time by playing two pixels.
#pragma once

#include "headrace/counter.hpp"

namespace headrace {

template <class Cfg>
struct RepackPlan {
  static constexpr unsigned in_beats(unsigned k) { return ceil_div(Cfg::InC[k], Cfg::LanesIn); }
  static constexpr unsigned out_beats(unsigned m) { return ceil_div(Cfg::OutC[m], Cfg::LanesOut); }
  /// Channels in the last beat of input `k`, and of output `m`.
  static constexpr unsigned last_in(unsigned k) { return Cfg::InC[k] - (in_beats(k) - 1) * Cfg::LanesIn; }
  static constexpr unsigned last_out(unsigned m) { return Cfg::OutC[m] - (out_beats(m) - 1) * Cfg::LanesOut; }

  static constexpr unsigned most_in_beats() {
    unsigned most = 1;
    for (unsigned k = 0; k < Cfg::Ins; ++k) most = in_beats(k) > most ? in_beats(k) : most;
    return most;
  }
  static constexpr unsigned most_out_beats() {
    unsigned most = 1;
    for (unsigned m = 0; m < Cfg::Outs; ++m) most = out_beats(m) > most ? out_beats(m) : most;
    return most;
  }

  /// The sums over all inputs and all outputs.
  struct Totals {
    unsigned channels_in = 0, channels_out = 0, beats_in = 0, beats_out = 0;
  };
  static constexpr Totals totals() {
    Totals sum;
    for (unsigned k = 0; k < Cfg::Ins; ++k) {
      sum.channels_in += Cfg::InC[k];
      sum.beats_in += in_beats(k);
    }
    for (unsigned m = 0; m < Cfg::Outs; ++m) {
      sum.channels_out += Cfg::OutC[m];
      sum.beats_out += out_beats(m);
    }
    return sum;
  }
  static constexpr bool inputs_outnumber() { return totals().beats_in >= totals().beats_out; }
  /// Cycles of a pixel.
  static constexpr unsigned period() { return inputs_outnumber() ? totals().beats_in : totals().beats_out; }

  /// A beat of a pixel, of the inputs or of the outputs.
  struct Place {
    unsigned segment = 0, beat = 0;

    constexpr unsigned channels(bool of_inputs) const {
      const unsigned beats = of_inputs ? in_beats(segment) : out_beats(segment);
      if (beat < beats - 1) return of_inputs ? Cfg::LanesIn : Cfg::LanesOut;
      return of_inputs ? last_in(segment) : last_out(segment);
    }
    constexpr void advance(bool of_inputs) {
      if (++beat < (of_inputs ? in_beats(segment) : out_beats(segment))) return;
      beat = 0;
      if (++segment == (of_inputs ? Cfg::Ins : Cfg::Outs)) segment = 0;
    }
    static constexpr Place last(bool of_inputs) {
      Place place;
      place.segment = (of_inputs ? Cfg::Ins : Cfg::Outs) - 1;
      place.beat = (of_inputs ? in_beats(place.segment) : out_beats(place.segment)) - 1;
      return place;
    }
    constexpr void retreat(bool of_inputs) {
      if (beat > 0) {
        --beat;
        return;
      }
      if (segment == 0) segment = of_inputs ? Cfg::Ins : Cfg::Outs;
      --segment;
      beat = (of_inputs ? in_beats(segment) : out_beats(segment)) - 1;
    }
  };

  /// The fewest channels to be kept from cycle to cycle with which the side of more beats never waits. With more input beats,
  /// one comes each cycle and output beats leave as early as they can. With more output beats, one leaves each cycle and input
  /// beats come as late as they may, which is the same game played backwards in time.
  static constexpr unsigned fewest_kept() {
    const bool forwards = inputs_outnumber();
    const unsigned cycles = 2 * period();
    Place slow = forwards ? Place() : Place::last(false), fast = forwards ? Place() : Place::last(true);
    unsigned level = 0, fewest = 0;
    for (unsigned cycle = 0; cycle < cycles; ++cycle) {
      level += slow.channels(forwards);
      if (level >= fast.channels(!forwards)) {
        level -= fast.channels(!forwards);
        forwards ? fast.advance(false) : fast.retreat(true);
      }
      forwards ? slow.advance(true) : slow.retreat(false);
      if (level > fewest) fewest = level;
    }
    return fewest;
  }

  /// What is seen of a kernel that keeps `Kept` channels.
  template <unsigned Kept>
  struct Game {
    bool takes_at[Kept + 1] = {};          // numbers of kept channels at which an input beat ever comes
    bool leaves[Cfg::LanesOut + 1] = {};  // numbers of channels that output beats have
    unsigned rest = 0;                     // cycles that the last pixel takes beyond its period
  };

  /// Whether an input beat of `coming` channels comes, with `level` channels kept and `leaving` about to leave: when it is
  /// needed now, or as early as it leaves no more than `kept`.
  static constexpr bool takes(unsigned kept, unsigned level, unsigned coming, unsigned leaving) {
    return level < leaving || level + coming <= kept + leaving;
  }

  template <unsigned Kept>
  static constexpr Game<Kept> game() {
    Game<Kept> seen;
    Place in, out;
    const Totals sum = totals();
    unsigned level = 0, still_in = 2 * sum.beats_in, cycles = 0;
    for (unsigned still_out = 2 * sum.beats_out; still_out > 0; ++cycles) {
      const unsigned leaving = out.channels(false);
      if (still_in > 0 && takes(Kept, level, in.channels(true), leaving)) {
        seen.takes_at[level] = true;
        level += in.channels(true);
        in.advance(true);
        --still_in;
      }
      if (level >= leaving) {
        level -= leaving;
        seen.leaves[leaving] = true;
        out.advance(false);
        --still_out;
      }
    }
    seen.rest = cycles - 2 * period();
    return seen;
  }

  /// Of the smallest segment.
  static constexpr unsigned fewest_channels() {
    unsigned fewest = Cfg::InC[0];
    for (unsigned k = 0; k < Cfg::Ins; ++k) fewest = Cfg::InC[k] < fewest ? Cfg::InC[k] : fewest;
    for (unsigned m = 0; m < Cfg::Outs; ++m) fewest = Cfg::OutC[m] < fewest ? Cfg::OutC[m] : fewest;
    return fewest;
  }
};

}  // namespace headrace
