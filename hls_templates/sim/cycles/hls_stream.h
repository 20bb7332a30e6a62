// SPDX-License-Identifier: Apache-2.0
// Streams of bounded depth between kernels that take turns: a model of the dataflow region, cycle by cycle.
//
// An iteration of a pipelined loop takes one cycle (a call of `headrace::sim::tick`, inserted behind each
// `#pragma HLS pipeline`); what it writes comes out of the kernel's pipeline `kPipeline` cycles later, also while the kernel
// waits (flushable pipelines); reading an empty or writing a full stream waits. What waits in a pipeline for room fills no stream.
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
  explicit stream(const char* name = "inner", std::size_t depth = Depth ? Depth : 2)
      : name_(name), room_(depth < SIZE_MAX / 2 ? depth + headrace::sim::kPipeline - 1 : depth) {}
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;

  T read() {
    auto& scheduler = headrace::sim::Scheduler::get();
    if (scheduler.running()) {
      while (items_.empty()) scheduler.wait(reader_, "read", name_);
      while (items_.front().comes > scheduler.cycle()) scheduler.sleep(items_.front().comes);
    }
    settle();
    T item = items_.front().item;
    items_.pop_front();
    if (here_ > 0) --here_;
    last_read_ = scheduler.cycle();
    scheduler.wake(writer_);
    return item;
  }
  void read(T& item) { item = read(); }

  void write(const T& item) {
    auto& scheduler = headrace::sim::Scheduler::get();
    while (full()) scheduler.wait(writer_, "write", name_);
    // A full stream takes nothing in the cycle in which it gives something.
    while (items_.size() + 1 == room_ && last_read_ == scheduler.cycle()) scheduler.sleep(scheduler.cycle() + 1);
    const uint64_t comes = scheduler.cycle() + headrace::sim::kPipeline;
    items_.push_back({item, comes});
    if (items_.size() > most_) most_ = items_.size();
    if (keeps_times) times.push_back(comes);
    scheduler.wake(reader_);
  }

  /// Beats that have come out of the writer's pipeline.
  std::size_t settle() {
    const uint64_t now = headrace::sim::Scheduler::get().cycle();
    while (here_ < items_.size() && items_[here_].comes <= now) ++here_;
    return here_;
  }
  bool full() const { return items_.size() >= room_; }
  const T& front() const { return items_.front().item; }
  bool empty() const { return items_.empty(); }
  /// Also those in the writer's pipeline.
  std::size_t size() const { return items_.size(); }
  const std::string& name() const { return name_; }
  /// Most beats that were ever written and not yet read: what the stream must hold if its writer's pipeline is short.
  std::size_t most() const { return most_; }

  bool keeps_times = false;
  /// The cycle in which each beat came, if they are kept.
  std::vector<uint64_t> times;

 private:
  struct Entry {
    T item;
    uint64_t comes;  // out of the writer's pipeline
  };
  std::string name_;
  std::size_t room_;  // in the stream and in the stages of its writer's pipeline
  std::deque<Entry> items_;
  std::size_t here_ = 0;  // of `items_`
  std::size_t most_ = 0;
  uint64_t last_read_ = UINT64_MAX;
  headrace::sim::Process* reader_ = nullptr;
  headrace::sim::Process* writer_ = nullptr;
};

}  // namespace hls
