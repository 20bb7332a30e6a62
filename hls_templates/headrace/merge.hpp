// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "headrace/beat.hpp"

namespace headrace {

/// One value of two: with `Sum` their sum, modulo 2**bits, else the larger one.
template <bool Sum, class Value>
Value merge(const Value& a, const Value& b) {
#pragma HLS inline
  if constexpr (Sum) {
    return a + b;
  } else {
    return a > b ? a : b;
  }
}

}  // namespace headrace
