// SPDX-License-Identifier: Apache-2.0

/// Adds two places in the ring of row slots of a line buffer. Slot n of `Banks * Groups` slots lies
/// in bank n % Banks, at address n / Banks * Unit; a place is {address, bank}. Combinational.
module window_ring #(
  parameter int unsigned Banks = 2,
  parameter int unsigned Groups = 3,
  parameter int unsigned Unit = 8,
  parameter int unsigned BankW = 1,
  parameter int unsigned GroupW = 5
) (
  input  logic [GroupW+BankW-1:0] a_i,
  input  logic [GroupW+BankW-1:0] b_i,
  output logic [GroupW+BankW-1:0] sum_o
);
  logic [BankW:0]  bank;
  logic [GroupW:0] group;

  always_comb begin
    bank  = {1'b0, a_i[BankW-1:0]} + {1'b0, b_i[BankW-1:0]};
    group = {1'b0, a_i[BankW+:GroupW]} + {1'b0, b_i[BankW+:GroupW]};
    if (bank >= (BankW + 1)'(Banks)) begin
      bank  = bank - (BankW + 1)'(Banks);
      group = group + (GroupW + 1)'(Unit);
    end
    if (group >= (GroupW + 1)'(Groups * Unit)) group = group - (GroupW + 1)'(Groups * Unit);
    sum_o = {group[GroupW-1:0], bank[BankW-1:0]};
  end
endmodule
