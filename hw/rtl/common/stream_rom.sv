// SPDX-License-Identifier: Apache-2.0

/// Read-only memory with a registered output, filled from a hexadecimal file of one word a line.
/// `data_o` shows the word at `addr_i` one clock after an edge with `en_i` high and holds it while
/// `en_i` is low, so a stalled pipeline keeps its word. The output register has no reset, so
/// synthesis maps deep memories to block RAM and shallow ones to LUTs.
///
/// With `Late` it shows two clocks with `en_i` later: one register more lies where the way is long,
/// before a memory of LUTs and behind a block RAM.
///
/// Lanes with addresses of their own share one file: each holds the field of its own of `Fields`
/// fields in a word.
///
/// In simulation the plusarg `+rom_dir=DIR` prefixes the file name with `DIR/`: models compiled
/// once then serve every layer of the same shape. A file that is absent stops the simulation.
`ifdef YOSYS
(* keep_hierarchy *)  // with its neighbours' logic, abc makes a ROM of up to four times the LUTs
`endif
module stream_rom #(
  parameter int unsigned Width = 8,
  parameter int unsigned Depth = 16,
  /// Untyped, because not every synthesis tool takes parameters of type `string`.
  parameter RomFile = "",
  parameter int unsigned Fields = 1,
  /// Which field of each word; the others cost nothing.
  parameter int unsigned Field = 0,
  /// Block RAM or LUTs; the default follows the size.
  parameter bit Block = Depth > technology_pkg::RomWords && Depth * Width > technology_pkg::RomBits,
  parameter bit Late = 1'b0,
  localparam int unsigned AddrW = Depth > 1 ? $clog2(Depth) : 1
) (
  input  logic             clk_i,
  input  logic             en_i,
  input  logic [AddrW-1:0] addr_i,
  output logic [Width-1:0] data_o
);
  if (Width == 0 || Depth == 0) begin : gen_check
    $fatal(1, "need Width >= 1 and Depth >= 1; got %0d, %0d", Width, Depth);
  end
  if (Field >= Fields) begin : gen_field
    $fatal(1, "need Field < Fields; got %0d, %0d", Field, Fields);
  end

`ifndef SYNTHESIS
  function automatic string rom_path();
    string folder, path;
    int    handle;
    path = string'(RomFile);
    if ($value$plusargs("rom_dir=%s", folder)) path = {folder, "/", path};
    handle = $fopen(path, "r");
    if (handle == 0) $fatal(1, "%m: cannot read the ROM file '%s'", path);
    $fclose(handle);
    return path;
  endfunction
`endif

  logic [AddrW-1:0] addr;
  logic [Width-1:0] word_q;
  if (Late && !Block) begin : gen_addr
    always_ff @(posedge clk_i) if (en_i) addr <= addr_i;
  end else begin : gen_addr_now
    assign addr = addr_i;
  end
  if (Late && Block) begin : gen_word
    always_ff @(posedge clk_i) if (en_i) data_o <= word_q;
  end else begin : gen_word_now
    assign data_o = word_q;
  end

  // An attribute cannot depend on a parameter, so each style has a memory of its own.
  if (Block) begin : gen_block
    (* rom_style = "block" *) logic [Fields*Width-1:0] mem [Depth];
`ifdef SYNTHESIS
    initial $readmemh(RomFile, mem);
`else
    initial $readmemh(rom_path(), mem, 0, Depth - 1);
`endif
    always_ff @(posedge clk_i) if (en_i) word_q <= mem[addr][Field*Width+:Width];
  end else begin : gen_lut
`ifdef YOSYS
    (* rom_style = "logic" *)  // what yosys calls it; define the macro there
`else
    (* rom_style = "distributed" *)
`endif
    logic [Fields*Width-1:0] mem [Depth];
`ifdef SYNTHESIS
    initial $readmemh(RomFile, mem);
`else
    initial $readmemh(rom_path(), mem, 0, Depth - 1);
`endif
    always_ff @(posedge clk_i) if (en_i) word_q <= mem[addr][Field*Width+:Width];
  end
endmodule
