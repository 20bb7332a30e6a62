// SPDX-License-Identifier: Apache-2.0

/// What the device's memories and multipliers hold. Builds for other families than 7 series and
/// UltraScale+ bring a package of their own.
///
/// Memories of more words and more bits than these go into block RAM, others into LUTs; FIFOs deeper
/// than FifoDeep in any case. Memories of UltraBits and more go into UltraRAM, unless that is 0. A
/// multiplier takes operands of WideW and NarrowW signed bits.
package technology_pkg;
  /* verilator lint_off UNUSEDPARAM */
  localparam int unsigned RamWords = 64;
  localparam int unsigned RamBits = 8192;
  localparam int unsigned RomWords = 64;
  localparam int unsigned RomBits = 8192;
  localparam int unsigned FifoWords = 256;
  localparam int unsigned FifoBits = 8192;
  localparam int unsigned FifoDeep = 1024;
  localparam int unsigned WideW = 25;
  localparam int unsigned NarrowW = 18;
  localparam int unsigned UltraBits = 0;
  /* verilator lint_on UNUSEDPARAM */

  /// Parts of a signed number of `bits` that hold `step` bits each, the upper one and a sign.
  function automatic int unsigned parts(int unsigned bits, int unsigned step);
    return bits > 1 ? (bits - 2) / step + 1 : 1;
  endfunction

  /// Multipliers of one product of signed numbers of `a` and `b` bits.
  function automatic int unsigned product_parts(int unsigned a, int unsigned b);
    return parts(a > b ? a : b, WideW - 1) * parts(a > b ? b : a, NarrowW - 1);
  endfunction

  /// Cycles that `product_terms` takes for it.
  function automatic int unsigned product_latency(int unsigned a, int unsigned b);
    return product_parts(a, b) > 2 ? $clog2(product_parts(a, b)) : 1;
  endfunction
endpackage
