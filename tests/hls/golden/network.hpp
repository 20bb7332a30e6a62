// SPDX-License-Identifier: Apache-2.0
// Written by headrace; changes here are lost at the next compile.
#pragma once

#include "headrace/beat.hpp"

void stage_0(unsigned frames,
    headrace::Stream<8, 3>& in_x,
    headrace::Stream<8, 1>& t_heatmap,
    headrace::Stream<8, 1>& t_box);

/// The network small: every tensor is a stream of NHWC pixels, a few channels a beat.
void headrace_network(unsigned frames,
    headrace::Stream<8, 3>& in_x,
    headrace::Stream<8, 1>& t_heatmap,
    headrace::Stream<8, 1>& t_box);
