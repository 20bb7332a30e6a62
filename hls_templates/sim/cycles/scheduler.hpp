// SPDX-License-Identifier: Apache-2.0
// Kernels that take turns, cycle by cycle.
#pragma once

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace headrace::sim {

/// Cycles from an iteration's reads to its writes; what Vitis HLS chooses is less for most kernels. Of time, not of iterations:
/// pipelines flush.
#ifndef HEADRACE_PIPELINE
#define HEADRACE_PIPELINE 16
#endif
constexpr uint64_t kPipeline = HEADRACE_PIPELINE;

/// A coroutine: it leaves with `Scheduler::tick` or `Scheduler::wait`.
struct Process {
  std::string name;
  std::function<void()> body;
  ucontext_t start;
  jmp_buf at;
  bool started = false;
  bool done = false;
  std::string waits;  // for what
  uint64_t iterations = 0;
};

/// Runs processes in an order that does not matter: what one does in a cycle, others see in the next.
class Scheduler {
 public:
  Scheduler() { use(); }
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  ~Scheduler() {
    for (const auto& process : processes_) munmap(process->start.uc_stack.ss_sp, kStackBytes);
  }

  /// The one that was used last, in this thread.
  static Scheduler& get() { return *used(); }

  /// Makes `get` return this one.
  void use() { used() = this; }

  void spawn(std::string name, std::function<void()> body) {
    processes_.push_back(std::make_unique<Process>());
    Process& process = *processes_.back();
    process.name = std::move(name);
    process.body = std::move(body);
    void* stack = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED) throw std::runtime_error("no memory for the stack of " + process.name);
    getcontext(&process.start);
    process.start.uc_stack.ss_sp = stack;
    process.start.uc_stack.ss_size = kStackBytes;
    process.start.uc_link = nullptr;
    makecontext(&process.start, &Scheduler::enter, 0);
    next_.push_back(&process);
  }

  /// Runs all processes to their ends, or until none can go on; returns whether all ended.
  bool run() {
    while (!next_.empty() || asleep_ > 0) step();
    return waiting().empty();
  }

  /// Runs one cycle.
  void step() {
    std::swap(now_, next_);
    next_.clear();
    auto& awake = sleepers_[cycle_ % sleepers_.size()];
    now_.insert(now_.end(), awake.begin(), awake.end());
    asleep_ -= awake.size();
    awake.clear();
    for (Process* process : now_) resume(*process);
    current_ = nullptr;
    if (!error_.empty()) throw std::runtime_error(error_);
    ++cycle_;
  }

  uint64_t cycle() const { return cycle_; }
  bool running() const { return current_ != nullptr; }

  /// The running process has done one iteration, and goes on in the next cycle.
  void tick() {
    ++current_->iterations;
    next_.push_back(current_);
    leave();
  }

  /// The running process waits until `wake`; returns when that has come. `who` is where `wake` will find it.
  void wait(Process*& who, const char* what, const std::string& stream) {
    if (!running()) throw std::runtime_error("stream " + stream + " cannot " + what);
    who = current_;
    current_->waits = std::string(what) + " " + stream;
    leave();
  }

  /// The running process goes on in a cycle from the next one to the `kPipeline`th.
  void sleep(uint64_t until) {
    sleepers_[until % sleepers_.size()].push_back(current_);
    ++asleep_;
    leave();
  }

  /// Iterations of the running process.
  uint64_t iterations() const { return current_->iterations; }

  /// The running process has ended a frame, which began after so many iterations: its pipeline drains before the next one.
  void drain(uint64_t iterations_before) {
    if (current_->iterations == iterations_before) throw std::runtime_error("a frame passed without an iteration of a pipelined loop");
    sleep(cycle_ + kPipeline);
  }

  const std::vector<std::unique_ptr<Process>>& processes() const { return processes_; }

  /// Lets a waiting process go on in the next cycle.
  void wake(Process*& who) {
    if (who) next_.push_back(std::exchange(who, nullptr));
  }

  /// What all processes that have not ended wait for.
  std::string waiting() const {
    std::string text;
    for (const auto& process : processes_) {
      if (!process->done) text += (text.empty() ? "" : "; ") + process->name + " waits to " + process->waits;
    }
    return text;
  }

 private:
  static constexpr std::size_t kStackBytes = std::size_t(1) << 28;

  static Scheduler*& used() {
    static thread_local Scheduler* scheduler = nullptr;
    return scheduler;
  }

  static void enter() {
    Scheduler& self = get();
    Process& process = *self.current_;
    try {
      process.body();
    } catch (const std::exception& error) {
      self.error_ = process.name + ": " + error.what();
    }
    process.done = true;
    _longjmp(self.main_, 1);
  }

  // The first switch to a process makes its stack; the others save no signal masks, which takes a fraction of the time.
  void resume(Process& process) {
    current_ = &process;
    if (_setjmp(main_)) return;
    if (process.started) _longjmp(process.at, 1);
    process.started = true;
    setcontext(&process.start);
  }

  void leave() {
    if (!_setjmp(current_->at)) _longjmp(main_, 1);
  }

  std::vector<std::unique_ptr<Process>> processes_;
  std::vector<Process*> now_, next_;
  std::array<std::vector<Process*>, kPipeline + 1> sleepers_;
  std::size_t asleep_ = 0;
  Process* current_ = nullptr;
  jmp_buf main_;
  uint64_t cycle_ = 0;
  std::string error_;
};

inline void tick() { Scheduler::get().tick(); }

}  // namespace headrace::sim
