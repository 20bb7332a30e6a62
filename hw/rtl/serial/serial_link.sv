// SPDX-License-Identifier: Apache-2.0

/// Answers the packets of a host: takes the bytes of inputs, gives those of outputs.
///
/// docs/serial.md describes the packets. Each names places in the sequences of bytes that go in and
/// out, counted from the last reset, so that a packet may be lost, or come twice, and the host sends
/// it again: bytes are taken only at the place where they are missing, and given from any place that
/// the host has not yet passed. The block never speaks unless spoken to, and keeps no time.
///
/// Bytes of packets come at least eight cycles apart, as a line brings them: what is to be done with a
/// byte, and with the packet that it ends, is known some cycles after the byte before it.
module serial_link #(
  parameter int unsigned Inputs  = 1,
  parameter int unsigned Outputs = 1,
  parameter int unsigned Depth   = 2048,  // of the buffers
  parameter int unsigned Chunk   = 512,   // most bytes of a packet's data
  parameter logic [63:0] BuildId = 64'h0,
  localparam int unsigned PlaceW = $clog2(Depth)
) (
  input  logic                          clk_i,
  input  logic                          rst_ni,  // synchronous
  output logic                          core_rst_no,     // from a register

  input  logic                          packet_valid_i,  // from `hdlc_receiver`
  input  logic [7:0]                    packet_data_i,
  input  logic                          packet_good_i,
  input  logic                          packet_bad_i,
  input  logic                          line_error_i,
  output logic                          reply_valid_o,   // to `hdlc_sender`
  input  logic                          reply_ready_i,
  output logic [7:0]                    reply_data_o,
  output logic                          reply_last_o,

  output logic [Inputs-1:0]             write_o,         // to a `packet_buffer` each
  output logic [7:0]                    write_data_o,
  output logic [Inputs-1:0]             commit_o,
  output logic                          drop_o,
  input  logic [Inputs-1:0][PlaceW:0]   room_i,

  output logic [Outputs-1:0]            release_o,       // to a `replay_buffer` each
  output logic [31:0]                   from_o,
  input  logic [Outputs-1:0]            known_i,
  input  logic [Outputs-1:0][31:0]      end_i,
  output logic                          read_o,
  output logic [PlaceW-1:0]             place_o,
  input  logic [Outputs-1:0][7:0]       read_data_i
);
  localparam logic [7:0]  EXCHANGE = 8'h01;
  localparam logic [7:0]  RESET    = 8'h02;
  localparam logic [7:0]  REPLY    = 8'h81;
  localparam logic [7:0]  VERSION  = 8'h01;
  localparam int unsigned ASKED    = 12;  // bytes before a request's data
  localparam int unsigned TOLD     = 24;  // bytes before a reply's data
  localparam int unsigned PORT_W   = 4;
  localparam int unsigned PORTS    = 1 << PORT_W;
  localparam int unsigned LENGTH_W = $clog2(TOLD + Chunk + 1);

  if (Inputs == 0 || Outputs == 0 || Inputs > 16 || Outputs > 16 || Chunk == 0 || Chunk > Depth) begin : gen_check
    $fatal(1, "need 1 to 16 inputs and outputs, and a Chunk from 1 to Depth; got %0d, %0d, %0d, %0d",
           Inputs, Outputs, Chunk, Depth);
  end

  // What there is of each port, filled up to as many as a packet can name.
  logic [PORTS-1:0][PlaceW:0] room;
  logic [PORTS-1:0][31:0]     next;
  logic [PORTS-1:0]           known;
  logic [PORTS-1:0][31:0]     ends;
  logic [PORTS-1:0][7:0]      read_data;
  logic [Inputs-1:0][31:0]    next_q;  // of each input, the place that is missing
  assign room      = ((PlaceW+1)*PORTS)'(room_i);
  assign next      = (32*PORTS)'(next_q);
  assign known     = PORTS'(known_i);
  assign ends      = (32*PORTS)'(end_i);
  assign read_data = (8*PORTS)'(read_data_i);

  // ---- what comes
  logic [ASKED-1:0][7:0] header_q;
  logic [3:0]            asked_q;    // bytes of the header that are there
  logic [PlaceW:0]       data_q;     // bytes of data
  logic                  whole;
  logic                  fits_q;     // so far, all data found room
  logic                  exists_q;   // its ports do
  logic                  ours_q;     // an exchange, of this session
  logic                  in_place_q; // its data is what is missing
  logic                  space_q;    // there is room for one more byte of it
  logic                  known_q;    // its place among the outputs is
  logic                  take;
  logic                  resets;
  logic                  answers;
  logic [31:0]           in_offset;
  logic [PORT_W-1:0]     in_port;
  logic [PORT_W-1:0]     out_port;
  logic [7:0]            session_q;

  assign whole     = asked_q == 4'(ASKED);
  assign {out_port, in_port} = header_q[3];
  assign in_offset = header_q[7:4];
  assign from_o    = header_q[11:8];
  assign answers   = packet_good_i && whole && exists_q;
  assign resets    = answers && header_q[0] == RESET;
  assign take      = packet_valid_i && whole && in_place_q && fits_q && space_q;
  assign drop_o    = packet_bad_i || (packet_good_i && !(in_place_q && fits_q));
  assign write_data_o = packet_data_i;
  for (genvar p = 0; p < Inputs; p++) begin : gen_input
    assign write_o[p]  = take && in_port == PORT_W'(p);
    assign commit_o[p] = packet_good_i && whole && in_place_q && fits_q && in_port == PORT_W'(p);
  end
  for (genvar p = 0; p < Outputs; p++) begin : gen_output
    assign release_o[p] = packet_good_i && whole && ours_q && out_port == PORT_W'(p);
  end

  always_ff @(posedge clk_i) begin
    exists_q   <= 5'(in_port) < 5'(Inputs) && 5'(out_port) < 5'(Outputs);
    ours_q     <= exists_q && header_q[0] == EXCHANGE && header_q[1] == session_q;
    in_place_q <= ours_q && in_offset == next[in_port];
    space_q    <= data_q < room[in_port];
    known_q    <= known[out_port];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || packet_good_i || packet_bad_i) begin
      asked_q <= '0;
      data_q  <= '0;
      fits_q  <= 1'b1;
    end else if (packet_valid_i) begin
      if (!whole) asked_q <= asked_q + 1'b1;
      else if (take) data_q <= data_q + 1'b1;
      else fits_q <= 1'b0;
    end
  end
  always_ff @(posedge clk_i) begin
    if (packet_valid_i && !whole) header_q <= {packet_data_i, header_q[ASKED-1:1]};
  end

  // ---- resets
  logic [3:0] reset_q;  // cycles that are left

  always_ff @(posedge clk_i) begin
    core_rst_no <= rst_ni && !resets && reset_q == '0;
    if (!rst_ni) begin
      session_q <= '0;
      reset_q   <= '0;
    end else if (resets) begin
      session_q <= header_q[1];
      reset_q   <= '1;
    end else if (reset_q != '0) begin
      reset_q <= reset_q - 1'b1;
    end
  end
  for (genvar p = 0; p < Inputs; p++) begin : gen_next
    always_ff @(posedge clk_i) begin
      if (!core_rst_no) next_q[p] <= '0;
      else if (commit_o[p]) next_q[p] <= next_q[p] + 32'(data_q);
    end
  end

  // ---- what is told
  logic                 pending_q;     // a request is not answered yet; of several, the last one is
  logic [7:0]           asked_number_q;
  logic [PORT_W-1:0]    asked_in_q;
  logic [PORT_W-1:0]    asked_out_q;
  logic [31:0]          asked_from_q;
  logic                 asked_known_q;
  logic [2:0]           settling_q;    // cycles until `due_q` is of this request
  logic [31:0]          ahead_q;       // bytes from asked_from_q on
  logic [LENGTH_W-1:0]  due_q;         // bytes of a reply that would begin now
  logic                 begins;
  logic                 sending_q;
  logic                 read_q;        // the byte was read from its buffer
  logic                 offered_q;
  logic [TOLD-1:0][7:0] told_q;        // the next byte of the header is the lowest
  logic [PORT_W-1:0]    told_out_q;
  logic [LENGTH_W-1:0]  index_q;
  logic [LENGTH_W-1:0]  left_q;        // bytes that are not sent yet
  logic                 last_q;        // left_q == 1
  logic [1:0]           flags_q;       // bytes were broken; packets were
  logic                 passes;

  assign begins        = pending_q && settling_q == '0 && !sending_q && core_rst_no;
  assign read_o        = sending_q && !read_q && !offered_q;
  assign reply_valid_o = offered_q;
  assign reply_last_o  = last_q;
  assign passes        = reply_valid_o && reply_ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      pending_q <= 1'b0;
      sending_q <= 1'b0;
      read_q    <= 1'b0;
      offered_q <= 1'b0;
      flags_q   <= '0;
    end else begin
      pending_q <= answers || (pending_q && !begins);
      sending_q <= begins || (sending_q && !(passes && reply_last_o));
      read_q    <= read_o;
      offered_q <= read_q || (offered_q && !passes);
      flags_q   <= resets ? '0 : flags_q | {line_error_i, packet_bad_i};
    end
  end
  always_ff @(posedge clk_i) begin
    ahead_q    <= asked_known_q ? ends[asked_out_q] - asked_from_q : '0;
    due_q      <= LENGTH_W'(TOLD) + (ahead_q < 32'(Chunk) ? LENGTH_W'(ahead_q) : LENGTH_W'(Chunk));
    settling_q <= answers || !core_rst_no ? '1 : settling_q >> 1;
    if (answers) begin
      asked_number_q <= header_q[2];
      asked_in_q     <= in_port;
      asked_out_q    <= out_port;
      asked_from_q   <= resets ? '0 : from_o;
      asked_known_q  <= resets || known_q;
    end
    if (read_q) reply_data_o <= index_q < LENGTH_W'(TOLD) ? told_q[0] : read_data[told_out_q];
    if (begins) begin
      told_q <= {
        asked_from_q, BuildId, VERSION, 6'h0, flags_q, 16'(room[asked_in_q]), next[asked_in_q],
        asked_out_q, asked_in_q, asked_number_q, session_q, REPLY
      };
      told_out_q <= asked_out_q;
      place_o    <= asked_from_q[PlaceW-1:0];
      left_q     <= due_q;
      last_q     <= 1'b0;   // a reply has a header at least
      index_q    <= '0;
    end else if (passes) begin
      told_q  <= told_q >> 8;
      index_q <= index_q + 1'b1;
      left_q  <= left_q - 1'b1;
      last_q  <= left_q == LENGTH_W'(2);
      if (index_q >= LENGTH_W'(TOLD)) place_o <= place_o + 1'b1;
    end
  end

`ifndef SYNTHESIS
  BytesComeApart_A: assert property (@(posedge clk_i) disable iff (!rst_ni)
      packet_valid_i || packet_good_i |=> !(packet_valid_i || packet_good_i) [*7])
    else $error("%m: a byte came less than 8 cycles after the one before it");
`endif
endmodule
