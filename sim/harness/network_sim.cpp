// SPDX-License-Identifier: Apache-2.0
//
// Runs a Verilated network from Python through ctypes: feeds beats, takes beats, with random stalls,
// and answers the profiling calls of the stream FIFOs. One shared object per network.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "Vsim_top.h"
#if __has_include("Vsim_top__Dpi.h")  // a netlist asks for nothing
#include "Vsim_top__Dpi.h"
#endif
#include "verilated.h"

namespace {

// What Python and this file both know; the layout is mirrored in headrace_host/simulator.py.
struct StreamState {
  const uint32_t* source;  // input words; null for outputs
  uint32_t* sink;          // output words; null for inputs
  int64_t words;           // 32-bit words of a beat
  int64_t beats;           // beats to give or to take in all
  int64_t frame_beats;     // beats of one frame
  int64_t done;            // beats given or taken so far
  double period;           // inputs: cycles between beats (0: as fast as they are taken)
};

struct RunState {
  StreamState* inputs;
  StreamState* outputs;
  int64_t input_count;
  int64_t output_count;
  double stall_in;   // probability that a beat is withheld in a cycle
  double stall_out;  // probability that an output is not ready in a cycle
  int64_t max_cycles;
  int64_t idle_limit;   // cycles without any beat at the ports that count as deadlock
  int64_t* frame_ends;  // cycle in which the last output finished each frame
  int64_t frames_done;
  int64_t cycles;
  int64_t first_beat;  // cycle of the first input beat; -1 before
};

enum Status : int { RUNNING = 0, FINISHED = 1, DEADLOCK = 2, ASSERTION = 3 };

// xorshift64*: the same stalls for the same seed on every machine.
struct Random {
  uint64_t state;
  explicit Random(uint64_t seed) : state(seed * 0x9E3779B97F4A7C15ull + 0x2545F4914F6CDD1Dull) {}
  bool below(double probability) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return static_cast<double>((state * 0x2545F4914F6CDD1Dull) >> 11) < probability * 9007199254740992.0;
  }
};

struct Fifo {
  int64_t limit = -1;
  int64_t peak = 0;
  bool tapped = false;
  std::vector<uint32_t> words;
};

struct Simulation {
  VerilatedContext context;
  std::unique_ptr<Vsim_top> top;
  Random random{1};
  std::vector<Fifo> fifos;
  std::vector<char> offered;  // inputs whose beat stands at the port
  bool stopped = false;
  int64_t idle = 0;
};

thread_local Simulation* active = nullptr;

Fifo& fifo(int id) {
  if (static_cast<size_t>(id) >= active->fifos.size()) active->fifos.resize(id + 1);
  return active->fifos[id];
}

void evaluate(Simulation& sim, int clock) {
  sim.top->clk_i = clock;
  sim.top->eval();
  sim.context.timeInc(1);
}

// Verilator gives ports of up to 64 bits as integers and wider ones as arrays of words.
uint32_t* port_words(uint32_t& port) { return &port; }
uint32_t* port_words(uint64_t& port) { return reinterpret_cast<uint32_t*>(&port); }
template <std::size_t N>
uint32_t* port_words(VlWide<N>& port) {
  return port.data();
}

template <typename T>
bool bit(const T& port, int index) {
  return (port >> index) & 1u;
}

void reset(Simulation& sim) {
  sim.top->rst_ni = 0;
  sim.top->in_valid_i = 0;
  sim.top->weights_i = 0;
  sim.top->out_ready_i = 0;
  for (int i = 0; i < 4; ++i) {
    evaluate(sim, 0);
    evaluate(sim, 1);
  }
  sim.top->rst_ni = 1;
  sim.offered.clear();
  sim.idle = 0;
}

void offer_inputs(Simulation& sim, RunState& run) {
  uint32_t* data = port_words(sim.top->in_data_i);
  uint64_t valid = 0;
  for (int64_t i = 0; i < run.input_count; ++i) {
    StreamState& s = run.inputs[i];
    if (!sim.offered[i] && s.done < s.beats) {
      const bool due = s.period <= 0 || static_cast<double>(run.cycles) >= s.period * static_cast<double>(s.done);
      sim.offered[i] = due && !(run.stall_in > 0 && sim.random.below(run.stall_in));
      if (sim.offered[i]) {
        for (int64_t w = 0; w < s.words; ++w) data[w] = s.source[s.done * s.words + w];
      }
    }
    valid |= static_cast<uint64_t>(sim.offered[i]) << i;
    data += s.words;
  }
  sim.top->in_valid_i = valid;
  uint64_t weights = ~uint64_t{0};  // words of weights are withheld like inputs
  for (int i = 0; run.stall_in > 0 && i < sim.top->weight_count_o; ++i) {
    weights ^= static_cast<uint64_t>(sim.random.below(run.stall_in)) << i;
  }
  sim.top->weights_i = weights;
}

void open_outputs(Simulation& sim, const RunState& run) {
  uint64_t ready = 0;
  for (int64_t i = 0; i < run.output_count; ++i) {
    const bool open = run.outputs[i].done < run.outputs[i].beats;
    ready |= static_cast<uint64_t>(open && !(run.stall_out > 0 && sim.random.below(run.stall_out))) << i;
  }
  sim.top->out_ready_i = ready;
}

