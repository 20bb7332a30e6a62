// SPDX-License-Identifier: Apache-2.0
//
// A board around a Verilated headrace_ip: DRAM behind its AXI4 master, with latency, bandwidth and
// faults, and a processor at its AXI4-Lite slave. Driven from Python through ctypes; one shared
// object per build. The structures are mirrored in headrace_sim/board.py.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <string>

#include "Vsim_top.h"
#include "verilated.h"

namespace {

enum Resp : uint8_t { OKAY = 0, SLVERR = 2, DECERR = 3 };
enum Channel : uint32_t { AR = 1, R = 2, AW = 4, W = 8, B = 16, CLOCK = 32, LITE = 64 };

// How memory behaves; times in cycles of the fabric's clock.
struct Model {
  int64_t read_latency;    // from address to first word
  int64_t write_latency;   // from last word to response
  int64_t jitter;          // latencies grow by a random amount up to this
  double bytes_per_cycle;  // of reads and writes together; 0 without limit
  double stall;            // probability that a channel pauses in a cycle
  uint64_t seed;
  uint32_t stuck;          // channels (bits of Channel) that never answer
  uint32_t wrong_last;     // RLAST comes a word early
  uint64_t error_first;    // addresses that are answered with `error`
  uint64_t error_last;
  uint32_t error_reads;    // how many bursts of reads, and of writes, are answered so; -1: all
  uint32_t error_writes;
  uint32_t error;          // SLVERR or DECERR
  uint32_t reserved;
};

struct Burst {
  uint64_t address;
  int64_t words;
  int64_t due;  // cycle from which it is answered
  uint8_t response;
};

struct Random {  // xorshift64*: the same behaviour for the same seed on every machine
  uint64_t state = 1;
  void seed(uint64_t value) { state = value * 0x9E3779B97F4A7C15ull + 0x2545F4914F6CDD1Dull; }
  uint64_t next() {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545F4914F6CDD1Dull;
  }
  bool below(double probability) { return static_cast<double>(next() >> 11) < probability * 9007199254740992.0; }
  int64_t upto(int64_t most) { return most > 0 ? static_cast<int64_t>(next() % static_cast<uint64_t>(most + 1)) : 0; }
};

template <typename T>
uint32_t* words_of(T& port) {
  return reinterpret_cast<uint32_t*>(&port);
}
template <std::size_t N>
uint32_t* words_of(VlWide<N>& port) {
  return port.data();
}

struct Board {
  VerilatedContext context;
  std::unique_ptr<Vsim_top> ip;
  Model model{};
  Random random;
  uint8_t* dram = nullptr;
  uint64_t base = 0;
  uint64_t size = 0;
  int64_t cycle = 0;
  double credit = 0;  // bytes that memory may move
  std::deque<Burst> reads;
  std::deque<Burst> writes;     // addresses whose words come
  std::deque<Burst> responses;  // writes whose response is due
  int64_t moved[2] = {0, 0};    // bytes read and written
  bool r_offered = false;
  bool b_offered = false;
  bool stopped = false;
  int64_t word_bytes = sizeof(Vsim_top::m_axi_wdata);
};

thread_local Board* active = nullptr;

bool stuck(const Board& b, Channel channel) { return b.model.stuck & channel; }
bool pauses(Board& b) { return b.model.stall > 0 && b.random.below(b.model.stall); }

bool inside(const Board& b, uint64_t address, uint64_t bytes) {
  return address >= b.base && address + bytes <= b.base + b.size;
}

uint8_t respond(Board& b, uint64_t address, int64_t words, uint32_t& left) {
  const uint64_t bytes = static_cast<uint64_t>(words * b.word_bytes);
  if (!inside(b, address, bytes)) return DECERR;
  if (!left || address > b.model.error_last || address + bytes <= b.model.error_first) return OKAY;
  if (left != UINT32_MAX) --left;
  return static_cast<uint8_t>(b.model.error);
}

// What memory shows at its ports in this cycle.
void drive(Board& b) {
  Vsim_top& ip = *b.ip;
  if (b.model.bytes_per_cycle > 0) {
    b.credit += b.model.bytes_per_cycle;
    const double most = 4.0 * static_cast<double>(b.word_bytes);
    if (b.credit > most) b.credit = most;
  } else {
    b.credit = static_cast<double>(2 * b.word_bytes);
  }
  ip.m_axi_arready = !stuck(b, AR) && b.reads.size() < 16 && !pauses(b);
  ip.m_axi_awready = !stuck(b, AW) && b.writes.size() + b.responses.size() < 16 && !pauses(b);
  const bool can_move = b.credit >= static_cast<double>(b.word_bytes);
  ip.m_axi_wready = !stuck(b, W) && !b.writes.empty() && can_move && !pauses(b);
  if (!b.r_offered && !b.reads.empty() && b.cycle >= b.reads.front().due && !stuck(b, R) && can_move && !pauses(b)) {
    const Burst& burst = b.reads.front();
    b.r_offered = true;
    if (inside(b, burst.address, b.word_bytes) && burst.response == OKAY) {
      std::memcpy(words_of(ip.m_axi_rdata), b.dram + (burst.address - b.base), b.word_bytes);
    } else {
      std::memset(words_of(ip.m_axi_rdata), 0xEE, b.word_bytes);
    }
    ip.m_axi_rresp = burst.response;
    ip.m_axi_rlast = burst.words == (b.model.wrong_last ? 2 : 1);
  }
  ip.m_axi_rvalid = b.r_offered;
  if (!b.b_offered && !b.responses.empty() && b.cycle >= b.responses.front().due && !stuck(b, B) && !pauses(b)) {
    b.b_offered = true;
    ip.m_axi_bresp = b.responses.front().response;
  }
  ip.m_axi_bvalid = b.b_offered;
}

// What was exchanged at the end of the cycle.
void sample(Board& b) {
  Vsim_top& ip = *b.ip;
  if (ip.m_axi_rvalid && ip.m_axi_rready) {
    Burst& burst = b.reads.front();
    burst.address += b.word_bytes;
    b.credit -= static_cast<double>(b.word_bytes);
    b.moved[0] += b.word_bytes;
    b.r_offered = false;
    if (--burst.words == 0) b.reads.pop_front();
  }
  if (ip.m_axi_arvalid && ip.m_axi_arready) {
    const int64_t words = ip.m_axi_arlen + 1;
    const int64_t due = b.cycle + b.model.read_latency + b.random.upto(b.model.jitter);
    b.reads.push_back({ip.m_axi_araddr, words, due, respond(b, ip.m_axi_araddr, words, b.model.error_reads)});
  }
  if (ip.m_axi_bvalid && ip.m_axi_bready) {
    b.responses.pop_front();
    b.b_offered = false;
  }
  if (ip.m_axi_wvalid && ip.m_axi_wready) {
    Burst& burst = b.writes.front();
    if (burst.response == OKAY) {
      std::memcpy(b.dram + (burst.address - b.base), words_of(ip.m_axi_wdata), b.word_bytes);
    }
    burst.address += b.word_bytes;
    b.credit -= static_cast<double>(b.word_bytes);
    b.moved[1] += b.word_bytes;
    if (--burst.words == 0) {
      burst.due = b.cycle + b.model.write_latency + b.random.upto(b.model.jitter);
      b.responses.push_back(burst);
      b.writes.pop_front();
    }
  }
  if (ip.m_axi_awvalid && ip.m_axi_awready) {
    const int64_t words = ip.m_axi_awlen + 1;
    b.writes.push_back({ip.m_axi_awaddr, words, 0, respond(b, ip.m_axi_awaddr, words, b.model.error_writes)});
  }
}

void tick(Board& b) {
  if (stuck(b, CLOCK)) return;
  b.ip->aclk = 0;
  drive(b);
  b.ip->eval();
  b.context.timeInc(1);
  sample(b);
  b.ip->aclk = 1;
  b.ip->eval();
  b.context.timeInc(1);
  ++b.cycle;
}

bool failed(const Board& b) { return b.stopped || b.context.gotFinish(); }

}  // namespace

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

