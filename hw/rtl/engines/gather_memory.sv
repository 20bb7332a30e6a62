// SPDX-License-Identifier: Apache-2.0

/// The form of `engine_gather` that holds two pixels in memories: while one is read, the next is
/// written. Every output lane has a `gather_lane` of its own. Latency: two clock edges from the last beat of a pixel; max(input beats,
/// output beats) cycles a pixel. `ready_o` depends on registers only; between `ready_i` and the read
/// enables there are gates.
module gather_memory #(
  parameter int unsigned LaneW    = 8,
  parameter int unsigned LanesIn  = 2,
  parameter int unsigned LanesOut = 2,
  parameter int unsigned InC      = 4,
  parameter int unsigned OutC     = 4,
  parameter logic [OutC-1:0][15:0] Index = '0
) (
  input  logic                           clk_i,
  input  logic                           rst_ni,  // synchronous
  input  logic                           valid_i,
  output logic                           ready_o,
  input  logic [LanesIn-1:0][LaneW-1:0]  data_i,
  output logic                           valid_o,
  input  logic                           ready_i,
  output logic [LanesOut-1:0][LaneW-1:0] data_o
);
  localparam int unsigned BEATS_IN  = (InC + LanesIn - 1) / LanesIn;
  localparam int unsigned BEATS_OUT = (OutC + LanesOut - 1) / LanesOut;
  localparam int unsigned IN_W      = BEATS_IN > 1 ? $clog2(BEATS_IN) : 1;
  localparam int unsigned OUT_W     = BEATS_OUT > 1 ? $clog2(BEATS_OUT) : 1;

  logic [IN_W-1:0]  write_beat_q;
  logic [OUT_W-1:0] read_beat_q;
  logic             write_bank_q;
  logic             read_bank_q;
  logic [1:0]       full_q;  // pixels that wait to be read
  logic             write;
  logic             read;
  logic             write_last;
  logic             read_last;

  assign ready_o    = !full_q[1];
  assign write      = valid_i && ready_o;
  assign read       = full_q != '0 && (!valid_o || ready_i);
  assign write_last = write_beat_q == IN_W'(BEATS_IN - 1);
  assign read_last  = read_beat_q == OUT_W'(BEATS_OUT - 1);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_beat_q <= '0;
      read_beat_q  <= '0;
      write_bank_q <= 1'b0;
      read_bank_q  <= 1'b0;
      full_q       <= '0;
      valid_o      <= 1'b0;
    end else begin
      full_q <= full_q + 2'(write && write_last) - 2'(read && read_last);
      if (write) begin
        write_beat_q <= write_last ? '0 : write_beat_q + 1'b1;
        write_bank_q <= write_bank_q ^ write_last;
      end
      if (read) begin
        read_beat_q <= read_last ? '0 : read_beat_q + 1'b1;
        read_bank_q <= read_bank_q ^ read_last;
      end
      if (read || ready_i) valid_o <= read;
    end
  end

  for (genvar p = 0; p < LanesOut; p++) begin : gen_lane
    if (p < OutC) begin : gen_used
      gather_lane #(
        .LaneW(LaneW), .LanesIn(LanesIn), .LanesOut(LanesOut), .InC(InC), .OutC(OutC),
        .Index(Index), .Lane(p)
      ) u_lane (
        .clk_i, .write_i(write), .write_beat_i(write_beat_q), .write_bank_i(write_bank_q), .data_i,
        .read_i(read), .read_beat_i(read_beat_q), .read_bank_i(read_bank_q), .data_o(data_o[p])
      );
    end else begin : gen_beyond
      assign data_o[p] = '0;
    end
  end
endmodule
