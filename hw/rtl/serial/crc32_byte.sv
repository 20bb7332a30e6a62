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

  always_comb begin
    sum_o = sum_i ^ 32'(data_i);
    for (int unsigned k = 0; k < 8; k++) sum_o = (sum_o >> 1) ^ (sum_o[0] ? POLYNOMIAL : '0);
  end
endmodule