extern "C" void* hb_new(const char* rom_dir) {
  auto board = std::make_unique<Board>();
  active = board.get();
  const std::string plusarg = std::string("+rom_dir=") + rom_dir;
  const char* arguments[] = {"sim", plusarg.c_str()};
  board->context.commandArgs(2, arguments);
  board->ip = std::make_unique<Vsim_top>(&board->context);
  return board.release();
}

extern "C" void hb_free(void* handle) {
  active = static_cast<Board*>(handle);
  Verilated::threadContextp(&active->context);  // its scopes are erased from this thread's context, which may be another's
  active->ip->final();
  delete active;
  active = nullptr;
}

extern "C" void hb_memory(void* handle, uint8_t* dram, uint64_t base, uint64_t size) {
  auto& b = *static_cast<Board*>(handle);
  b.dram = dram;
  b.base = base;
  b.size = size;
}

extern "C" void hb_model(void* handle, const Model* model) {
  auto& b = *static_cast<Board*>(handle);
  if (model->seed != b.model.seed) b.random.seed(model->seed);
  b.model = *model;
}

// The fabric as after configuration; memory forgets what it owes.
extern "C" void hb_reset(void* handle) {
  auto& b = *static_cast<Board*>(handle);
  active = &b;
  b.reads.clear();
  b.writes.clear();
  b.responses.clear();
  b.r_offered = b.b_offered = b.stopped = false;
  Vsim_top& ip = *b.ip;
  ip.s_axi_awvalid = ip.s_axi_wvalid = ip.s_axi_arvalid = 0;
  ip.s_axi_bready = ip.s_axi_rready = 0;
  ip.aresetn = 0;
  const uint32_t faults = b.model.stuck;
  b.model.stuck = 0;
  for (int i = 0; i < 8; ++i) tick(b);
  ip.aresetn = 1;
  b.model.stuck = faults;
}

