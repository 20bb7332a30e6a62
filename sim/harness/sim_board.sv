// SPDX-License-Identifier: Apache-2.0
//
// A board's top as the harness of the serial line sees it: the button is its reset, and the clock
// that it gives is the one behind the PLL, whose ratio simulation leaves out.
// BOARD_TOP and PRESSED are given by the command line.

module sim_board (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic rx_i,
  output logic tx_o
);
  logic unused_led;
  /* verilator lint_off PINMISSING */  // pins that a board wants driven
  `BOARD_TOP u_board (.clk_i, .rx_i, .tx_o, .button_i(rst_ni ? ~1'(`PRESSED) : 1'(`PRESSED)), .led_o(unused_led));
  /* verilator lint_on PINMISSING */
endmodule

/// The PLL of an ECP5, locked after some cycles. Parameters and ports as in Lattice FPGA-TN-02200.
module EHXPLLL #(
  parameter FEEDBK_PATH = "CLKOP",
  parameter CLKOP_ENABLE = "ENABLED",
  parameter int CLKI_DIV = 1,
  parameter int CLKFB_DIV = 1,
  parameter int CLKOP_DIV = 8,
  parameter int CLKOP_CPHASE = 0
) (
  input  logic CLKI, CLKFB, RST, STDBY, ENCLKOP, PHASESEL0, PHASESEL1, PHASEDIR, PHASESTEP, PHASELOADREG, PLLWAKESYNC,
  output logic CLKOP, LOCK
);
  logic [4:0] cycles_q = '0;
  assign CLKOP = CLKI;
  assign LOCK  = &cycles_q;
  always_ff @(posedge CLKI) if (!LOCK) cycles_q <= cycles_q + 1'b1;

  logic unused_inputs;
  assign unused_inputs = &{1'b0, CLKFB, RST, STDBY, ENCLKOP, PHASESEL0, PHASESEL1, PHASEDIR, PHASESTEP, PHASELOADREG, PLLWAKESYNC};
endmodule
