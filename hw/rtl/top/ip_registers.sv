// SPDX-License-Identifier: Apache-2.0

/// The registers of `headrace_ip`: commands, interrupts, identity, errors. `headrace_regs_pkg` and
/// docs/registers.md say what each word is.
///
/// A command is offered to the queues with its frames and all addresses, and stands until they take
/// it. What cannot be carried out is refused at once and noted as `bad_command`.
module ip_registers
  import headrace_regs_pkg::*;
#(
  parameter int unsigned Inputs    = 1,
  parameter int unsigned Outputs   = 1,
  parameter int unsigned AddrW     = 32,
  parameter int unsigned WordBytes = 8,
  parameter logic [63:0] BuildId   = 64'h0,
  localparam int unsigned Tensors  = Inputs + Outputs
) (
  input  logic                          clk_i,
  input  logic                          rst_ni,  // synchronous

  input  logic                          write_i,
  input  logic [11:0]                   write_addr_i,
  input  logic [31:0]                   write_data_i,
  input  logic [31:0]                   write_mask_i,
  input  logic                          read_i,
  input  logic [11:0]                   read_addr_i,
  output logic [31:0]                   read_data_o,

  output logic                          command_valid_o,
  input  logic                          command_ready_i,
  output logic [31:0]                   command_frames_o,
  output logic [31:0]                   command_tag_o,
  output logic [Tensors-1:0][AddrW-1:0] command_address_o,

  output logic                          reset_request_o,
  input  logic                          reset_busy_i,
  output logic [31:0]                   watchdog_o,
  output logic                          interrupt_o,

  input  logic                          frame_done_i,
  input  logic                          command_done_i,
  input  logic [STATUS_COMMANDS-1:0]    status_i,  // its single bits; `reading` is bit 0
  /// Errors in the order of ERRORS, up to `bad_input`; one cycle each.
  input  logic [ERRORS_BAD_INPUT:0]     error_i,
  input  logic [AddrW-1:0]              error_address_i
);
  localparam int unsigned OFFSET_W = $clog2(WordBytes);
  localparam int unsigned ERRORS_W = ERRORS_BAD_COMMAND + 1;
  localparam int unsigned ISR_W    = ISR_ERROR + 1;
  localparam logic [12:0] BEYOND   = 13'(TENSORS) + 13'(8 * Tensors);

  if (Inputs == 0 || Outputs == 0 || Inputs > 255 || Outputs > 255 || Tensors > MAX_TENSORS ||
      AddrW < 32 || AddrW > 64) begin : gen_check
    $fatal(1, "need 1 to 255 inputs and outputs, at most %0d tensors, and addresses of 32 to 64 bits; got %0d, %0d, %0d",
           MAX_TENSORS, Inputs, Outputs, AddrW);
  end

  // ---- what is written
  logic                      start_q;
  logic                      start;       // AP_START is written
  logic                      wrong_q;     // the arguments are
  logic                      refused;     // the command that stands cannot be carried out
  logic                      taken;
  logic [31:0]               frames_q;
  logic [Tensors-1:0][63:0]  address;     // as it is read: bits beyond the bus are zero
  logic [Tensors-1:0]        misaligned;
  logic [Tensors-1:0]        too_high;    // a bit beyond the bus is written
  logic [Tensors-1:0]        beyond_q;    // it was, and the high half was not written anew
  logic                      argument;    // FRAMES or an address is written
  logic                      gie_q;
  logic [ISR_W-1:0]          ier_q;
  logic [ISR_W-1:0]          isr_q;
  logic                      done_q;
  logic                      ready_q;
  logic [7:0]                commands_q;  // in the queues or worked on
  logic                      clear;       // the core is being reset

  function automatic logic [31:0] merged(logic [31:0] old);
    merged = (old & ~write_mask_i) | (write_data_i & write_mask_i);
  endfunction

  logic [31:0] given;
  assign given    = write_data_i & write_mask_i;
  assign start    = write_i && write_addr_i == CTRL && given[CTRL_AP_START];
  assign argument = write_i && (write_addr_i inside {FRAMES, TAG} || (write_addr_i >= TENSORS && 13'(write_addr_i) < BEYOND));
  assign clear    = reset_busy_i;
  assign refused  = start_q && wrong_q;
  assign taken    = command_valid_o && command_ready_i;

  // Arguments change in no cycle with `start_q`, so that of the cycle before is true of them.
  always_ff @(posedge clk_i) wrong_q <= frames_q == '0 || |misaligned || |beyond_q;

  assign command_valid_o  = start_q && !refused && !clear;
  assign command_frames_o = frames_q;
  assign reset_request_o  = write_i && write_addr_i == RESET && given[RESET_RESET];

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear) start_q <= 1'b0;
    else if (taken || refused) start_q <= 1'b0;
    else if (start) start_q <= 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      frames_q      <= '0;
      command_tag_o <= '0;
      watchdog_o <= WATCHDOG_RESET;
      gie_q      <= 1'b0;
      ier_q      <= '0;
    end else if (write_i) begin
      if (write_addr_i == FRAMES && !start_q) frames_q <= merged(frames_q);
      if (write_addr_i == TAG && !start_q) command_tag_o <= merged(command_tag_o);
      if (write_addr_i == WATCHDOG) watchdog_o <= merged(watchdog_o);
      if (write_addr_i == GIE && write_mask_i[0]) gie_q <= write_data_i[0];
      if (write_addr_i == IER && write_mask_i[0]) ier_q <= write_data_i[ISR_W-1:0];
    end
  end

  for (genvar t = 0; t < Tensors; t++) begin : gen_tensor
    localparam logic [11:0] LOW = TENSORS + 12'(8 * t);
    logic [AddrW-1:0] address_q;
    logic [63:0]      written;

    assign address[t]           = 64'(address_q);
    assign command_address_o[t] = address_q;
    assign misaligned[t]        = |address_q[OFFSET_W-1:0];
    always_comb begin
      written = address[t];
      if (write_addr_i == LOW) written[31:0] = merged(written[31:0]);
      if (write_addr_i == LOW + 12'd4) written[63:32] = merged(written[63:32]);
    end
    if (AddrW < 64) begin : gen_narrow
      assign too_high[t] = |written[63:AddrW];
      always_ff @(posedge clk_i) begin
        if (!rst_ni) beyond_q[t] <= 1'b0;
        else if (write_i && write_addr_i == LOW + 12'd4 && !start_q) begin
          beyond_q[t] <= too_high[t] || (beyond_q[t] && !(&write_mask_i));
        end
      end
    end else begin : gen_full
      assign too_high[t] = 1'b0;
      assign beyond_q[t] = 1'b0;
    end
    always_ff @(posedge clk_i) begin
      if (!rst_ni) address_q <= '0;
      else if (argument && !start_q) address_q <= written[AddrW-1:0];
    end
  end

  // ---- commands and interrupts
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear) commands_q <= '0;
    else commands_q <= commands_q + 8'(taken) - 8'(command_done_i);
  end

  logic reads_control;
  assign reads_control = read_i && read_addr_i == CTRL;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear) begin
      done_q  <= 1'b0;
      ready_q <= 1'b0;
    end else begin
      done_q  <= command_done_i || (done_q && !reads_control);
      ready_q <= taken || (ready_q && !reads_control);
    end
  end

  logic [ERRORS_W-1:0] errors_q;
  logic [ERRORS_W-1:0] errors_new;
  logic [ERRORS_W-1:0] errors_kept;  // those that are not cleared in this cycle
  logic [ISR_W-1:0]    events;
  assign errors_kept = errors_q & ~(write_i && write_addr_i == ERRORS ? given[ERRORS_W-1:0] : '0);
  assign events      = {|(errors_new & ~errors_kept), taken, command_done_i};
  always_ff @(posedge clk_i) begin
    if (!rst_ni) isr_q <= '0;
    else isr_q <= (isr_q & ~(write_i && write_addr_i == ISR ? given[ISR_W-1:0] : '0)) | events;
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni) interrupt_o <= 1'b0;
    else interrupt_o <= gie_q && |(isr_q & ier_q);
  end

  // ---- errors
  logic [AddrW-1:0] error_address_q;
  logic             bad_register_q;  // in the cycle before
  logic             bad_command_q;
  logic             read_known;
  logic             write_known;

  assign write_known = argument || write_addr_i inside {CTRL, GIE, IER, ISR, RESET, WATCHDOG, ERRORS};
  assign errors_new  = {bad_command_q, bad_register_q, error_i};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      errors_q       <= '0;
      bad_register_q <= 1'b0;
      bad_command_q  <= 1'b0;
    end else begin
      errors_q       <= errors_kept | errors_new;
      bad_register_q <= (read_i && !read_known) || (write_i && !write_known);
      bad_command_q  <= refused || (argument && (start_q || |too_high)) || (start && (start_q || clear));
    end
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni) error_address_q <= '0;
    else if (|error_i[ERRORS_WRITE_DECERR:0] && errors_kept[ERRORS_WRITE_DECERR:0] == '0) begin
      error_address_q <= error_address_i;
    end
  end

  // ---- counters
  logic [63:0] cycles;
  logic [63:0] busy;
  logic [63:0] input_stall;
  logic [63:0] output_stall;
  logic [31:0] frames_done_q;
  logic [31:0] commands_done_q;
  logic [31:0] since_frame_q;
  logic [31:0] interval_q;
  logic [31:0] high_q;   // upper half of the 64-bit register whose lower half was read last
  logic [63:0] wide;     // the 64-bit register at the address that is read
  logic        is_wide;

  event_counter u_cycles (.clk_i, .rst_ni, .event_i(1'b1), .count_o(cycles));
  event_counter u_busy (.clk_i, .rst_ni(rst_ni && !clear), .event_i(commands_q != '0), .count_o(busy));
  event_counter u_input (
    .clk_i, .rst_ni(rst_ni && !clear), .event_i(status_i[STATUS_INPUT_WAITS]), .count_o(input_stall)
  );
  event_counter u_output (
    .clk_i, .rst_ni(rst_ni && !clear), .event_i(status_i[STATUS_OUTPUT_WAITS]), .count_o(output_stall)
  );
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear) begin
      frames_done_q   <= '0;
      commands_done_q <= '0;
      since_frame_q   <= '0;
      interval_q      <= '0;
    end else begin
      frames_done_q   <= frames_done_q + 32'(frame_done_i);
      commands_done_q <= commands_done_q + 32'(command_done_i);
      since_frame_q   <= frame_done_i ? '0 : since_frame_q + 1'b1;
      if (frame_done_i) interval_q <= since_frame_q + 1'b1;
    end
  end

  // ---- what is read
  always_comb begin
    is_wide = 1'b1;
    case (read_addr_i)
      ERROR_ADDRESS_LO: wide = 64'(error_address_q);
      CYCLES_LO:        wide = cycles;
      BUSY_LO:          wide = busy;
      INPUT_STALL_LO:   wide = input_stall;
      OUTPUT_STALL_LO:  wide = output_stall;
      default: begin
        wide    = '0;
        is_wide = 1'b0;
      end
    endcase
  end
  always_ff @(posedge clk_i) if (read_i && is_wide) high_q <= wide[63:32];

  // In groups, of which each has its register; all but that of the address hold zero.
  logic [31:0] control, counts, argument_read;
  logic [31:0] control_q, counts_q, argument_q;
  logic        known_control, known_count, known_argument;
  always_comb begin
    known_control = 1'b1;
    case (read_addr_i)
      CTRL:     control = {28'h0, ready_q, commands_q == '0 && !start_q, done_q, start_q};
      GIE:      control = 32'(gie_q);
      IER:      control = 32'(ier_q);
      ISR:      control = 32'(isr_q);
      RESET:    control = 32'(reset_busy_i);
      WATCHDOG: control = watchdog_o;
      VERSION:  control = {8'(Outputs), 8'(Inputs), 16'(MAP_VERSION)};
      BUILD_LO: control = BuildId[31:0];
      BUILD_HI: control = BuildId[63:32];
      STATUS:   control = {8'h0, commands_q, status_i};
      ERRORS:   control = 32'(errors_q);
      default: begin
        control       = '0;
        known_control = 1'b0;
      end
    endcase
  end
  always_comb begin
    known_count = 1'b1;
    case (read_addr_i)
      ERROR_ADDRESS_HI, CYCLES_HI, BUSY_HI, INPUT_STALL_HI, OUTPUT_STALL_HI: counts = high_q;
      FRAMES_DONE:   counts = frames_done_q;
      COMMANDS_DONE: counts = commands_done_q;
      INTERVAL:      counts = interval_q;
      default: begin
        counts      = wide[31:0];
        known_count = is_wide;
      end
    endcase
  end
  always_comb begin
    known_argument = 1'b1;
    case (read_addr_i)
      FRAMES: argument_read = frames_q;
      TAG:    argument_read = command_tag_o;
      default: begin
        argument_read  = '0;
        known_argument = 1'b0;
        for (int unsigned t = 0; t < Tensors; t++) begin
          if (read_addr_i == TENSORS + 12'(8 * t)) begin
            argument_read  = address[t][31:0];
            known_argument = 1'b1;
          end
          if (read_addr_i == TENSORS + 12'(8 * t + 4)) begin
            argument_read  = address[t][63:32];
            known_argument = 1'b1;
          end
        end
      end
    endcase
  end
  always_ff @(posedge clk_i) begin
    if (read_i) begin
      control_q  <= control;
      counts_q   <= counts;
      argument_q <= argument_read;
    end
  end
  assign read_known  = known_control || known_count || known_argument;
  assign read_data_o = control_q | counts_q | argument_q;
endmodule
