// SPDX-License-Identifier: Apache-2.0
// Written by headrace; changes here are lost at the next compile.
#pragma once

#include "headrace/matvec.hpp"
#include "tables/conv_2_weights.hpp"

namespace kernels {

struct conv_2_cfg {
  static constexpr unsigned LanesIn = 3;
  static constexpr unsigned LanesOut = 4;
  static constexpr unsigned BeatsIn = 9;
  static constexpr unsigned BeatsOut = 1;
  static constexpr unsigned Groups = 1;
  static constexpr unsigned ActW = 8;
  static constexpr unsigned ActSigned = 0;
  static constexpr unsigned WgtW = 4;
  static constexpr unsigned AccW = 15;
  static constexpr unsigned Pixels = 48;
};

/// Layer conv_2 (conv, part 2 of 2): 12 x 16 x 3 to 6 x 8 x 4.
inline void conv_2(unsigned frames, headrace::Stream<8, 3>& in, headrace::Stream<15, 4>& out) {
#pragma HLS inline off
  headrace::matvec<conv_2_cfg>(frames, in, out, conv_2_weights);
}

}  // namespace kernels
