// SPDX-License-Identifier: Apache-2.0
// Streams of bounded depth between kernels that take turns: a model of the dataflow region, cycle by cycle.
//
// Each kernel is a coroutine. An iteration of a pipelined loop takes one cycle (a call of `headrace::sim::tick`, which is
// inserted behind each `#pragma HLS pipeline`); reading an empty or writing a full stream waits. What is not modelled: the
// depth of pipelines, and the cycles in which loops that do not flatten drain.
#pragma once

#include <sys/mman.h>
#include <ucontext.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace headrace::sim {

class Scheduler {
 public:
  static Scheduler& get() {
    static Scheduler scheduler;
    return scheduler;
  }

  void spawn(std::string name, std::function<void()> body) {
    auto process = std::make_unique<Process>();
    process->name = std::move(name);
    process->body = std::move(body);
    process->stack = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (process->stack == MAP_FAILED) throw std::runtime_error("no memory for a stack");
    getcontext(&process->context);
    process->context.uc_stack.ss_sp = process->stack;
    process->context.uc_stack.ss_size = kStackBytes;
    process->context.uc_link = &main_;
    makecontext(&process->context, reinterpret_cast<void (*)()>(&Scheduler::enter), 0);
    processes_.push_back(std::move(process));
  }

  /// Runs all processes to their ends; throws if none of them can go on.
  void run() {
    for (;;) {
      bool ended = true;
      moved_ = false;
      for (auto& process : processes_) {
        if (process->done) continue;
        ended = false;
        current_ = process.get();
        swapcontext(&main_, &process->context);
        if (!error_.empty()) throw std::runtime_error(error_);
      }
      if (ended) {
        current_ = nullptr;
        return;
      }
      if (!moved_) throw std::runtime_error("deadlock in cycle " + std::to_string(cycle_) + ": " + waiting());
      ++cycle_;
    }
  }

  uint64_t cycle() const { return cycle_; }
  bool running() const { return current_ != nullptr; }
  /// A beat went into a stream or out of one.
  void moved() { moved_ = true; }

  /// The running process has done one iteration.
  void tick() {
    moved_ = true;
    leave();
  }

  /// The running process cannot go on in this cycle.
  void wait(const char* what, const std::string& stream) {
    if (!running()) throw std::runtime_error("stream " + stream + " cannot " + what);
    current_->waits = std::string(what) + " " + stream;
    leave();
  }

 private:
  struct Process {
    std::string name;
    std::function<void()> body;
    ucontext_t context;
    void* stack = nullptr;
    bool done = false;
    std::string waits;
  };
  static constexpr std::size_t kStackBytes = std::size_t(1) << 26;

  static void enter() {
    Scheduler& self = get();
    Process& process = *self.current_;
    try {
      process.body();
    } catch (const std::exception& error) {
      self.error_ = process.name + ": " + error.what();
    }
    process.done = true;
    self.moved_ = true;
  }

  void leave() { swapcontext(&current_->context, &main_); }

  std::string waiting() const {
    std::string text;
    for (const auto& process : processes_) {
      if (!process->done) text += (text.empty() ? "" : "; ") + process->name + " waits to " + process->waits;
    }
    return text;
  }

  std::vector<std::unique_ptr<Process>> processes_;
  Process* current_ = nullptr;
  ucontext_t main_;
  uint64_t cycle_ = 0;
  bool moved_ = false;
  std::string error_;
};

inline void tick() { Scheduler::get().tick(); }

}  // namespace headrace::sim

namespace hls {

template <class T, int Depth = 0>
class stream {
 public:
  explicit stream(const char* name, std::size_t depth = SIZE_MAX) : name_(name), depth_(depth) {}
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;

  T read() {
    auto& scheduler = headrace::sim::Scheduler::get();
    // What was written in a cycle can be read in the next.
    while (items_.empty() || (items_.front().cycle == scheduler.cycle() && scheduler.running())) scheduler.wait("read", name_);
    T item = items_.front().item;
    items_.pop_front();
    scheduler.moved();
    return item;
  }
  void read(T& item) { item = read(); }
  void write(const T& item) {
    auto& scheduler = headrace::sim::Scheduler::get();
    while (items_.size() >= depth_) scheduler.wait("write", name_);
    items_.push_back({item, scheduler.cycle()});
    if (items_.size() > most_) most_ = items_.size();
    times_.push_back(scheduler.cycle());
    scheduler.moved();
  }
  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }
  const std::string& name() const { return name_; }
  /// Most beats that it ever held.
  std::size_t most() const { return most_; }
  /// The cycle in which each beat was written.
  const std::vector<uint64_t>& times() const { return times_; }

 private:
  struct Entry {
    T item;
    uint64_t cycle;
  };
  std::string name_;
  std::size_t depth_;
  std::deque<Entry> items_;
  std::size_t most_ = 0;
  std::vector<uint64_t> times_;
};

}  // namespace hls
