// SPDX-License-Identifier: Apache-2.0
// Streams of C simulation: without bound, and strict. Vitis HLS brings its own header of this name.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace hls {

/// A first-in first-out channel. Reading from an empty one is an error here, where hardware would wait for ever.
template <class T, int Depth = 0>
class stream {
 public:
  stream() = default;
  explicit stream(const char* name) : name_(name) {}
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;

  T read() {
    if (empty()) throw std::runtime_error("stream " + name_ + ": read while empty");
    return items_[first_++];
  }
  void read(T& item) { item = read(); }
  void write(const T& item) {
    if (first_ == items_.size()) {  // all was read: start over, so that storage is used again
      items_.clear();
      first_ = 0;
    }
    items_.push_back(item);
  }
  void operator>>(T& item) { read(item); }
  void operator<<(const T& item) { write(item); }
  bool empty() const { return first_ == items_.size(); }
  bool full() const { return false; }
  std::size_t size() const { return items_.size() - first_; }
  const std::string& name() const { return name_; }

 private:
  std::string name_ = "without name";
  std::vector<T> items_;
  std::size_t first_ = 0;
};

}  // namespace hls
