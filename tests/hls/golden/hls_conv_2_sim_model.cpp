// SPDX-License-Identifier: Apache-2.0
// Written by headrace: the kernels of layer conv_2 as a part of an RTL simulation: an iteration of a pipelined loop a clock.
#include <cstdio>
#include <cstring>
#include <memory>

#include "kernels/conv_2_window.hpp"
#include "kernels/conv_2.hpp"
#include "sim/words.hpp"

namespace {

/// The layer after reset: every kernel works off frame after frame.
struct Kernels {
  headrace::sim::Scheduler scheduler;
  headrace::Stream<8, 3> in0{"in0", 2};
  headrace::Stream<15, 4> out0{"out0", 2};
  headrace::Stream<8, 3> conv_2_window_out{"conv_2_window_out", 2};

  Kernels() {
    scheduler.spawn("conv_2_window", [this] {
      for (;;) {
        const uint64_t before = scheduler.iterations();
        kernels::conv_2_window(1, conv_2_window_out, in0);
        scheduler.drain(before);
      }
    });
    scheduler.spawn("conv_2", [this] {
      for (;;) {
        const uint64_t before = scheduler.iterations();
        kernels::conv_2(1, conv_2_window_out, out0);
        scheduler.drain(before);
      }
    });
  }
};

struct Layer {
  std::unique_ptr<Kernels> kernels = std::make_unique<Kernels>();
  bool in0_ready = false;
  bool out0_valid = false;
};

}  // namespace

extern "C" void* conv_2_hls_new() { return new Layer; }

extern "C" void conv_2_hls_free(void* handle) { delete static_cast<Layer*>(handle); }

/// A rising edge of the clock: takes and gives the beats that were valid and ready before it, lets the kernels run for a cycle,
/// and says what is valid and ready after it. Returns 1 if a kernel failed.
extern "C" int conv_2_hls_clock(void* handle, unsigned char rst_n,
    unsigned char in0_valid, const uint32_t* in0_data, unsigned char* in0_ready,
    unsigned char out0_ready, unsigned char* out0_valid, uint32_t* out0_data) {
  Layer& layer = *static_cast<Layer*>(handle);
  try {
    if (!rst_n && layer.kernels->scheduler.cycle() > 0) layer.kernels = std::make_unique<Kernels>();
    Kernels& k = *layer.kernels;
    k.scheduler.use();
    if (rst_n) {
      if (in0_valid && layer.in0_ready) k.in0.write(headrace::sim::from_words<8, 3>(in0_data));
      if (layer.out0_valid && out0_ready) k.out0.read();
      k.scheduler.step();
    }
    *in0_ready = layer.in0_ready = rst_n && !k.in0.full();
    *out0_valid = layer.out0_valid = k.out0.settle() > 0;
    headrace::sim::Words<15, 4> out0_words{};
    if (layer.out0_valid) out0_words = headrace::sim::to_words(k.out0.front());
    std::memcpy(out0_data, out0_words.data(), sizeof out0_words);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "conv_2: %s\n", error.what());
    return 1;
  }
  return 0;
}
