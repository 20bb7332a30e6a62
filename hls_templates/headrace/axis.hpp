// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"

namespace headrace {

/// Bits of the AXI4-Stream words that carry a beat: whole bytes.
constexpr unsigned axis_bits(unsigned beat_bits) { return ceil_div(beat_bits, 8) * 8; }

/// Takes the beats of a frame from an AXI4-Stream, lane 0 in the low bits of TDATA.
template <unsigned FrameBeats, unsigned Bits, unsigned Lanes>
void from_axis(hls::stream<ap_uint<axis_bits(Bits * Lanes)>>& in, Stream<Bits, Lanes>& out) {
beats:
  for (unsigned beat = 0; beat < FrameBeats; ++beat) {
#pragma HLS pipeline II=1 style=flp
    const ap_uint<axis_bits(Bits * Lanes)> word = in.read();
    Beat<Bits, Lanes> y;
  lanes:
    for (unsigned i = 0; i < Lanes; ++i) {
#pragma HLS unroll
      y.lane[i] = ap_uint<Bits>(word >> (i * Bits));
    }
    out.write(y);
  }
}

/// Gives the beats of a frame to an AXI4-Stream.
template <unsigned FrameBeats, unsigned Bits, unsigned Lanes>
void to_axis(Stream<Bits, Lanes>& in, hls::stream<ap_uint<axis_bits(Bits * Lanes)>>& out) {
beats:
  for (unsigned beat = 0; beat < FrameBeats; ++beat) {
#pragma HLS pipeline II=1 style=flp
    const Beat<Bits, Lanes> x = in.read();
    ap_uint<axis_bits(Bits * Lanes)> word = 0;
  lanes:
    for (unsigned i = 0; i < Lanes; ++i) {
#pragma HLS unroll
      word |= ap_uint<axis_bits(Bits * Lanes)>(x.lane[i]) << (i * Bits);
    }
    out.write(word);
  }
}

}  // namespace headrace
