// SPDX-License-Identifier: Apache-2.0
// Beats of a stream, and numbers kept in read-only tables.
#pragma once

#include <ap_int.h>
#include <hls_stream.h>

#include <cstdint>
#include <type_traits>

namespace headrace {

/// What one transfer of a stream carries: `Lanes` neighbouring channels of a pixel, `Bits` bits each; lane 0 lies in the low
/// bits. The last beat of a pixel is ragged: its lanes beyond the channel count are zero. Lanes are bit patterns; a kernel
/// reads them as numbers with `value`. Streams without lanes or bits stop here, so kernels need not check these.
template <unsigned Bits, unsigned Lanes>
struct Beat {
  static_assert(Bits >= 1 && Bits <= 64 && Lanes >= 1, "a beat has at least one lane of 1 to 64 bits");
  ap_uint<Bits> lane[Lanes];
};

template <unsigned Bits, unsigned Lanes>
using Stream = hls::stream<Beat<Bits, Lanes>>;

/// The integers of `Bits` bits.
template <unsigned Bits, bool Signed>
using Integer = std::conditional_t<Signed, ap_int<Bits>, ap_uint<Bits>>;

/// The ends of the range of `Integer`.
constexpr int64_t least(unsigned bits, bool is_signed) { return is_signed ? -(int64_t(1) << (bits - 1)) : 0; }
constexpr int64_t most(unsigned bits, bool is_signed) { return (int64_t(1) << (is_signed ? bits - 1 : bits)) - 1; }

/// A lane's bits as a number.
template <bool Signed, int Bits>
Integer<Bits, Signed> value(const ap_uint<Bits>& bits) {
#pragma HLS inline
  return Integer<Bits, Signed>(bits);
}

/// An entry of a read-only table: as wide as declared in hardware, a native integer in C simulation, where large tables
/// would otherwise take minutes to compile.
#ifdef __SYNTHESIS__
template <unsigned Bits, bool Signed>
using Constant = Integer<Bits, Signed>;
#else
template <unsigned Bits, class Of8, class Of16, class Of32, class Of64>
using Narrowest = std::conditional_t<
    Bits <= 8, Of8, std::conditional_t<Bits <= 16, Of16, std::conditional_t<Bits <= 32, Of32, Of64>>>;
template <unsigned Bits, bool Signed>
using Constant = std::conditional_t<Signed, Narrowest<Bits, int8_t, int16_t, int32_t, int64_t>,
                                    Narrowest<Bits, uint8_t, uint16_t, uint32_t, uint64_t>>;
#endif

constexpr unsigned ceil_div(unsigned a, unsigned b) { return (a + b - 1) / b; }

/// Bits that hold every number below `count`, at least one.
constexpr unsigned index_bits(unsigned count) {
  unsigned bits = 1;
  while (bits < 32 && (1ull << bits) < count) ++bits;
  return bits;
}

}  // namespace headrace
