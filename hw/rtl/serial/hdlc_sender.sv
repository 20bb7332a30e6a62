// SPDX-License-Identifier: Apache-2.0

/// Frames packets for a line as `hdlc_receiver` takes them: a flag, the bytes with escapes, four check
/// bytes, a flag. A byte leaves in every other cycle at most: in the one between, it is looked at.
module hdlc_sender (
  input  logic       clk_i,
  input  logic       rst_ni,  // synchronous
  input  logic       valid_i,
  output logic       ready_o,
  input  logic [7:0] data_i,
  input  logic       last_i,  // byte of its packet
  output logic       valid_o,
  input  logic       ready_i,
  output logic [7:0] data_o
);
  localparam logic [7:0] FLAG   = 8'h7e;
  localparam logic [7:0] ESCAPE = 8'h7d;

  typedef enum logic [1:0] {START, BODY, CHECK, STOP} state_e;
  state_e      state_q;
  logic        escaped_q;  // the escape of this byte has been sent
  logic [1:0]  checked_q;  // check bytes that have been sent
  logic [31:0] sum_q;
  logic [31:0] sum;
  logic [7:0]  plain_q;
  logic        special;
  logic        ready_q;    // `plain_q` is the byte that comes next
  logic        moves;
  logic        passes;     // the byte itself, not its escape

  crc32_byte u_crc (.sum_i(sum_q), .data_i, .sum_o(sum));

  assign special = plain_q == FLAG || plain_q == ESCAPE;
  assign valid_o = ready_q;
  assign moves   = valid_o && ready_i;
  assign passes  = moves && (escaped_q || !special);
  assign ready_o = state_q == BODY && passes;

  always_comb begin
    if (state_q == START || state_q == STOP) data_o = FLAG;
    else if (escaped_q) data_o = plain_q ^ 8'h20;
    else data_o = special ? ESCAPE : plain_q;
  end

  always_ff @(posedge clk_i) begin
    ready_q <= rst_ni && !moves && (state_q == CHECK || state_q == STOP || valid_i);
    plain_q <= state_q == BODY ? data_i : ~sum_q[7:0];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q   <= START;
      escaped_q <= 1'b0;
    end else if (moves) begin
      case (state_q)
        START: state_q <= BODY;
        BODY: begin
          escaped_q <= special && !escaped_q;
          if (passes && last_i) state_q <= CHECK;
        end
        CHECK: begin
          escaped_q <= special && !escaped_q;
          if (passes && checked_q == 2'd3) state_q <= STOP;
        end
        default: state_q <= START;
      endcase
    end
  end
  always_ff @(posedge clk_i) begin
    if (state_q == START) begin
      sum_q     <= '1;
      checked_q <= '0;
    end else if (passes && state_q == BODY) begin
      sum_q <= sum;
    end else if (passes && state_q == CHECK) begin
      sum_q     <= sum_q >> 8;
      checked_q <= checked_q + 1'b1;
    end
  end
endmodule
