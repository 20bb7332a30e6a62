// SPDX-License-Identifier: Apache-2.0

/// Finds packets in bytes that come from a line, framed as by RFC 1662: flags (7e) around them,
/// escapes (7d) within, four check bytes at their end.
///
/// The bytes of a packet leave as they come, without the check bytes, and count only if `good_o` ends
/// it: one cycle, behind the last byte. Anything else that ends at a flag, but nothing at all, ends
/// with `bad_o`. Whatever came before a flag, what comes behind it is a packet again.
module hdlc_receiver (
  input  logic       clk_i,
  input  logic       rst_ni,  // synchronous
  input  logic       valid_i, // always taken
  input  logic [7:0] data_i,
  input  logic       error_i, // a byte is lost
  output logic       valid_o, // one cycle
  output logic [7:0] data_o,
  output logic       good_o,
  output logic       bad_o
);
  localparam logic [7:0]  FLAG    = 8'h7e;
  localparam logic [7:0]  ESCAPE  = 8'h7d;
  localparam logic [31:0] RESIDUE = 32'hdebb20e3;

  logic            flag;
  logic            escape;
  logic            take;
  logic            escaped_q;
  logic            broken_q;   // the packet cannot be good any more
  logic            begun_q;    // there is something behind the last flag
  logic [2:0]      held_q;     // bytes that may be check bytes
  logic [3:0][7:0] hold_q;
  logic [31:0]     sum_q;
  logic [31:0]     sum;
  logic [7:0]      data;

  assign flag   = valid_i && data_i == FLAG;
  assign escape = valid_i && data_i == ESCAPE;
  assign take   = valid_i && !flag && !escape;
  assign data   = escaped_q ? data_i ^ 8'h20 : data_i;

  crc32_byte u_crc (.sum_i(sum_q), .data_i(data), .sum_o(sum));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_o   <= 1'b0;
      good_o    <= 1'b0;
      bad_o     <= 1'b0;
      escaped_q <= 1'b0;
      broken_q  <= 1'b1;  // the first flag is still to come
      begun_q   <= 1'b0;
      held_q    <= '0;
    end else begin
      valid_o <= take && held_q == 3'd4;
      good_o  <= flag && !broken_q && !escaped_q && held_q == 3'd4 && sum_q == RESIDUE;
      bad_o   <= flag && begun_q && (broken_q || escaped_q || held_q != 3'd4 || sum_q != RESIDUE);
      if (flag) begin
        escaped_q <= 1'b0;
        broken_q  <= 1'b0;
        begun_q   <= 1'b0;
        held_q    <= '0;
      end else begin
        if (escape) escaped_q <= 1'b1;
        else if (take) escaped_q <= 1'b0;
        if (valid_i || error_i) begun_q <= 1'b1;
        if (error_i || (escape && escaped_q)) broken_q <= 1'b1;
        if (take && held_q != 3'd4) held_q <= held_q + 1'b1;
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (flag) sum_q <= '1;
    else if (take) sum_q <= sum;
    if (take) begin
      hold_q <= {data, hold_q[3:1]};
      data_o <= hold_q[0];
    end
  end
endmodule
