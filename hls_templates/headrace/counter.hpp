// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"

namespace headrace {

/// A register that counts 0 to `Count - 1`, again and again. Counters make up a nest: `if (inner.step()) outer.step()`.
template <unsigned Count>
class Counter {
  static_assert(Count >= 1, "a counter counts at least one thing");
  using Bits = ap_uint<index_bits(Count)>;

 public:
  Counter(unsigned start = 0) : at_(start) {}

  /// The count, for arithmetic that may become negative.
  int at() const {
#pragma HLS inline
    return at_.to_int();
  }

  operator unsigned() const {
#pragma HLS inline
    return at_.to_uint();
  }

  bool last() const {
#pragma HLS inline
    return at_ == Bits(Count - 1);
  }

  /// Goes on; returns whether it came round.
  bool step() {
#pragma HLS inline
    const bool round = last();
    at_ = round ? Bits(0) : Bits(at_ + Bits(1));
    return round;
  }

 private:
  Bits at_;
};

}  // namespace headrace
