// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"

namespace headrace {

/// One beat of an operand, as column `operand` of `x`; a single lane goes to all rows.
template <unsigned Bits, unsigned InLanes, class Operand, unsigned Lanes, unsigned Operands>
void take_operand(Stream<Bits, InLanes>& in, Operand (&x)[Lanes][Operands], unsigned operand) {
#pragma HLS inline
  const Beat<Bits, InLanes> beat = in.read();
lanes:
  for (unsigned i = 0; i < Lanes; ++i) {
#pragma HLS unroll
    x[i][operand] = beat.lane[InLanes == 1 ? 0 : i];
  }
}

/// `Cfg::compute` of one to three operands, lane by lane, a beat each cycle.
///
/// Operand k with `Single[k]` has one channel, which meets all `Channels` of its pixel: it brings one beat a pixel, of one
/// lane. With `Mask`, lanes beyond the last channel are made zero.
template <class Cfg, class... Ins>
void pointwise(unsigned frames, Stream<Cfg::OutW, Cfg::Lanes>& out, Ins&... ins) {
  static_assert(Cfg::Channels >= 1, "channels must not be zero");
  static_assert(Cfg::Operands >= 1 && Cfg::Operands <= 3, "there are 1 to 3 operands");
  static_assert(sizeof...(Ins) == Cfg::Operands, "a stream for each operand");
  constexpr unsigned beats = ceil_div(Cfg::Channels, Cfg::Lanes);
  ap_uint<Cfg::InW> x[Cfg::Lanes][Cfg::Operands];
#pragma HLS array_partition variable=x type=complete dim=0

frames:
  for (unsigned frame = 0; frame < frames; ++frame) {
  pixels:
    for (unsigned pixel = 0; pixel < Cfg::Pixels; ++pixel) {
    beats:
      for (unsigned beat = 0; beat < beats; ++beat) {
#pragma HLS pipeline II=1 style=flp
        unsigned operand = 0;
        (((beat == 0 || !Cfg::Single[operand] ? take_operand(ins, x, operand) : void()), ++operand), ...);
        Beat<Cfg::OutW, Cfg::Lanes> y;
      lanes:
        for (unsigned i = 0; i < Cfg::Lanes; ++i) {
#pragma HLS unroll
          const bool beyond = Cfg::Mask && beat * Cfg::Lanes + i >= Cfg::Channels;
          y.lane[i] = beyond ? ap_uint<Cfg::OutW>(0) : ap_uint<Cfg::OutW>(Cfg::compute(x[i]));
        }
        out.write(y);
      }
    }
  }
}

}  // namespace headrace