// Runs up to `cycles` cycles, or until the interrupt's level is `until` (-1: none). Returns the cycles that passed.
extern "C" int64_t hb_run(void* handle, int64_t cycles, int until) {
  auto& b = *static_cast<Board*>(handle);
  active = &b;
  int64_t passed = 0;
  while (passed < cycles && !failed(b)) {
    if (until >= 0 && b.ip->irq == until) break;
    tick(b);
    ++passed;
  }
  return passed;
}

extern "C" int hb_interrupt(void* handle) { return static_cast<Board*>(handle)->ip->irq; }
extern "C" int hb_failed(void* handle) { return failed(*static_cast<Board*>(handle)); }
extern "C" int64_t hb_moved(void* handle, int written) { return static_cast<Board*>(handle)->moved[written]; }
extern "C" int64_t hb_cycles(void* handle) { return static_cast<Board*>(handle)->cycle; }

// One access at the slave; 0 if it was answered within `limit` cycles.
extern "C" int hb_read(void* handle, uint32_t address, uint32_t* value, int64_t limit) {
  auto& b = *static_cast<Board*>(handle);
  active = &b;
  if (stuck(b, LITE)) return 1;
  Vsim_top& ip = *b.ip;
  ip.s_axi_araddr = address;
  ip.s_axi_arvalid = 1;
  ip.s_axi_rready = 1;
  bool answered = false;
  for (int64_t i = 0; i < limit && !answered && !failed(b); ++i) {
    const bool taken = ip.s_axi_arvalid && ip.s_axi_arready;
    if (ip.s_axi_rvalid) {
      *value = ip.s_axi_rdata;
      answered = true;
    }
    tick(b);
    if (taken) ip.s_axi_arvalid = 0;
  }
  ip.s_axi_arvalid = ip.s_axi_rready = 0;
  return answered ? 0 : 1;
}

extern "C" int hb_write(void* handle, uint32_t address, uint32_t value, int64_t limit) {
  auto& b = *static_cast<Board*>(handle);
  active = &b;
  if (stuck(b, LITE)) return 1;
  Vsim_top& ip = *b.ip;
  ip.s_axi_awaddr = address;
  ip.s_axi_wdata = value;
  ip.s_axi_wstrb = 15;
  ip.s_axi_awvalid = ip.s_axi_wvalid = ip.s_axi_bready = 1;
  bool answered = false;
  for (int64_t i = 0; i < limit && !answered && !failed(b); ++i) {
    const bool address_taken = ip.s_axi_awvalid && ip.s_axi_awready;
    const bool data_taken = ip.s_axi_wvalid && ip.s_axi_wready;
    answered = ip.s_axi_bvalid;
    tick(b);
    if (address_taken) ip.s_axi_awvalid = 0;
    if (data_taken) ip.s_axi_wvalid = 0;
  }
  ip.s_axi_awvalid = ip.s_axi_wvalid = ip.s_axi_bready = 0;
  return answered ? 0 : 1;
}
