// SPDX-License-Identifier: Apache-2.0
// What stream_fifo calls under HEADRACE_PROFILE, for its bench: lowers the depth by two, taps FIFO 7,
// and notes every call in the file profile.txt of the working directory.

#include <cstdio>

static FILE* notes() {
  static FILE* file = std::fopen("profile.txt", "w");
  return file;
}

extern "C" int hr_fifo_limit(int id, int depth) {
  return id == 7 ? depth - 2 : depth;
}

extern "C" void hr_fifo_peak(int id, int level) {
  std::fprintf(notes(), "peak %d %d\n", id, level);
  std::fflush(notes());
}

extern "C" int hr_tap_on(int id) {
  return id == 7;
}

extern "C" void hr_tap(int id, int word, unsigned int bits32) {
  std::fprintf(notes(), "tap %d %d %x\n", id, word, bits32);
  std::fflush(notes());
}
