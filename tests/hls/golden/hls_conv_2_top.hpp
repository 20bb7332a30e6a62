// SPDX-License-Identifier: Apache-2.0
// Written by headrace; changes here are lost at the next compile.
#pragma once

#include "headrace/axis.hpp"

/// One frame of conv_2 of small, between AXI4-Streams: a beat in each transfer, lane 0 in the low bits. In the network it is
/// started for the next frame whenever it is ready.
void conv_2_ip(hls::stream<ap_uint<24>>& in0, hls::stream<ap_uint<64>>& out0);