bool take_beats(Simulation& sim, RunState& run) {
  bool moved = false;
  for (int64_t i = 0; i < run.input_count; ++i) {
    if (sim.offered[i] && bit(sim.top->in_ready_o, i)) {
      sim.offered[i] = 0;
      ++run.inputs[i].done;
      if (run.first_beat < 0) run.first_beat = run.cycles;
      moved = true;
    }
  }
  const uint32_t* data = port_words(sim.top->out_data_o);
  for (int64_t i = 0; i < run.output_count; ++i) {
    StreamState& s = run.outputs[i];
    if (bit(sim.top->out_valid_o, i) && bit(sim.top->out_ready_i, i)) {
      for (int64_t w = 0; w < s.words; ++w) s.sink[s.done * s.words + w] = data[w];
      ++s.done;
      moved = true;
    }
    data += s.words;
  }
  return moved;
}

// Frames count as done when every output has given all their beats.
void mark_frames(RunState& run) {
  int64_t frames = INT64_MAX;
  for (int64_t i = 0; i < run.output_count; ++i) {
    const int64_t done = run.outputs[i].done / run.outputs[i].frame_beats;
    frames = done < frames ? done : frames;
  }
  while (run.frames_done < frames) run.frame_ends[run.frames_done++] = run.cycles;
}

bool finished(const RunState& run) {
  for (int64_t i = 0; i < run.output_count; ++i) {
    if (run.outputs[i].done < run.outputs[i].beats) return false;
  }
  return true;
}

}  // namespace

// ---- called by stream_fifo.sv

extern "C" int hr_fifo_limit(int id, int depth) {
  const int64_t limit = fifo(id).limit;
  return limit > 0 && limit < depth ? static_cast<int>(limit) : depth;
}

extern "C" void hr_fifo_peak(int id, int level) { fifo(id).peak = level; }

extern "C" int hr_tap_on(int id) { return fifo(id).tapped; }

extern "C" void hr_tap(int id, int, unsigned bits) { fifo(id).words.push_back(bits); }

// ---- called by Verilator's runtime in place of ending the process

void vl_stop(const char* file, int line, const char*) VL_MT_UNSAFE {
  std::fprintf(stderr, "stopped at %s:%d\n", file, line);
  if (active) active->stopped = true;
}
void vl_fatal(const char* file, int line, const char*, const char* message) VL_MT_UNSAFE {
  std::fprintf(stderr, "fatal: %s (%s:%d)\n", message, file, line);
  if (active) active->stopped = true;
}
void vl_finish(const char*, int, const char*) VL_MT_UNSAFE {
  if (active) active->stopped = true;
}

// ---- called from Python

extern "C" void* hr_new(const char* rom_dir) {
  auto sim = std::make_unique<Simulation>();
  active = sim.get();
  const std::string plusarg = std::string("+rom_dir=") + rom_dir;
  const char* arguments[] = {"sim", plusarg.c_str()};
  sim->context.commandArgs(2, arguments);
  sim->top = std::make_unique<Vsim_top>(&sim->context);
  return sim.release();
}

extern "C" void hr_free(void* handle) {
  active = static_cast<Simulation*>(handle);
  Verilated::threadContextp(&active->context);  // its scopes are erased from this thread's context, which may be another's
  active->top->final();
  delete active;
  active = nullptr;
}

extern "C" void hr_reset(void* handle, uint64_t seed) {
  auto& sim = *static_cast<Simulation*>(handle);
  active = &sim;
  sim.random = Random(seed);
  sim.stopped = false;
  for (Fifo& f : sim.fifos) {
    f.peak = 0;
    f.words.clear();
  }
  reset(sim);
}

extern "C" void hr_set_fifo(void* handle, int id, int64_t limit, int tapped) {
  active = static_cast<Simulation*>(handle);
  fifo(id).limit = limit;
  fifo(id).tapped = tapped != 0;
}

extern "C" int64_t hr_fifo_level(void* handle, int id) {
  active = static_cast<Simulation*>(handle);
  return fifo(id).peak;
}

extern "C" int64_t hr_tap_words(void* handle, int id, const uint32_t** words) {
  active = static_cast<Simulation*>(handle);
  *words = fifo(id).words.data();
  return static_cast<int64_t>(fifo(id).words.size());
}

// Simulates at most run->max_cycles more cycles; call again while it returns RUNNING.
extern "C" int hr_run(void* handle, RunState* run) {
  auto& sim = *static_cast<Simulation*>(handle);
  active = &sim;
  sim.offered.resize(run->input_count, 0);
  const int64_t stop = run->cycles + run->max_cycles;
  while (run->cycles < stop) {
    offer_inputs(sim, *run);
    open_outputs(sim, *run);
    evaluate(sim, 0);
    sim.idle = take_beats(sim, *run) ? 0 : sim.idle + 1;
    evaluate(sim, 1);
    ++run->cycles;
    mark_frames(*run);
    if (sim.stopped || sim.context.gotFinish()) return ASSERTION;
    if (finished(*run)) return FINISHED;
    if (sim.idle > run->idle_limit) return DEADLOCK;
  }
  return RUNNING;
}
