// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "headrace/counter.hpp"

namespace headrace {

/// When the beats of a pixel come and leave, counted in cycles from its first one.
template <class Cfg>
struct GatherPlan {
  static constexpr unsigned beats_in = ceil_div(Cfg::InC, Cfg::LanesIn), beats_out = ceil_div(Cfg::OutC, Cfg::LanesOut);
  static constexpr unsigned period = beats_in > beats_out ? beats_in : beats_out;

  /// Output beats leave in successive cycles from this one on: the first with which none has to wait for a channel.
  static constexpr unsigned first_out() {
    unsigned first = 0;
    for (unsigned n = 0; n < Cfg::OutC; ++n) {
      const int channel = Cfg::Index[n];
      const unsigned beat = channel < 0 ? 0 : channel / Cfg::LanesIn;
      if (beat > first + n / Cfg::LanesOut) first = beat - n / Cfg::LanesOut;
    }
    return first;
  }

  /// The last input channel that the output has.
  static constexpr int last_channel() {
    int last = -1;
    for (unsigned n = 0; n < Cfg::OutC; ++n) {
      const int channel = Cfg::Index[n];
      if (channel > last) last = channel;
    }
    return last;
  }

  /// Cycles by which a pixel reaches into the next one's.
  static constexpr unsigned overlap = first_out() + beats_out > period ? first_out() + beats_out - period : 0;
  static constexpr unsigned banks = overlap > 0 ? 2 : 1;
};

/// Where an output lane gets its channels, beat by beat.
template <class Cfg>
struct GatherChoices {
  using Plan = GatherPlan<Cfg>;
  bool uses[Cfg::LanesIn];         // input lanes that are ever needed
  uint16_t lane[Plan::beats_out];  // LanesIn where the output is zero
  uint16_t beat[Plan::beats_out];  // of the pixel
  bool arrives[Plan::beats_out];   // in the very cycle in which it leaves

  static constexpr GatherChoices of(unsigned out_lane) {
    GatherChoices made{};
    const unsigned first = Plan::first_out();
    for (unsigned b = 0; b < Plan::beats_out; ++b) {
      const unsigned n = b * Cfg::LanesOut + out_lane;
      const int channel = n < Cfg::OutC ? int(Cfg::Index[n]) : -1;
      made.lane[b] = channel < 0 ? Cfg::LanesIn : channel % Cfg::LanesIn;
      if (channel < 0) continue;
      made.beat[b] = channel / Cfg::LanesIn;
      made.arrives[b] = made.beat[b] == first + b;
      made.uses[made.lane[b]] = true;
    }
    return made;
  }
};

template <class Cfg>
using GatherWords = ap_uint<Cfg::LaneW>[GatherPlan<Cfg>::banks * GatherPlan<Cfg>::beats_in][Cfg::LanesIn];

/// Lane `Lane` of output beat `beat`, whose pixel is stored from word `from` on; then stores the beat `x` in word `to`.
template <class Cfg, std::size_t Lane>
void gather_lane(GatherWords<Cfg>& stored, const Beat<Cfg::LaneW, Cfg::LanesIn>& x, bool stores, unsigned to, bool leaves,
                 unsigned from, unsigned beat, ap_uint<Cfg::LaneW>& y) {
#pragma HLS inline
  static constexpr GatherChoices<Cfg> choices = GatherChoices<Cfg>::of(Lane);
  y = 0;
lanes_in:
  for (unsigned i = 0; i < Cfg::LanesIn; ++i) {
#pragma HLS unroll
    if (!choices.uses[i]) continue;  // without access, there is no memory
    if (leaves && choices.lane[beat] == i) y = choices.arrives[beat] ? x.lane[i] : stored[from + choices.beat[beat]][i];
    if (stores) stored[to][i] = x.lane[i];
  }
}

template <class Cfg, std::size_t... Lane>
void gather_lanes(std::index_sequence<Lane...>, GatherWords<Cfg> (&stored)[Cfg::LanesOut],
                  const Beat<Cfg::LaneW, Cfg::LanesIn>& x, bool stores, unsigned to, bool leaves, unsigned from, unsigned beat,
                  Beat<Cfg::LaneW, Cfg::LanesOut>& y) {
#pragma HLS inline
  (gather_lane<Cfg, Lane>(stored[Lane], x, stores, to, leaves, from, beat, y.lane[Lane]), ...);
}

/// Chooses channels: channel `n` of the output is channel `Index[n]` of the same pixel, in any order, with repetitions and
/// omissions; a negative index gives zero. Pixels of `InC` channels come in beats of `LanesIn` and leave as pixels of `OutC`
/// channels in beats of `LanesOut`; lanes beyond the last channel are zero.
///
/// A pixel takes max(input beats, output beats) cycles. Each cycle gives out a beat, from the one that comes and those
/// stored, and stores the one that comes. Output beats that cannot leave within their pixel's cycles leave within the next
/// one's, those of the last pixel of the last frame in as many further cycles. Every output lane has memories of its own, of
/// those input lanes that it needs.
template <class Cfg>
void gather(unsigned frames, Stream<Cfg::LaneW, Cfg::LanesIn>& in, Stream<Cfg::LaneW, Cfg::LanesOut>& out) {
  using Plan = GatherPlan<Cfg>;
  static_assert(Cfg::InC >= 1 && Cfg::OutC >= 1, "channels must not be zero");
  static_assert(Plan::last_channel() < int(Cfg::InC), "Index names a channel that the input does not have");
  constexpr unsigned first_out = Plan::first_out();
  const uint64_t cycles = uint64_t(frames) * (Cfg::Pixels * Plan::period);

  GatherWords<Cfg> stored[Cfg::LanesOut];
#pragma HLS array_partition variable=stored type=complete dim=1
#pragma HLS array_partition variable=stored type=complete dim=3
  Counter<Plan::period> cycle;  // of the pixel that comes
  Counter<Plan::banks> bank;    // in which it is stored; the pixel before is in the other one

steps:
  for (uint64_t step = 0; step < cycles + Plan::overlap; ++step) {
#pragma HLS pipeline II=1 style=flp
    const bool stores = cycle < Plan::beats_in && step < cycles;
    Beat<Cfg::LaneW, Cfg::LanesIn> x;
    if (stores) x = in.read();

    const bool before = cycle < first_out;  // it is still the pixel before whose beats leave
    const unsigned beat = before ? cycle + Plan::period - first_out : cycle - first_out;
    const bool leaves = beat < Plan::beats_out && step >= first_out;
    const unsigned to = bank * Plan::beats_in;
    const unsigned other = (Plan::banks - 1 - bank) * Plan::beats_in;
    Beat<Cfg::LaneW, Cfg::LanesOut> y;
    const unsigned from = before ? other : to;
    gather_lanes<Cfg>(std::make_index_sequence<Cfg::LanesOut>(), stored, x, stores, to + cycle, leaves, from, beat, y);
    if (leaves) out.write(y);

    if (cycle.last()) bank.step();
    cycle.step();
  }
}

}  // namespace headrace
