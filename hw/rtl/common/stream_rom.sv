// SPDX-License-Identifier: Apache-2.0

/// Read-only memory with a registered output, filled from a hexadecimal file of one word a line.
/// `data_o` shows the word at `addr_i` one clock after an edge with `en_i` high and holds it while
/// `en_i` is low, so a stalled pipeline keeps its word. The output register has no reset, so
/// synthesis maps deep memories to block RAM and shallow ones to LUTs.
///
/// In simulation the plusarg `+rom_dir=DIR` prefixes the file name with `DIR/`: models compiled
/// once then serve every layer of the same shape. A file that is absent stops the simulation.
module stream_rom #(
  parameter int unsigned Width = 8,
  parameter int unsigned Depth = 16,
  /// Untyped, because not every synthesis tool takes parameters of type `string`.
  parameter RomFile = "",
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

  logic [Width-1:0] mem [Depth];

`ifdef SYNTHESIS
  initial $readmemh(RomFile, mem);
`else
  string rom_dir;
  string rom_path;
  int    rom_handle;

  initial begin
    rom_path = string'(RomFile);
    if ($value$plusargs("rom_dir=%s", rom_dir)) rom_path = {rom_dir, "/", rom_path};
    rom_handle = $fopen(rom_path, "r");
    if (rom_handle == 0) $fatal(1, "%m: cannot read the ROM file '%s'", rom_path);
    $fclose(rom_handle);
    $readmemh(rom_path, mem, 0, Depth - 1);
  end
`endif

  always_ff @(posedge clk_i) begin
    if (en_i) data_o <= mem[addr_i];
  end
endmodule
