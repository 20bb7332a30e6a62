// SPDX-License-Identifier: Apache-2.0
// Written by headrace; changes here are lost at the next compile.
#include "top.hpp"

#include "network.hpp"

void conv_2_ip(hls::stream<ap_uint<24>>& in0, hls::stream<ap_uint<64>>& out0) {
#pragma HLS interface mode=axis port=in0
#pragma HLS interface mode=axis port=out0
#pragma HLS interface mode=ap_ctrl_chain port=return
#pragma HLS dataflow
  headrace::Stream<8, 3> in0_beats("in0_beats");
#pragma HLS stream variable=in0_beats depth=2
#pragma HLS aggregate variable=in0_beats compact=bit
  headrace::Stream<15, 4> out0_beats("out0_beats");
#pragma HLS stream variable=out0_beats depth=2
#pragma HLS aggregate variable=out0_beats compact=bit
  headrace::from_axis<192>(in0, in0_beats);
  conv_2_layer(1, in0_beats, out0_beats);
  headrace::to_axis<48>(out0_beats, out0);
}
