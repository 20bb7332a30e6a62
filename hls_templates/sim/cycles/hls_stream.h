// SPDX-License-Identifier: Apache-2.0
// Streams of bounded depth between kernels that take turns: a model of the dataflow region, cycle by cycle.
//
// An iteration of a pipelined loop takes one cycle (a call of `headrace::sim::tick`, inserted behind each
// `#pragma HLS pipeline`); reading an empty or writing a full stream waits. Not modelled: the depth of pipelines, and the
// cycles in which loops that do not flatten drain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "scheduler.hpp"

namespace hls {

template <class T, int Depth = 0>
class stream {
 public:
  explicit stream(const char* name = "inner", std::size_t depth = Depth ? Depth : 2) : name_(name), depth_(depth) {}
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;

  T read() {
    auto& scheduler = headrace::sim::Scheduler::get();
    if (scheduler.running()) {
      while (items_.empty()) scheduler.wait(reader_, "read", name_);
      while (items_.front().cycle == scheduler.cycle()) scheduler.retry();  // what comes in a cycle can leave in the next
    }
    T item = items_.front().item;
    items_.pop_front();
    last_read_ = scheduler.cycle();
    scheduler.wake(writer_);
    return item;
  }
  void read(T& item) { item = read(); }

  void write(const T& item) {
    auto& scheduler = headrace::sim::Scheduler::get();
    while (items_.size() >= depth_) scheduler.wait(writer_, "write", name_);
    // A full stream takes nothing in the cycle in which it gives something.
    while (items_.size() + 1 == depth_ && last_read_ == scheduler.cycle()) scheduler.retry();
    items_.push_back({item, scheduler.cycle()});
    if (items_.size() > most_) most_ = items_.size();
    if (keeps_times) times.push_back(scheduler.cycle());
    scheduler.wake(reader_);
  }

  const T& front() const { return items_.front().item; }
  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }
  const std::string& name() const { return name_; }
  /// Most beats that it ever held.
  std::size_t most() const { return most_; }

  bool keeps_times = false;
  /// The cycle in which each beat was written, if they are kept.
  std::vector<uint64_t> times;

 private:
  struct Entry {
    T item;
    uint64_t cycle;
  };
  std::string name_;
  std::size_t depth_;
  std::deque<Entry> items_;
  std::size_t most_ = 0;
  uint64_t last_read_ = UINT64_MAX;
  headrace::sim::Process* reader_ = nullptr;
  headrace::sim::Process* writer_ = nullptr;
};

}  // namespace hls
