// SPDX-License-Identifier: Apache-2.0
// Written by headrace; changes here are lost at the next compile.
#include "network.hpp"

void headrace_network(unsigned frames,
    headrace::Stream<8, 3>& in_x,
    headrace::Stream<8, 1>& t_heatmap,
    headrace::Stream<8, 1>& t_box) {
#pragma HLS dataflow
  stage_0(frames, in_x, t_heatmap, t_box);
}
