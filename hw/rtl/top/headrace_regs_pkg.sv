// SPDX-License-Identifier: Apache-2.0
// Written by `python -m headrace.backend.registers` from host/headrace_host/registers.py.

/// Offsets of the registers of `headrace_ip`, and the lowest bits of their fields.
/* verilator lint_off UNUSEDPARAM */
package headrace_regs_pkg;
  localparam int unsigned MAP_VERSION = 1;
  localparam int unsigned MAX_TENSORS = 480;
  localparam logic [11:0] TENSORS = 12'h100;

  localparam logic [11:0] CTRL = 12'h000;
  localparam int unsigned CTRL_AP_START = 0;
  localparam int unsigned CTRL_AP_DONE = 1;
  localparam int unsigned CTRL_AP_IDLE = 2;
  localparam int unsigned CTRL_AP_READY = 3;

  localparam logic [11:0] GIE = 12'h004;
  localparam int unsigned GIE_ENABLE = 0;

  localparam logic [11:0] IER = 12'h008;
  localparam int unsigned IER_DONE = 0;
  localparam int unsigned IER_READY = 1;
  localparam int unsigned IER_ERROR = 2;

  localparam logic [11:0] ISR = 12'h00c;
  localparam int unsigned ISR_DONE = 0;
  localparam int unsigned ISR_READY = 1;
  localparam int unsigned ISR_ERROR = 2;

  localparam logic [11:0] FRAMES = 12'h010;

  localparam logic [11:0] RESET = 12'h014;
  localparam int unsigned RESET_RESET = 0;

  localparam logic [11:0] WATCHDOG = 12'h018;
  localparam logic [31:0] WATCHDOG_RESET = 32'd1048576;

  localparam logic [11:0] VERSION = 12'h01c;
  localparam int unsigned VERSION_MAP = 0;
  localparam int unsigned VERSION_INPUTS = 16;
  localparam int unsigned VERSION_OUTPUTS = 24;

  localparam logic [11:0] BUILD_LO = 12'h020;

  localparam logic [11:0] BUILD_HI = 12'h024;

  localparam logic [11:0] STATUS = 12'h028;
  localparam int unsigned STATUS_READING = 0;
  localparam int unsigned STATUS_WRITING = 1;
  localparam int unsigned STATUS_READ_OPEN = 2;
  localparam int unsigned STATUS_WRITE_OPEN = 3;
  localparam int unsigned STATUS_AR_WAITS = 4;
  localparam int unsigned STATUS_AW_WAITS = 5;
  localparam int unsigned STATUS_W_WAITS = 6;
  localparam int unsigned STATUS_INPUT_WAITS = 7;
  localparam int unsigned STATUS_OUTPUT_WAITS = 8;
  localparam int unsigned STATUS_COMMANDS = 16;

  localparam logic [11:0] ERRORS = 12'h02c;
  localparam int unsigned ERRORS_READ_SLVERR = 0;
  localparam int unsigned ERRORS_READ_DECERR = 1;
  localparam int unsigned ERRORS_WRITE_SLVERR = 2;
  localparam int unsigned ERRORS_WRITE_DECERR = 3;
  localparam int unsigned ERRORS_READ_TIMEOUT = 4;
  localparam int unsigned ERRORS_WRITE_TIMEOUT = 5;
  localparam int unsigned ERRORS_PROTOCOL = 6;
  localparam int unsigned ERRORS_BAD_INPUT = 7;
  localparam int unsigned ERRORS_BAD_REGISTER = 8;
  localparam int unsigned ERRORS_BAD_COMMAND = 9;

  localparam logic [11:0] ERROR_ADDRESS_LO = 12'h030;

  localparam logic [11:0] ERROR_ADDRESS_HI = 12'h034;

  localparam logic [11:0] CYCLES_LO = 12'h038;

  localparam logic [11:0] CYCLES_HI = 12'h03c;

  localparam logic [11:0] BUSY_LO = 12'h040;

  localparam logic [11:0] BUSY_HI = 12'h044;

  localparam logic [11:0] INPUT_STALL_LO = 12'h048;

  localparam logic [11:0] INPUT_STALL_HI = 12'h04c;

  localparam logic [11:0] OUTPUT_STALL_LO = 12'h050;

  localparam logic [11:0] OUTPUT_STALL_HI = 12'h054;

  localparam logic [11:0] FRAMES_DONE = 12'h058;

  localparam logic [11:0] COMMANDS_DONE = 12'h05c;

  localparam logic [11:0] TAG = 12'h064;

  localparam logic [11:0] INTERVAL = 12'h060;
endpackage
/* verilator lint_on UNUSEDPARAM */
