// SPDX-License-Identifier: Apache-2.0

/// The memory of `engine_window` and the selection of taps from it. A read takes two steps of
/// `en_i`: memory, then tap selection and padding into the output register.
///
/// With one row tap per beat the row slots lie end to end in one memory; with several, each slot
/// is a memory of its own, so that any rows, equal ones included, are read at once. Each column tap
/// of a beat has a copy of all that.
module window_store #(
  parameter int unsigned LaneW = 8,
  parameter int unsigned Lanes = 4,
  /// Lanes that carry channels in the last beat of a pixel; those beyond stay zero.
  parameter int unsigned LastLanes = 4,
  parameter int unsigned Rows = 4,
  /// Words of one row slot.
  parameter int unsigned RowWords = 8,
  parameter int unsigned RowTaps = 1,
  parameter int unsigned ColTaps = 1,
  parameter logic [LaneW-1:0] PadValue = '0,
  /// Widths of a slot number, and of an address in one memory.
  parameter int unsigned SlotW = 2,
  parameter int unsigned AddrW = 5,
  localparam int unsigned TAPS = RowTaps * ColTaps
) (
  input  logic                               clk_i,
  // Write port; the slot counts only with several row taps.
  input  logic                               we_i,
  input  logic [SlotW-1:0]                   wslot_i,
  input  logic [AddrW-1:0]                   waddr_i,
  input  logic [Lanes-1:0][LaneW-1:0]        wdata_i,
  // Read port.
  input  logic                               en_i,
  input  logic [ColTaps-1:0][AddrW-1:0]      raddr_i,
  input  logic [RowTaps-1:0][SlotW-1:0]      rslot_i,
  /// Tap lies inside the map; tap t is kernel column t / RowTaps, kernel row t % RowTaps.
  input  logic [TAPS-1:0]                    inside_i,
  input  logic                               last_beat_i,
  output logic [TAPS*Lanes-1:0][LaneW-1:0]   data_o
);
  typedef logic [Lanes-1:0][LaneW-1:0] word_t;

  word_t [TAPS-1:0] tap;
  word_t            pad;
  logic  [TAPS-1:0] inside_q;
  logic             last_beat_q;

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      inside_q    <= inside_i;
      last_beat_q <= last_beat_i;
    end
  end

  if (RowTaps == 1) begin : gen_flat
    for (genvar c = 0; c < ColTaps; c++) begin : gen_copy
      engine_ram #(
        .Width(Lanes * LaneW),
        .Depth(Rows * RowWords)
      ) u_ram (
        .clk_i,
        .we_i,
        .waddr_i,
        .wdata_i,
        .re_i   (en_i),
        .raddr_i(raddr_i[c]),
        .rdata_o(tap[c])
      );
    end
    logic unused_slots;
    assign unused_slots = &{1'b0, wslot_i, rslot_i};
  end else begin : gen_banked
    localparam int unsigned BankW = Rows > 1 ? $clog2(Rows) : 1;
    logic [RowTaps-1:0][SlotW-1:0] rslot_q;
    always_ff @(posedge clk_i) begin
      if (en_i) rslot_q <= rslot_i;
    end

    for (genvar c = 0; c < ColTaps; c++) begin : gen_copy
      word_t [Rows-1:0] bank;
      for (genvar r = 0; r < Rows; r++) begin : gen_bank
        engine_ram #(
          .Width(Lanes * LaneW),
          .Depth(RowWords)
        ) u_ram (
          .clk_i,
          .we_i   (we_i && wslot_i == SlotW'(r)),
          .waddr_i,
          .wdata_i,
          .re_i   (en_i),
          .raddr_i(raddr_i[c]),
          .rdata_o(bank[r])
        );
      end
      for (genvar i = 0; i < RowTaps; i++) begin : gen_tap
        assign tap[c*RowTaps+i] = bank[BankW'(rslot_q[i])];
      end
    end
  end

  for (genvar l = 0; l < Lanes; l++) begin : gen_pad
    assign pad[l] = l >= LastLanes && last_beat_q ? '0 : PadValue;
  end

  for (genvar t = 0; t < TAPS; t++) begin : gen_out
    always_ff @(posedge clk_i) begin
      if (en_i) data_o[t*Lanes+:Lanes] <= inside_q[t] ? tap[t] : pad;
    end
  end
endmodule
