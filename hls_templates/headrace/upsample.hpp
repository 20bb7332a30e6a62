// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"
#include "headrace/counter.hpp"

namespace headrace {

/// Nearest neighbour: each pixel leaves `FactorW` times in a row, each row `FactorH` times; an output beat each cycle.
///
/// While a row leaves again and again, the next one comes in at an even pace, a beat each `FactorH * FactorW` cycles, into
/// the other half of the memory; the next frame's first row while this one's last leaves. `Pixels` counts input rows of a
/// frame, of `InW` pixels of `Beats` beats.
template <class Cfg>
void upsample(unsigned frames, Stream<Cfg::LaneW, Cfg::Lanes>& in, Stream<Cfg::LaneW, Cfg::Lanes>& out) {
  static_assert(Cfg::Beats >= 1 && Cfg::InW >= 1 && Cfg::FactorH >= 1 && Cfg::FactorW >= 1,
                "beats, pixels of a row and factors must not be zero");
  constexpr unsigned row_beats = Cfg::InW * Cfg::Beats, copies = Cfg::FactorH * Cfg::FactorW;
  // From the last beat of a row, which comes `copies` cycles before the row starts to leave, until it leaves itself.
  [[maybe_unused]] constexpr unsigned held = copies + (Cfg::InW - 1) * Cfg::FactorW * Cfg::Beats + Cfg::Beats - 1;
  ap_uint<Cfg::LaneW> memory[2 * row_beats][Cfg::Lanes];
#pragma HLS array_reshape variable=memory type=complete dim=2
  const uint64_t rows = uint64_t(frames) * Cfg::Pixels;
  Counter<copies> phase;
  Counter<2 * row_beats> to;
  bool odd = true;  // half of the row that leaves; the first to come is row 0, in the other one

rows:
  for (uint64_t row = 0; row < rows + 1; ++row) {
  copies_h:
    for (unsigned fy = 0; fy < Cfg::FactorH; ++fy) {
    pixels:
      for (unsigned x = 0; x < Cfg::InW; ++x) {
      copies_w:
        for (unsigned fx = 0; fx < Cfg::FactorW; ++fx) {
        beats:
          for (unsigned beat = 0; beat < Cfg::Beats; ++beat) {
#pragma HLS pipeline II=1 style=flp
#pragma HLS dependence variable=memory type=inter direction=RAW distance=held true
            const unsigned from = (odd ? row_beats : 0) + x * Cfg::Beats + beat;
            Beat<Cfg::LaneW, Cfg::Lanes> y;
          lanes_out:
            for (unsigned i = 0; i < Cfg::Lanes; ++i) {
#pragma HLS unroll
              y.lane[i] = memory[from][i];
            }
            if (row > 0) out.write(y);
            if (phase == 0 && row < rows) {
              const Beat<Cfg::LaneW, Cfg::Lanes> next = in.read();
            lanes_in:
              for (unsigned i = 0; i < Cfg::Lanes; ++i) {
#pragma HLS unroll
                memory[to][i] = next.lane[i];
              }
              to.step();
            }
            phase.step();
            const bool row_done =
                beat == Cfg::Beats - 1 && fx == Cfg::FactorW - 1 && x == Cfg::InW - 1 && fy == Cfg::FactorH - 1;
            if (row_done) odd = !odd;
          }
        }
      }
    }
  }
}

}  // namespace headrace
