// SPDX-License-Identifier: Apache-2.0
// Written by headrace; changes here are lost at the next compile.
#include "top.hpp"

#include "headrace/memory.hpp"
#include "network.hpp"

void headrace_top(unsigned frames,
    const ap_uint<32>* in_x_memory,
    ap_uint<32>* t_heatmap_memory,
    ap_uint<32>* t_box_memory) {
#pragma HLS interface mode=m_axi port=in_x_memory bundle=in_x offset=slave depth=384 max_read_burst_length=64
#pragma HLS interface mode=s_axilite port=in_x_memory
#pragma HLS interface mode=m_axi port=t_heatmap_memory bundle=t_heatmap offset=slave depth=192 max_write_burst_length=64
#pragma HLS interface mode=s_axilite port=t_heatmap_memory
#pragma HLS interface mode=m_axi port=t_box_memory bundle=t_box offset=slave depth=384 max_write_burst_length=64
#pragma HLS interface mode=s_axilite port=t_box_memory
#pragma HLS interface mode=s_axilite port=frames
#pragma HLS interface mode=s_axilite port=return
#pragma HLS dataflow
  headrace::Stream<8, 3> in_x("in_x");
#pragma HLS stream variable=in_x depth=64
#pragma HLS aggregate variable=in_x compact=bit
  headrace::Stream<8, 1> t_heatmap("t_heatmap");
#pragma HLS stream variable=t_heatmap depth=64
#pragma HLS aggregate variable=t_heatmap compact=bit
  headrace::Stream<8, 1> t_box("t_box");
#pragma HLS stream variable=t_box depth=64
#pragma HLS aggregate variable=t_box compact=bit
  headrace::read_memory<192>(frames, in_x_memory, in_x);
  headrace_network(frames, in_x, t_heatmap, t_box);
  headrace::write_memory<96>(frames, t_heatmap, t_heatmap_memory);
  headrace::write_memory<192>(frames, t_box, t_box_memory);
}
