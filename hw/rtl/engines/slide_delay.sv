// SPDX-License-Identifier: Apache-2.0

/// What came `Delay` steps before, for `engine_slide`: with `step_i` a word is read, and with `move_i`,
/// after the step and not after the next one, the word that belongs to that step is stored. A delay
/// of one is a register, a longer one a memory; that one's output is registered, so it stands from the
/// step on.
module slide_delay #(
  parameter int unsigned Width = 64,
  parameter int unsigned Delay = 8
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             step_i,
  input  logic             move_i,
  input  logic [Width-1:0] data_i,
  output logic [Width-1:0] data_o
);
  if (Width == 0 || Delay == 0) begin : gen_check
    $fatal(1, "need Width and Delay above 0; got %0d, %0d", Width, Delay);
  end

  if (Delay == 1) begin : gen_register
    logic unused_step;
    assign unused_step = &{1'b0, rst_ni, step_i};
    always_ff @(posedge clk_i) begin
      if (move_i) data_o <= data_i;
    end
  end else begin : gen_memory
    localparam int unsigned AddrW = $clog2(Delay);
    logic [AddrW-1:0] addr_q, waddr_q;
    logic             last_q;  // addr_q == Delay - 1

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        addr_q <= '0;
        last_q <= 1'b0;
      end else if (step_i) begin
        addr_q <= last_q ? '0 : addr_q + 1'b1;
        last_q <= !last_q && addr_q == AddrW'(Delay - 2);
      end
      if (step_i) waddr_q <= addr_q;
    end

    engine_ram #(
      .Width(Width),
      .Depth(Delay)
    ) u_ram (
      .clk_i,
      .we_i   (move_i),
      .waddr_i(waddr_q),
      .wdata_i(data_i),
      .re_i   (step_i),
      .raddr_i(addr_q),
      .rdata_o(data_o)
    );
  end
endmodule
