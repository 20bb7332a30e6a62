// SPDX-License-Identifier: Apache-2.0

/// Takes a byte into the 32-bit frame check sequence of RFC 1662 (that of Ethernet; reflected).
///
/// Begin with all ones. Behind a frame and its four check bytes, the complement of the sum, low byte
/// first, the sum is 32'hdebb20e3. Combinational.
module crc32_byte (
  input  logic [31:0] sum_i,
  input  logic [7:0]  data_i,
  output logic [31:0] sum_o
);
  localparam logic [31:0] POLYNOMIAL = 32'hedb88320;

  /// Bits of the sum, with the byte in the low ones, that bit `of` of the next sum is the parity of.
  function automatic logic [31:0] bits_of(logic [4:0] of);
    logic [31:0] sum;
    for (int bit_in = 0; bit_in < 32; bit_in++) begin
      sum = 32'd1 << bit_in;
      for (int k = 0; k < 8; k++) sum = (sum >> 1) ^ (sum[0] ? POLYNOMIAL : '0);
      bits_of[bit_in] = sum[of];
    end
  endfunction

  // As one parity for each bit, so that synthesis makes a shallow tree of it.
  for (genvar b = 0; b < 32; b++) begin : gen_bit
    localparam logic [31:0] BITS = bits_of(5'(b));
    assign sum_o[b] = ^{sum_i & BITS, data_i & BITS[7:0]};
  end
endmodule
