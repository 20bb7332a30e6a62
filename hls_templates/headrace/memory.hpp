// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"

namespace headrace {

/// Words of `WordBits` bits that hold one beat; lane 0 lies in the low bits of the first one.
template <int WordBits, unsigned BeatBits>
constexpr unsigned words_per_beat = ceil_div(BeatBits, WordBits);

/// Reads the beats of `frames` frames from consecutive words of memory, a word each cycle.
template <unsigned FrameBeats, int WordBits, unsigned Bits, unsigned Lanes>
void read_memory(unsigned frames, const ap_uint<WordBits>* memory, Stream<Bits, Lanes>& out) {
  constexpr unsigned words = words_per_beat<WordBits, Bits * Lanes>;
  ap_uint<words * WordBits> held = 0;
  unsigned address = 0;

frames:
  for (unsigned frame = 0; frame < frames; ++frame) {
  beats:
    for (unsigned beat = 0; beat < FrameBeats; ++beat) {
    words:
      for (unsigned word = 0; word < words; ++word) {
#pragma HLS pipeline II=1 style=flp
        if constexpr (words == 1) {
          held = memory[address];
        } else {
          held = (ap_uint<words * WordBits>(memory[address]) << ((words - 1) * WordBits)) | (held >> WordBits);
        }
        ++address;
        if (word == words - 1) {
          Beat<Bits, Lanes> y;
        lanes:
          for (unsigned i = 0; i < Lanes; ++i) {
#pragma HLS unroll
            y.lane[i] = ap_uint<Bits>(held >> (i * Bits));
          }
          out.write(y);
        }
      }
    }
  }
}

/// Writes the beats of `frames` frames to consecutive words of memory, a word each cycle.
template <unsigned FrameBeats, int WordBits, unsigned Bits, unsigned Lanes>
void write_memory(unsigned frames, Stream<Bits, Lanes>& in, ap_uint<WordBits>* memory) {
  constexpr unsigned words = words_per_beat<WordBits, Bits * Lanes>;
  ap_uint<words * WordBits> held = 0;
  unsigned address = 0;

frames:
  for (unsigned frame = 0; frame < frames; ++frame) {
  beats:
    for (unsigned beat = 0; beat < FrameBeats; ++beat) {
    words:
      for (unsigned word = 0; word < words; ++word) {
#pragma HLS pipeline II=1 style=flp
        if (word == 0) {
          const Beat<Bits, Lanes> x = in.read();
          ap_uint<words * WordBits> next = 0;
        lanes:
          for (unsigned i = 0; i < Lanes; ++i) {
#pragma HLS unroll
            next |= ap_uint<words * WordBits>(x.lane[i]) << (i * Bits);
          }
          held = next;
        } else {
          held >>= WordBits;
        }
        memory[address] = ap_uint<WordBits>(held);
        ++address;
      }
    }
  }
}

}  // namespace headrace
