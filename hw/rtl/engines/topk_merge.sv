// SPDX-License-Identifier: Apache-2.0

/// The first K of two lists of K entries, each sorted by falling key, as one such list. Entries of
/// list a come before equal ones of list b, or behind them with `LaterWins`. Combinational: all keys
/// are compared at once.
module topk_merge #(
  parameter int unsigned K         = 2,
  parameter int unsigned KeyW      = 9,
  parameter int unsigned IndexW    = 4,
  parameter bit          LaterWins = 1'b0
) (
  input  logic [K-1:0][KeyW+IndexW-1:0] a_i,  // key in the high bits
  input  logic [K-1:0][KeyW+IndexW-1:0] b_i,
  output logic [K-1:0][KeyW+IndexW-1:0] sorted_o
);
  if (K == 0 || KeyW == 0 || IndexW == 0) begin : gen_check
    $fatal(1, "K, KeyW and IndexW must not be 0; got %0d, %0d, %0d", K, KeyW, IndexW);
  end

  logic [K-1:0][K-1:0] beats;  // [i][j]: entry j of b goes before entry i of a

  for (genvar i = 0; i < K; i++) begin : gen_a
    for (genvar j = 0; j < K; j++) begin : gen_b
      logic [KeyW-1:0] a, b;
      assign a = a_i[i][IndexW+:KeyW];
      assign b = b_i[j][IndexW+:KeyW];
      assign beats[i][j] = LaterWins ? b >= a : b > a;
    end
  end

  // Place r holds entry i of a if exactly r-i entries of b go before it, and entry r-i of b if
  // exactly i entries of a go before that one.
  always_comb begin
    sorted_o = '0;
    for (int unsigned r = 0; r < K; r++) begin
      for (int unsigned i = 0; i <= r; i++) begin
        if (!beats[i][r-i] && (r == i || beats[i][r-i-1])) sorted_o[r] |= a_i[i];
        if (beats[i][r-i] && (i == 0 || !beats[i-1][r-i])) sorted_o[r] |= b_i[r-i];
      end
    end
  end
endmodule
