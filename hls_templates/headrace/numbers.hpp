// SPDX-License-Identifier: Apache-2.0
// Whole numbers of which shapes are computed.
#pragma once

#include "headrace/beat.hpp"

namespace headrace {

constexpr int clamped(int value, int lo, int hi) { return value < lo ? lo : value > hi ? hi : value; }
constexpr int modulo(int a, int m) { return (a % m + m) % m; }

/// The largest divisor of `number` that is at most `most`, and the least odd number that is at least `number`.
/// Compared with what is given, they make a compiler show it.
constexpr unsigned divisor_up_to(unsigned most, unsigned number) {
  while (number % most != 0) --most;
  return most;
}
constexpr unsigned odd_from(unsigned number) { return number / 2 * 2 + 1; }

/// The logarithm of a power of two.
constexpr unsigned shift_of(unsigned power) { return power < 2 ? 0 : 1 + shift_of(power / 2); }

/// Bits of a signed number whose magnitude is at most `most`.
constexpr unsigned signed_bits(unsigned most) { return index_bits(most + 1) + 1; }

}  // namespace headrace
