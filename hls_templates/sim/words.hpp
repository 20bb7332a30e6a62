// SPDX-License-Identifier: Apache-2.0
// Beats in files of little-endian 32-bit words: lane 0 in the low bits, each beat in words of its own.
#pragma once

#include <pthread.h>

#include <array>
#include <cstdint>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>

#include "headrace/beat.hpp"

namespace headrace::sim {

template <unsigned Bits, unsigned Lanes>
using Words = std::array<uint32_t, (Bits * Lanes + 31) / 32>;

/// Calls `visit(word, offset, bits taken before, bits)` for each part of lane `lane` that lies in one word.
template <unsigned Bits, class Visit>
void parts_of(unsigned lane, Visit visit) {
  for (unsigned done = 0; done < Bits;) {
    const unsigned at = lane * Bits + done, room = 32 - at % 32;
    const unsigned bits = room < Bits - done ? room : Bits - done;
    visit(at / 32, at % 32, done, bits);
    done += bits;
  }
}

constexpr uint64_t mask(unsigned bits) { return (uint64_t(1) << bits) - 1; }

/// The beat that lies in `words`.
template <unsigned Bits, unsigned Lanes>
Beat<Bits, Lanes> from_words(const uint32_t* words) {
  Beat<Bits, Lanes> beat;
  for (unsigned i = 0; i < Lanes; ++i) {
    uint64_t lane = 0;
    parts_of<Bits>(i, [&](unsigned word, unsigned offset, unsigned done, unsigned bits) {
      lane |= ((words[word] >> offset) & mask(bits)) << done;
    });
    beat.lane[i] = lane;
  }
  return beat;
}

template <unsigned Bits, unsigned Lanes>
Words<Bits, Lanes> to_words(const Beat<Bits, Lanes>& beat) {
  Words<Bits, Lanes> words{};
  for (unsigned i = 0; i < Lanes; ++i) {
    const uint64_t lane = beat.lane[i].to_uint64();
    parts_of<Bits>(i, [&](unsigned word, unsigned offset, unsigned done, unsigned bits) {
      words[word] |= uint32_t((lane >> done) & mask(bits)) << offset;
    });
  }
  return words;
}

/// Writes all beats of a file to `stream`.
template <unsigned Bits, unsigned Lanes>
void load(Stream<Bits, Lanes>& stream, const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(std::string("cannot read ") + path);
  Words<Bits, Lanes> words;
  while (file.read(reinterpret_cast<char*>(words.data()), sizeof words)) stream.write(from_words<Bits, Lanes>(words.data()));
  if (file.gcount() != 0) throw std::runtime_error(std::string(path) + " does not end with a whole beat");
}

/// Writes all beats of `stream` to a file.
template <unsigned Bits, unsigned Lanes>
void store(Stream<Bits, Lanes>& stream, const char* path) {
  std::ofstream file(path, std::ios::binary);
  while (!stream.empty()) {
    const Words<Bits, Lanes> words = to_words(stream.read());
    file.write(reinterpret_cast<const char*>(words.data()), sizeof words);
  }
  if (!file.flush()) throw std::runtime_error(std::string("cannot write ") + path);
}

/// Runs `body` on a stack for kernels of any size: their line buffers are local arrays.
template <class Body>
void on_large_stack(Body body) {
  struct Call {
    Body& body;
    std::exception_ptr error;
  } call{body, nullptr};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, std::size_t(1) << 32);  // reserved, not used, until it is touched
  pthread_t thread;
  const auto enter = [](void* argument) -> void* {
    Call& call = *static_cast<Call*>(argument);
    try {
      call.body();
    } catch (...) {
      call.error = std::current_exception();
    }
    return nullptr;
  };
  if (pthread_create(&thread, &attributes, enter, &call) != 0) throw std::runtime_error("no memory for a large stack");
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  if (call.error) std::rethrow_exception(call.error);
}

template <unsigned Bits, unsigned Lanes>
void expect_empty(Stream<Bits, Lanes>& stream) {
  if (!stream.empty()) throw std::runtime_error(std::to_string(stream.size()) + " beats of an input were not read");
}

}  // namespace headrace::sim
