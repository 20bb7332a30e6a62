// SPDX-License-Identifier: Apache-2.0
// Written by headrace; changes here are lost at the next compile.
#include "kernels/conv_2_window.hpp"
#include "kernels/conv_2.hpp"
#include "kernels/t_conv_2_out__q__r1_repack.hpp"
#include "kernels/quant_3.hpp"
#include "kernels/t_quant_3_out__q__r4_repack.hpp"
#include "kernels/conv_5_window.hpp"
#include "kernels/conv_5.hpp"
#include "kernels/t_conv_5_out__q__r1_repack.hpp"
#include "kernels/quant_6.hpp"
#include "kernels/t_quant_6_out_fork.hpp"
#include "kernels/conv_8.hpp"
#include "kernels/quant_9.hpp"
#include "kernels/conv_11.hpp"
#include "kernels/t_conv_11_out__q__r1_repack.hpp"
#include "kernels/quant_12.hpp"
#include "network.hpp"

void stage_0(unsigned frames,
    headrace::Stream<8, 3>& in_x,
    headrace::Stream<8, 1>& t_heatmap,
    headrace::Stream<8, 1>& t_box) {
#pragma HLS dataflow
  headrace::Stream<8, 3> conv_2_window_out("conv_2_window_out");
#pragma HLS stream variable=conv_2_window_out depth=2
#pragma HLS aggregate variable=conv_2_window_out compact=bit
  headrace::Stream<15, 4> t_conv_2_out("t_conv_2_out");
#pragma HLS stream variable=t_conv_2_out depth=3
#pragma HLS aggregate variable=t_conv_2_out compact=bit
  headrace::Stream<15, 1> t_conv_2_out__q__r1("t_conv_2_out__q__r1");
#pragma HLS stream variable=t_conv_2_out__q__r1 depth=2
#pragma HLS aggregate variable=t_conv_2_out__q__r1 compact=bit
  headrace::Stream<8, 1> t_quant_3_out("t_quant_3_out");
#pragma HLS stream variable=t_quant_3_out depth=9
#pragma HLS aggregate variable=t_quant_3_out compact=bit
  headrace::Stream<8, 4> t_quant_3_out__q__r4("t_quant_3_out__q__r4");
#pragma HLS stream variable=t_quant_3_out__q__r4 depth=2
#pragma HLS aggregate variable=t_quant_3_out__q__r4 compact=bit
  headrace::Stream<8, 4> conv_5_window_out("conv_5_window_out");
#pragma HLS stream variable=conv_5_window_out depth=2
#pragma HLS aggregate variable=conv_5_window_out compact=bit
  headrace::Stream<13, 4> t_conv_5_out("t_conv_5_out");
#pragma HLS stream variable=t_conv_5_out depth=3
#pragma HLS aggregate variable=t_conv_5_out compact=bit
  headrace::Stream<13, 1> t_conv_5_out__q__r1("t_conv_5_out__q__r1");
#pragma HLS stream variable=t_conv_5_out__q__r1 depth=2
#pragma HLS aggregate variable=t_conv_5_out__q__r1 compact=bit
  headrace::Stream<8, 1> t_quant_6_out("t_quant_6_out");
#pragma HLS stream variable=t_quant_6_out depth=2
#pragma HLS aggregate variable=t_quant_6_out compact=bit
  headrace::Stream<8, 1> t_quant_6_out__f0("t_quant_6_out__f0");
#pragma HLS stream variable=t_quant_6_out__f0 depth=9
#pragma HLS aggregate variable=t_quant_6_out__f0 compact=bit
  headrace::Stream<8, 1> t_quant_6_out__f1("t_quant_6_out__f1");
#pragma HLS stream variable=t_quant_6_out__f1 depth=9
#pragma HLS aggregate variable=t_quant_6_out__f1 compact=bit
  headrace::Stream<12, 1> t_conv_8_out("t_conv_8_out");
#pragma HLS stream variable=t_conv_8_out depth=2
#pragma HLS aggregate variable=t_conv_8_out compact=bit
  headrace::Stream<12, 2> t_conv_11_out("t_conv_11_out");
#pragma HLS stream variable=t_conv_11_out depth=5
#pragma HLS aggregate variable=t_conv_11_out compact=bit
  headrace::Stream<12, 1> t_conv_11_out__q__r1("t_conv_11_out__q__r1");
#pragma HLS stream variable=t_conv_11_out__q__r1 depth=2
#pragma HLS aggregate variable=t_conv_11_out__q__r1 compact=bit
  kernels::conv_2_window(frames, conv_2_window_out, in_x);
  kernels::conv_2(frames, conv_2_window_out, t_conv_2_out);
  kernels::t_conv_2_out__q__r1_repack(frames, t_conv_2_out, t_conv_2_out__q__r1);
  kernels::quant_3(frames, t_conv_2_out__q__r1, t_quant_3_out);
  kernels::t_quant_3_out__q__r4_repack(frames, t_quant_3_out, t_quant_3_out__q__r4);
  kernels::conv_5_window(frames, conv_5_window_out, t_quant_3_out__q__r4);
  kernels::conv_5(frames, conv_5_window_out, t_conv_5_out);
  kernels::t_conv_5_out__q__r1_repack(frames, t_conv_5_out, t_conv_5_out__q__r1);
  kernels::quant_6(frames, t_conv_5_out__q__r1, t_quant_6_out);
  kernels::t_quant_6_out_fork(frames, t_quant_6_out, t_quant_6_out__f0, t_quant_6_out__f1);
  kernels::conv_8(frames, t_quant_6_out__f0, t_conv_8_out);
  kernels::quant_9(frames, t_conv_8_out, t_heatmap);
  kernels::conv_11(frames, t_quant_6_out__f1, t_conv_11_out);
  kernels::t_conv_11_out__q__r1_repack(frames, t_conv_11_out, t_conv_11_out__q__r1);
  kernels::quant_12(frames, t_conv_11_out__q__r1, t_box);
}
