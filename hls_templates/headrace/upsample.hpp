// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"

namespace headrace {

/// Moves the beats of `frames` frames on, into a queue.
template <class Cfg>
void upsample_take(unsigned frames, Stream<Cfg::LaneW, Cfg::Lanes>& in, Stream<Cfg::LaneW, Cfg::Lanes>& queue) {
frames:
  for (unsigned frame = 0; frame < frames; ++frame) {
  beats:
    for (unsigned beat = 0; beat < Cfg::Pixels * Cfg::InW * Cfg::Beats; ++beat) {
#pragma HLS pipeline II=1
      queue.write(in.read());
    }
  }
}

/// Brings every row of the queue `FactorH` times, every pixel of it `FactorW` times; an output beat each cycle. A beat is
/// taken from the queue when it is due for the first time.
template <class Cfg>
void upsample_repeat(unsigned frames, Stream<Cfg::LaneW, Cfg::Lanes>& queue, Stream<Cfg::LaneW, Cfg::Lanes>& out) {
  ap_uint<Cfg::LaneW> held_row[Cfg::InW * Cfg::Beats][Cfg::Lanes];  // for the passes after the first
#pragma HLS array_reshape variable=held_row type=complete dim=2
  ap_uint<Cfg::LaneW> held_pixel[Cfg::Beats][Cfg::Lanes];  // for the repetitions after the first
#pragma HLS array_reshape variable=held_pixel type=complete dim=2

frames:
  for (unsigned frame = 0; frame < frames; ++frame) {
  rows:
    for (unsigned row = 0; row < Cfg::Pixels; ++row) {
    passes:
      for (unsigned pass = 0; pass < Cfg::FactorH; ++pass) {
      pixels:
        for (unsigned pixel = 0; pixel < Cfg::InW; ++pixel) {
        repetitions:
          for (unsigned repetition = 0; repetition < Cfg::FactorW; ++repetition) {
          beats:
            for (unsigned beat = 0; beat < Cfg::Beats; ++beat) {
#pragma HLS pipeline II=1
// A beat is used again when the beats have come round, a word of the row in the next pass.
#pragma HLS dependence variable=held_pixel type=inter direction=RAW distance=Cfg::Beats true
#pragma HLS dependence variable=held_row type=inter direction=RAW distance=Cfg::InW*Cfg::FactorW*Cfg::Beats true
              Beat<Cfg::LaneW, Cfg::Lanes> y;
              if (pass == 0 && repetition == 0) y = queue.read();
            lanes:
              for (unsigned i = 0; i < Cfg::Lanes; ++i) {
#pragma HLS unroll
                if (repetition > 0) {
                  y.lane[i] = held_pixel[beat][i];
                } else {
                  if (pass > 0) {
                    y.lane[i] = held_row[pixel * Cfg::Beats + beat][i];
                  } else {
                    held_row[pixel * Cfg::Beats + beat][i] = y.lane[i];
                  }
                  held_pixel[beat][i] = y.lane[i];
                }
              }
              out.write(y);
            }
          }
        }
      }
    }
  }
}

/// Nearest-neighbour upsampling: every pixel of `Beats` beats comes out `FactorW` times, every row of `InW` pixels `FactorH`
/// times; an output beat each cycle. `Pixels` counts the input rows of a frame.
///
/// Two rows of the input find room: one that is repeated, and behind it the next one in a queue, so that input which comes
/// at an even pace keeps the output running.
template <class Cfg>
void upsample(unsigned frames, Stream<Cfg::LaneW, Cfg::Lanes>& in, Stream<Cfg::LaneW, Cfg::Lanes>& out) {
#pragma HLS dataflow
  Stream<Cfg::LaneW, Cfg::Lanes> queue("queue");
#pragma HLS stream variable=queue depth=Cfg::InW*Cfg::Beats+1
  upsample_take<Cfg>(frames, in, queue);
  upsample_repeat<Cfg>(frames, queue, out);
}

}  // namespace headrace
