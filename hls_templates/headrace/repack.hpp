// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "headrace/repack_plan.hpp"

namespace headrace {

template <class Cfg, class Ins, class Outs>
struct Repacker;

/// The kernel behind `repack`, with as many streams as there are numbers.
template <class Cfg, std::size_t... In, std::size_t... Out>
struct Repacker<Cfg, std::index_sequence<In...>, std::index_sequence<Out...>> {
  using Plan = RepackPlan<Cfg>;
  using InBeat = Beat<Cfg::LaneW, Cfg::LanesIn>;
  using OutBeat = Beat<Cfg::LaneW, Cfg::LanesOut>;
  template <std::size_t>
  using InStream = hls::stream<InBeat>;
  template <std::size_t>
  using OutStream = hls::stream<OutBeat>;

  static constexpr unsigned fewest = Plan::fewest_kept();
  static constexpr auto game = Plan::template game<fewest>();

  static void run(unsigned frames, InStream<In>&... ins, OutStream<Out>&... outs) {
    const uint64_t cycles = uint64_t(frames) * (Cfg::Pixels * Plan::period());

    // Channels that have come and not yet left, the next one to leave first; `kept_level` of them.
    ap_uint<Cfg::LaneW> kept[fewest + 1];
#pragma HLS array_partition variable=kept type=complete
    Counter<fewest + 1> kept_level;
    uint64_t pixels = uint64_t(frames) * Cfg::Pixels;  // of which input beats are still to come
    Counter<Cfg::Ins> source;                         // of the input beat that comes next
    Counter<Plan::most_in_beats()> in_beat;
    Counter<Cfg::Outs> target;                        // of the output beat that leaves next
    Counter<Plan::most_out_beats()> out_beat;

  steps:
    for (uint64_t step = 0; step < cycles + game.rest; ++step) {
#pragma HLS pipeline II=1 style=flp
      unsigned level = kept_level;
      // Compared with constants, because a table might take a cycle to read.
      bool last_of_input = false, last_of_output = false;
      unsigned coming = Cfg::LanesIn, leaving = Cfg::LanesOut;
    inputs:
      for (unsigned k = 0; k < Cfg::Ins; ++k) {
#pragma HLS unroll
        if (source != k || in_beat != Plan::in_beats(k) - 1) continue;
        last_of_input = true;
        coming = Plan::last_in(k);
      }
    outputs:
      for (unsigned m = 0; m < Cfg::Outs; ++m) {
#pragma HLS unroll
        if (target != m || out_beat != Plan::out_beats(m) - 1) continue;
        last_of_output = true;
        leaving = Plan::last_out(m);
      }

      // The beat that comes goes behind what is kept.
      ap_uint<Cfg::LaneW> line[fewest + Cfg::LanesIn + Cfg::LanesOut];
#pragma HLS array_partition variable=line type=complete
    kept_lanes:
      for (unsigned i = 0; i < fewest; ++i) {
#pragma HLS unroll
        line[i] = kept[i];
      }
      if (pixels != 0 && Plan::takes(fewest, level, coming, leaving)) {
        InBeat x;
        ((source == In ? void(x = ins.read()) : void()), ...);
      levels:
        for (unsigned at = 0; at <= fewest; ++at) {
#pragma HLS unroll
          if (!game.takes_at[at] || level != at) continue;
        lanes_in:
          for (unsigned i = 0; i < Cfg::LanesIn; ++i) {
#pragma HLS unroll
            line[at + i] = x.lane[i];
          }
        }
        level += coming;
        if (last_of_input && source.last()) --pixels;
        if (last_of_input) source.step();
        in_beat = last_of_input ? 0 : in_beat + 1;
      }

      const bool leaves = level >= leaving;
      if (leaves) {
        OutBeat y;
      lanes_out:
        for (unsigned i = 0; i < Cfg::LanesOut; ++i) {
#pragma HLS unroll
          y.lane[i] = i < leaving ? line[i] : ap_uint<Cfg::LaneW>(0);
        }
        ((target == Out ? outs.write(y) : void()), ...);
        level -= leaving;
        if (last_of_output) target.step();
        out_beat = last_of_output ? 0 : out_beat + 1;
      }
    moved_lanes:
      for (unsigned i = 0; i < fewest; ++i) {
#pragma HLS unroll
        kept[i] = line[i];
      steps_down:
        for (unsigned by = 1; by <= Cfg::LanesOut; ++by) {
#pragma HLS unroll
          if (game.leaves[by] && leaves && leaving == by) kept[i] = line[i + by];
        }
      }
      kept_level = level;
    }
  }
};

/// Cuts pixels anew: width converter, concatenation and split in one.
///
/// Of each pixel, input `k` brings `InC[k]` channels in beats of `LanesIn`, one input after another; output `m` takes `OutC[m]`
/// channels of the same sequence in beats of `LanesOut`. The last beat of each segment may be ragged: its lanes beyond the last
/// channel go out as zero, and may come in as anything. `streams` are `Ins` inputs, then `Outs` outputs.
///
/// A pixel takes max(input beats, output beats) cycles. Each cycle takes a beat of one input, if one is needed or there is
/// room for it, and gives out a beat if it is complete. Where segments are so unlike that the rate needs it, the last beats
/// of a pixel leave within the next one's cycles, those of the last pixel in as many further cycles.
template <class Cfg, class... Streams>
void repack(unsigned frames, Streams&... streams) {
#pragma HLS inline
  using Plan = RepackPlan<Cfg>;
  static_assert(Cfg::Ins >= 1 && Cfg::Outs >= 1, "inputs and outputs must not be zero");
  static_assert(Plan::fewest_channels() >= 1, "each segment needs a channel");
  static_assert(Plan::totals().channels_in == Plan::totals().channels_out, "inputs must bring what outputs take");
  Repacker<Cfg, std::make_index_sequence<Cfg::Ins>, std::make_index_sequence<Cfg::Outs>>::run(frames, streams...);
}

}  // namespace headrace
