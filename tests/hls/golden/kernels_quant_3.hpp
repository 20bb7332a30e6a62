// SPDX-License-Identifier: Apache-2.0
// Written by headrace; changes here are lost at the next compile.
#pragma once

#include "headrace/requant.hpp"
#include "tables/quant_3_mul.hpp"
#include "tables/quant_3_add.hpp"

namespace kernels {

struct quant_3_cfg {
  static constexpr unsigned Lanes = 1;
  static constexpr unsigned AccW = 15;
  static constexpr unsigned MulW = 2;
  static constexpr unsigned AddW = 2;
  static constexpr unsigned Shift = 5;
  static constexpr unsigned OutW = 8;
  static constexpr unsigned Lo = 0;
  static constexpr unsigned Hi = 255;
  static constexpr unsigned Beats = 4;
  static constexpr unsigned Hold = 1;
  static constexpr unsigned Odd = 0;
  static constexpr unsigned Pixels = 48;
};

/// Layer quant_3 (requant): 6 x 8 x 4 to 6 x 8 x 4.
inline void quant_3(unsigned frames, headrace::Stream<15, 1>& in, headrace::Stream<8, 1>& out) {
#pragma HLS inline off
  headrace::requant<quant_3_cfg>(frames, in, out, quant_3_mul, quant_3_add);
}

}  // namespace kernels
