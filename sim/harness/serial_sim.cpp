// SPDX-License-Identifier: Apache-2.0
//
// The host's end of a serial line before a Verilated board top: bytes go to its receiver and come
// from its sender, bit by bit, at a rate that may differ from the board's. Driven from Python through
// ctypes. The top has the ports of hw/boards: clk_i, rst_ni, rx_i, tx_o.
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "Vsim_top.h"
#include "verilated.h"

namespace {

struct Line {
  VerilatedContext context;
  std::unique_ptr<Vsim_top> top;
  double bit = 16.0;  // cycles that a bit takes at the host's end
  int64_t cycle = 0;
  bool stopped = false;

  std::deque<uint8_t> to_board;
  uint32_t sending = 0;  // bits that are left of a byte, the line's lowest; the highest one marks the end
  double send_due = 0;

  std::deque<uint8_t> from_board;
  bool receiving = false;
  int received = 0;  // bits of the byte, start bit included
  uint32_t shifted = 0;
  double receive_due = 0;
};

thread_local Line* active = nullptr;

void send(Line& l) {
  const double now = static_cast<double>(l.cycle);
  if (now < l.send_due) return;
  if (l.sending <= 1) {
    l.top->rx_i = 1;
    if (l.to_board.empty()) return;
    l.sending = (uint32_t{1} << 10) | (uint32_t{1} << 9) | (uint32_t{l.to_board.front()} << 1);
    l.to_board.pop_front();
    l.send_due = now;
  }
  l.top->rx_i = l.sending & 1;
  l.sending >>= 1;
  l.send_due += l.bit;
}

void receive(Line& l) {
  const double now = static_cast<double>(l.cycle);
  if (!l.receiving) {
    if (l.top->tx_o) return;
    l.receiving = true;
    l.received = 0;
    l.shifted = 0;
    l.receive_due = now + l.bit / 2;
  }
  if (now < l.receive_due) return;
  l.shifted |= static_cast<uint32_t>(l.top->tx_o) << l.received;
  l.receive_due += l.bit;
  if (++l.received == 10) {
    if ((l.shifted & 0x201) == 0x200) l.from_board.push_back(static_cast<uint8_t>(l.shifted >> 1));
    l.receiving = false;
  }
}

void tick(Line& l) {
  send(l);
  l.top->clk_i = 0;
  l.top->eval();
  l.top->clk_i = 1;
  l.top->eval();
  receive(l);
  ++l.cycle;
}

}  // namespace

// Verilator's runtime would end the process; the models run within Python.
void vl_stop(const char*, int, const char*) VL_MT_UNSAFE {
  if (active) active->stopped = true;
}
void vl_fatal(const char*, int, const char*, const char*) VL_MT_UNSAFE {
  if (active) active->stopped = true;
}
void vl_finish(const char*, int, const char*) VL_MT_UNSAFE {
  if (active) active->stopped = true;
}

// ---- called from Python

extern "C" void* hs_new(const char* rom_dir, double cycles_per_bit) {
  auto line = std::make_unique<Line>();
  active = line.get();
  const std::string plusarg = std::string("+rom_dir=") + rom_dir;
  const char* arguments[] = {"sim", plusarg.c_str()};
  line->context.commandArgs(2, arguments);
  line->top = std::make_unique<Vsim_top>(&line->context);
  line->bit = cycles_per_bit;
  line->top->rx_i = 1;
  line->top->rst_ni = 0;
  for (int i = 0; i < 8; ++i) tick(*line);
  line->top->rst_ni = 1;
  return line.release();
}

extern "C" void hs_free(void* handle) {
  active = static_cast<Line*>(handle);
  Verilated::threadContextp(&active->context);  // its scopes are erased from this thread's context, which may be another's
  active->top->final();
  delete active;
  active = nullptr;
}

// The board as after configuration.
extern "C" void hs_reset(void* handle) {
  auto& l = *static_cast<Line*>(handle);
  active = &l;
  l.top->rst_ni = 0;
  for (int i = 0; i < 8; ++i) tick(l);
  l.top->rst_ni = 1;
}

extern "C" void hs_send(void* handle, const uint8_t* bytes, int64_t count) {
  auto& l = *static_cast<Line*>(handle);
  l.to_board.insert(l.to_board.end(), bytes, bytes + count);
}

// Runs `cycles` cycles; gives up to `room` bytes that came. Returns how many, or -1 after a failed assertion.
extern "C" int64_t hs_run(void* handle, int64_t cycles, uint8_t* bytes, int64_t room) {
  auto& l = *static_cast<Line*>(handle);
  active = &l;
  for (int64_t i = 0; i < cycles && !l.stopped; ++i) tick(l);
  if (l.stopped || l.context.gotFinish()) return -1;
  int64_t count = 0;
  for (; count < room && !l.from_board.empty(); ++count) {
    bytes[count] = l.from_board.front();
    l.from_board.pop_front();
  }
  return count;
}

extern "C" int64_t hs_cycles(void* handle) { return static_cast<Line*>(handle)->cycle; }
