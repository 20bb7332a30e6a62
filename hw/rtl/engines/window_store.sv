// SPDX-License-Identifier: Apache-2.0

/// The memory of `engine_window` and the selection of taps from it. A read takes two steps of
/// `en_i`: memory, then tap selection and padding into the output register.
///
/// Row slot n lies in bank n % Banks behind n / Banks others. With one bank, a beat has one row tap;
/// with several, one word of each bank is read, and the taps are selected from them: neighbouring
/// taps lie `TapStep` banks apart, so turning the banks by the first tap's brings all taps to fixed
/// places; with `Free` each tap has a bank of its own choice. Each column tap of a beat has a copy of
/// all that.
module window_store #(
  parameter int unsigned LaneW = 8,
  parameter int unsigned Lanes = 4,
  /// Lanes that carry channels in the last beat of a pixel; those beyond stay zero.
  parameter int unsigned LastLanes = 4,
  parameter int unsigned Banks = 4,
  /// Words of one bank.
  parameter int unsigned BankWords = 8,
  parameter int unsigned RowTaps = 3,
  parameter int unsigned ColTaps = 1,
  parameter int unsigned TapStep = 1,
  parameter bit          Free = 1'b0,
  parameter logic [LaneW-1:0] PadValue = '0,
  /// Widths of a bank's number, and of an address in it.
  parameter int unsigned BankW = 2,
  parameter int unsigned AddrW = 3,
  localparam int unsigned TAPS = RowTaps * ColTaps
) (
  input  logic                               clk_i,
  // Write port.
  input  logic                               we_i,
  input  logic [BankW-1:0]                   wbank_i,
  input  logic [AddrW-1:0]                   waddr_i,
  input  logic [Lanes-1:0][LaneW-1:0]        wdata_i,
  // Read port: the address in the bank of the first row tap and those above it, and in those below.
  input  logic                               en_i,
  input  logic [ColTaps-1:0][AddrW-1:0]      raddr_i,
  input  logic [ColTaps-1:0][AddrW-1:0]      raddr_below_i,
  input  logic [RowTaps-1:0][BankW-1:0]      rbank_i,
  /// Tap lies inside the map; tap t is kernel column t / RowTaps, kernel row t % RowTaps.
  input  logic [TAPS-1:0]                    inside_i,
  input  logic                               last_beat_i,
  output logic [TAPS*Lanes-1:0][LaneW-1:0]   data_o
);
  typedef logic [Lanes-1:0][LaneW-1:0] word_t;

  word_t [TAPS-1:0]              tap;
  word_t                         pad;
  logic [TAPS-1:0]               inside_q;
  logic                          last_beat_q;
  logic [RowTaps-1:0][BankW-1:0] rbank_q;

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      inside_q    <= inside_i;
      last_beat_q <= last_beat_i;
      rbank_q     <= rbank_i;
    end
  end

  for (genvar c = 0; c < ColTaps; c++) begin : gen_copy
    word_t [Banks-1:0] bank;
    for (genvar b = 0; b < Banks; b++) begin : gen_bank
      engine_ram #(
        .Width(Lanes * LaneW),
        .Depth(BankWords)
      ) u_ram (
        .clk_i,
        .we_i   (we_i && wbank_i == BankW'(b)),
        .waddr_i,
        .wdata_i,
        .re_i   (en_i),
        .raddr_i((BankW + 1)'(b) < {1'b0, rbank_i[0]} ? raddr_below_i[c] : raddr_i[c]),
        .rdata_o(bank[b])
      );
    end

    if (Banks == 1) begin : gen_one
      for (genvar i = 0; i < RowTaps; i++) begin : gen_tap
        assign tap[c*RowTaps+i] = bank[0];
      end
      logic unused_bank;
      assign unused_bank = &{1'b0, rbank_q};
    end else if (Free) begin : gen_free
      for (genvar i = 0; i < RowTaps; i++) begin : gen_tap
        assign tap[c*RowTaps+i] = bank[rbank_q[i]];
      end
    end else begin : gen_turn
      // Turned by two bits of the first tap's bank in each stage.
      for (genvar s = 0; s < BankW; s += 2) begin : gen_stage
        localparam int unsigned BITS = BankW - s > 1 ? 2 : 1;
        word_t [Banks-1:0] turned;
        for (genvar b = 0; b < Banks; b++) begin : gen_place
          word_t [(1<<BITS)-1:0] choice;
          for (genvar d = 0; d < (1 << BITS); d++) begin : gen_choice
            localparam int unsigned FROM = (b + (d << s)) % Banks;
            if (s == 0) begin : gen_first
              assign choice[d] = bank[FROM];
            end else begin : gen_later
              assign choice[d] = gen_stage[s-2].turned[FROM];
            end
          end
          assign turned[b] = choice[rbank_q[0][s+:BITS]];
        end
      end
      localparam int unsigned LAST = (BankW - 1) / 2 * 2;
      for (genvar i = 0; i < RowTaps; i++) begin : gen_tap
        assign tap[c*RowTaps+i] = gen_stage[LAST].turned[(i*TapStep)%Banks];
      end
      logic unused_banks;
      assign unused_banks = &{1'b0, rbank_q};
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
