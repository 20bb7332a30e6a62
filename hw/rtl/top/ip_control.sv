// SPDX-License-Identifier: Apache-2.0

/// All of `headrace_ip` but its data: registers behind AXI4-Lite, soft reset, watchdogs, completion.
///
/// Commands go to the queues of all tensors at once, when each has room.
module ip_control
  import headrace_regs_pkg::*;
#(
  parameter int unsigned Inputs    = 1,
  parameter int unsigned Outputs   = 1,
  parameter int unsigned AddrW     = 32,
  parameter int unsigned WordBytes = 8,
  parameter logic [63:0] BuildId   = 64'h0,
  localparam int unsigned Tensors  = Inputs + Outputs
) (
  input  logic        clk_i,
  input  logic        rst_ni,       // synchronous
  output logic        core_rst_no,  // of the movers, the bus master and the network
  output logic        drain_o,
  output logic        interrupt_o,

  input  logic [11:0] s_axi_awaddr,
  input  logic        s_axi_awvalid,
  output logic        s_axi_awready,
  input  logic [31:0] s_axi_wdata,
  input  logic [3:0]  s_axi_wstrb,
  input  logic        s_axi_wvalid,
  output logic        s_axi_wready,
  output logic [1:0]  s_axi_bresp,
  output logic        s_axi_bvalid,
  input  logic        s_axi_bready,
  input  logic [11:0] s_axi_araddr,
  input  logic        s_axi_arvalid,
  output logic        s_axi_arready,
  output logic [31:0] s_axi_rdata,
  output logic [1:0]  s_axi_rresp,
  output logic        s_axi_rvalid,
  input  logic        s_axi_rready,

  output logic                          command_valid_o,  // to all tensors
  input  logic [Tensors-1:0]            command_ready_i,
  output logic [31:0]                   command_frames_o,
  output logic [31:0]                   command_tag_o,
  output logic [Tensors-1:0][AddrW-1:0] command_address_o,

  input  logic [Tensors-1:0] busy_i,
  input  logic [Inputs-1:0]  input_waits_i,
  input  logic [Inputs-1:0]  input_fault_i,  // one cycle: a frame is not as it was packed
  input  logic [Outputs-1:0] output_waits_i,
  input  logic [Outputs-1:0] frame_done_i,
  input  logic [Outputs-1:0] command_done_i,

  // the bus: reads in bit 0, writes in bit 1
  input  logic [1:0]            bus_idle_i,
  input  logic [1:0]            bus_open_i,
  input  logic [1:0]            bus_progress_i,
  input  logic [1:0]            bus_slverr_i,
  input  logic [1:0]            bus_decerr_i,
  input  logic [1:0]            bus_protocol_i,
  input  logic [1:0][AddrW-1:0] bus_answered_i,
  input  logic                  ar_waits_i,
  input  logic                  aw_waits_i,
  input  logic                  w_waits_i
);
  logic                       write;
  logic [11:0]                write_addr;
  logic [31:0]                write_data;
  logic [31:0]                write_mask;
  logic                       read;
  logic [11:0]                read_addr;
  logic [31:0]                read_data;
  logic                       offered;
  logic                       taken;
  logic                       reset_request;
  logic                       reset_busy;
  logic [31:0]                watchdog;
  logic [1:0]                 timeout;
  logic                       frame_done;
  logic                       command_done;
  logic [STATUS_COMMANDS-1:0] status;
  logic [ERRORS_BAD_INPUT:0]  errors;

  axi_lite_slave #(.AddrW(12)) u_slave (
    .clk_i, .rst_ni,
    .s_axi_awaddr, .s_axi_awvalid, .s_axi_awready, .s_axi_wdata, .s_axi_wstrb, .s_axi_wvalid,
    .s_axi_wready, .s_axi_bresp, .s_axi_bvalid, .s_axi_bready, .s_axi_araddr, .s_axi_arvalid,
    .s_axi_arready, .s_axi_rdata, .s_axi_rresp, .s_axi_rvalid, .s_axi_rready,
    .write_o(write), .write_addr_o(write_addr), .write_data_o(write_data), .write_mask_o(write_mask),
    .read_o(read), .read_addr_o(read_addr), .read_data_i(read_data)
  );

  assign taken           = &command_ready_i;
  assign command_valid_o = offered && taken;

  ip_registers #(
    .Inputs(Inputs), .Outputs(Outputs), .AddrW(AddrW), .WordBytes(WordBytes), .BuildId(BuildId)
  ) u_registers (
    .clk_i, .rst_ni,
    .write_i(write), .write_addr_i(write_addr), .write_data_i(write_data), .write_mask_i(write_mask),
    .read_i(read), .read_addr_i(read_addr), .read_data_o(read_data),
    .command_valid_o(offered), .command_ready_i(taken),
    .command_frames_o, .command_tag_o, .command_address_o,
    .reset_request_o(reset_request), .reset_busy_i(reset_busy), .watchdog_o(watchdog), .interrupt_o,
    .frame_done_i(frame_done), .command_done_i(command_done),
    .status_i(status), .error_i(errors),
    .error_address_i(bus_slverr_i[0] || bus_decerr_i[0] ? bus_answered_i[0] : bus_answered_i[1])
  );

  soft_reset u_reset (
    .clk_i, .rst_ni, .request_i(reset_request), .bus_idle_i(&bus_idle_i),
    .drain_o, .core_rst_no, .busy_o(reset_busy)
  );

  for (genvar b = 0; b < 2; b++) begin : gen_watchdog
    bus_watchdog u_watchdog (
      .clk_i, .rst_ni, .limit_i(watchdog),
      .waiting_i(!bus_idle_i[b]), .progress_i(bus_progress_i[b]), .timeout_o(timeout[b])
    );
  end

  pulse_join #(.Ports(Outputs)) u_frames (
    .clk_i, .rst_ni(core_rst_no), .pulse_i(frame_done_i), .pulse_o(frame_done)
  );
  pulse_join #(.Ports(Outputs)) u_commands (
    .clk_i, .rst_ni(core_rst_no), .pulse_i(command_done_i), .pulse_o(command_done)
  );

  always_comb begin
    status                      = '0;
    status[STATUS_READING]      = |busy_i[Inputs-1:0];
    status[STATUS_WRITING]      = |busy_i[Tensors-1:Inputs];
    status[STATUS_READ_OPEN]    = bus_open_i[0];
    status[STATUS_WRITE_OPEN]   = bus_open_i[1];
    status[STATUS_AR_WAITS]     = ar_waits_i;
    status[STATUS_AW_WAITS]     = aw_waits_i;
    status[STATUS_W_WAITS]      = w_waits_i;
    status[STATUS_INPUT_WAITS]  = |(input_waits_i & busy_i[Inputs-1:0]);
    status[STATUS_OUTPUT_WAITS] = |output_waits_i;

    errors                       = '0;
    errors[ERRORS_READ_SLVERR]   = bus_slverr_i[0];
    errors[ERRORS_READ_DECERR]   = bus_decerr_i[0];
    errors[ERRORS_WRITE_SLVERR]  = bus_slverr_i[1];
    errors[ERRORS_WRITE_DECERR]  = bus_decerr_i[1];
    errors[ERRORS_READ_TIMEOUT]  = timeout[0];
    errors[ERRORS_WRITE_TIMEOUT] = timeout[1];
    errors[ERRORS_PROTOCOL]      = |bus_protocol_i;
    errors[ERRORS_BAD_INPUT]     = |input_fault_i;
  end
endmodule
