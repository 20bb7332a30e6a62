// SPDX-License-Identifier: Apache-2.0

/// What `stream_repack` promises in each of its forms, for any stalls and data: channel `c` of the n-th
/// pixel that leaves is channel `c` of the n-th pixel that came, whatever `c`; beats come from and go
/// to the segment whose turn it is; lanes beyond the last channel are zero; offered beats stay until
/// they are taken; as long as all sides are willing, some beat moves in every cycle; and no more
/// channels are inside than a beat of each side.
///
/// Control repeats with the pixels, so a bounded proof over the length of some pixels meets each of
/// its states; the values of the data are free throughout.
module stream_repack_proof #(
  parameter int unsigned LaneW    = 2,
  parameter int unsigned LanesIn  = 3,
  parameter int unsigned LanesOut = 2,
  parameter int unsigned Ins      = 1,
  parameter int unsigned Outs     = 1,
  parameter logic [Ins-1:0][15:0]  InC  = {Ins{16'd5}},
  parameter logic [Outs-1:0][15:0] OutC = {Outs{16'd5}}
) (
  input logic                                   clk_i,
  input logic                                   rst_ni,
  input logic [Ins-1:0]                         valid_i,
  input logic [Ins-1:0][LanesIn-1:0][LaneW-1:0] data_i,
  input logic [Outs-1:0]                        ready_i,
  input logic [4:0]                             channel_i  // any channel, the same one for good
);
  logic [Ins-1:0]                  ready_o;
  logic [Outs-1:0]                 valid_o;
  logic [LanesOut-1:0][LaneW-1:0]  data_o;

  stream_repack #(
    .LaneW(LaneW), .LanesIn(LanesIn), .LanesOut(LanesOut), .Ins(Ins), .Outs(Outs), .InC(InC),
    .OutC(OutC)
  ) dut (
    .clk_i, .rst_ni, .valid_i, .ready_o, .data_i, .valid_o, .ready_i, .data_o
  );

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;
  always_comb assume (rst_ni == started_q);

  function automatic int unsigned channels();
    channels = 0;
    for (int unsigned k = 0; k < Ins; k++) channels += 32'(InC[k]);
  endfunction
  localparam int unsigned C = channels();
  if (C > 15) begin : gen_check
    $fatal(1, "positions have 5 bits: need at most 15 channels; got %0d", C);
  end

  logic [4:0] channel_q;
  always_ff @(posedge clk_i) channel_q <= channel_i;
  always_comb assume (32'(channel_i) < C && (!started_q || channel_i == channel_q));

  // ---- whose turn it is: `*_pos_q` channels of the pixel have passed on this side
  typedef logic [4:0] num_t;  // of channels of a pixel
  num_t in_pos_q, out_pos_q, source, target, in_count, out_count;
  always_comb begin
    num_t first;
    source   = '0;
    in_count = '0;
    first    = '0;
    for (int unsigned k = 0; k < Ins; k++) begin
      if (in_pos_q >= first && in_pos_q < first + num_t'(InC[k])) begin
        source   = num_t'(k);
        in_count = first + num_t'(InC[k]) - in_pos_q;
      end
      first += num_t'(InC[k]);
    end
    if (in_count > num_t'(LanesIn)) in_count = num_t'(LanesIn);
    target    = '0;
    out_count = '0;
    first     = '0;
    for (int unsigned m = 0; m < Outs; m++) begin
      if (out_pos_q >= first && out_pos_q < first + num_t'(OutC[m])) begin
        target    = num_t'(m);
        out_count = first + num_t'(OutC[m]) - out_pos_q;
      end
      first += num_t'(OutC[m]);
    end
    if (out_count > num_t'(LanesOut)) out_count = num_t'(LanesOut);
  end

  // ---- what the world around guarantees: offers stand, lanes beyond the last channel are zero
  logic [Ins-1:0] waits_q;
  logic [Ins-1:0][LanesIn-1:0][LaneW-1:0] data_q;
  always_ff @(posedge clk_i) begin
    waits_q <= rst_ni ? valid_i & ~ready_o : '0;
    data_q  <= data_i;
  end
  for (genvar k = 0; k < Ins; k++) begin : gen_stands
    always_comb if (started_q && waits_q[k]) assume (valid_i[k] && data_i[k] == data_q[k]);
  end
  for (genvar l = 0; l < LanesIn; l++) begin : gen_ragged
    always_comb if (num_t'(l) >= in_count) assume (data_i[source][l] == '0);
  end

  // ---- the watched channel of pixels that have come, in a ring by the pixel's number
  logic push, pop, here_in, here_out;
  logic [LaneW-1:0] value_in, value_out;
  logic [LaneW-1:0] values_q [4];
  logic [2:0] came_q, left_q;  // pixels whose watched channel has passed, modulo 8
  logic [2:0] between;
  logic signed [6:0] inside_q;  // channels that have come and not left; negative as explained below
  assign push      = valid_i[source] && ready_o[source];
  assign pop       = valid_o[target] && ready_i[target];
  assign here_in   = channel_i >= in_pos_q && channel_i < in_pos_q + in_count;
  assign here_out  = channel_i >= out_pos_q && channel_i < out_pos_q + out_count;
  assign value_in  = data_i[source][channel_i-in_pos_q];
  assign value_out = data_o[channel_i-out_pos_q];
  assign between   = came_q - left_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      in_pos_q  <= '0;
      out_pos_q <= '0;
      came_q    <= '0;
      left_q    <= '0;
      inside_q  <= '0;
    end else begin
      inside_q <= inside_q + 7'(push ? in_count : '0) - 7'(pop ? out_count : '0);
      if (push) begin
        in_pos_q <= in_pos_q + in_count == num_t'(C) ? '0 : in_pos_q + in_count;
        if (here_in) begin
          came_q               <= came_q + 1'b1;
          values_q[came_q[1:0]] <= value_in;
        end
      end
      if (pop) begin
        out_pos_q <= out_pos_q + out_count == num_t'(C) ? '0 : out_pos_q + out_count;
        if (here_out) left_q <= left_q + 1'b1;
      end
    end
  end

  logic held_q;
  logic [LanesOut-1:0][LaneW-1:0] offered_q;
  always_ff @(posedge clk_i) begin
    held_q    <= rst_ni && valid_o[target] && !ready_i[target];
    offered_q <= data_o;
  end

  always_comb begin
    if (started_q) begin
      SourceInTurn_A: assert ((ready_o & ~(Ins'(1) << source)) == '0);
      TargetInTurn_A: assert ((valid_o & ~(Outs'(1) << target)) == '0);
      // Without registers the beat leaves before it is taken: then it must be the one at the input.
      ChannelInOrder_A: assert (!(valid_o[target] && here_out) ||
          (between != '0 ? value_out == values_q[left_q[1:0]]
                         : valid_i[source] && here_in && value_out == value_in));
      // -1 while parts of a beat that waits at the input have left.
      RingSuffices_A: assert (between <= 3'd4 || between == 3'd7);
      NothingPilesUp_A: assert (inside_q <= signed'(7'(LanesIn + LanesOut)));
      HeldUntilTaken_A: assert (!held_q || (valid_o[target] && data_o == offered_q));
      SomethingMoves_A: assert (!(&valid_i && &ready_i) || push || pop);
    end
  end
  for (genvar l = 0; l < LanesOut; l++) begin : gen_zero
    always_comb if (started_q && num_t'(l) >= out_count && valid_o[target]) begin
      RaggedIsZero_A: assert (data_o[l] == '0);
    end
  end

  always_comb TwoPixelsPassed_C: cover (started_q && left_q == 3'd2);
endmodule
