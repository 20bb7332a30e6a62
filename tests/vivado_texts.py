# SPDX-License-Identifier: Apache-2.0
"""Reports in the format of Vivado's (AMD UG906). They were written for these tests: no Vivado ever made them."""

from __future__ import annotations

from collections.abc import Sequence

_HEAD = """Copyright (some lines of it)
---------------------------------------------------------------------------------------------------------------
| Tool Version : Vivado v.2024.1 (lin64)
| Design       : headrace_system_wrapper
| Device       : {device}
| Design State : Routed
---------------------------------------------------------------------------------------------------------------

"""
_USAGE = """1. {logic} Logic
--------------

+----------------------------+-------+-------+------------+-----------+-------+
|          Site Type         |  Used | Fixed | Prohibited | Available | Util% |
+----------------------------+-------+-------+------------+-----------+-------+
| {logic} LUTs                 | 21034 |     0 |          0 |     53200 | 39.54 |
|   LUT as Logic             | 19211 |     0 |          0 |     53200 | 36.11 |
|   LUT as Memory            |  1823 |     0 |          0 |     17400 | 10.48 |
| {logic} Registers            | 24410 |     0 |          0 |    106400 | 22.94 |
|   Register as Flip Flop    | 24410 |     0 |          0 |    106400 | 22.94 |
|   Register as Latch        |     0 |     0 |          0 |    106400 |  0.00 |
| F7 Muxes                   |   310 |     0 |          0 |     26600 |  1.17 |
+----------------------------+-------+-------+------------+-----------+-------+


3. Memory
---------

+-------------------+------+-------+------------+-----------+-------+
|     Site Type     | Used | Fixed | Prohibited | Available | Util% |
+-------------------+------+-------+------------+-----------+-------+
| Block RAM Tile    | 62.5 |     0 |          0 |       140 | 44.64 |
|   RAMB36/FIFO*    |   58 |     0 |          0 |       140 | 41.43 |
|     RAMB36E1 only |   58 |       |            |           |       |
|   RAMB18          |    9 |     0 |          0 |       280 |  3.21 |
+-------------------+------+-------+------------+-----------+-------+
* Note: Each Block RAM Tile only has one FIFO logic available and therefore can accommodate only one FIFO36E1.


4. DSP
------

+----------------+------+-------+------------+-----------+-------+
|    Site Type   | Used | Fixed | Prohibited | Available | Util% |
+----------------+------+-------+------------+-----------+-------+
| DSPs           |  148 |     0 |          0 |       220 | 67.27 |
|   DSP48E1 only |  148 |       |            |           |       |
+----------------+------+-------+------------+-----------+-------+
"""
_TIMING = """------------------------------------------------------------------------------------------------
| Design Timing Summary
| ---------------------
------------------------------------------------------------------------------------------------

    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints      WHS(ns)      THS(ns)  THS Failing Endpoints  THS Total Endpoints     WPWS(ns)     TPWS(ns)  TPWS Failing Endpoints  TPWS Total Endpoints  
    -------      -------  ---------------------  -------------------      -------      -------  ---------------------  -------------------     --------     --------  ----------------------  --------------------  
{wns:11.3f}        0.000                      0                61034 {whs:12.3f}        0.000                      0                61034        3.750        0.000                       0                 25219  


------------------------------------------------------------------------------------------------
| Clock Summary
| -------------
------------------------------------------------------------------------------------------------

Clock       Waveform(ns)       Period(ns)      Frequency(MHz)
-----       ------------       ----------      --------------
clk_fpga_0  {{0.000 5.000}}      10.000          100.000         


------------------------------------------------------------------------------------------------
| Timing Details
| --------------
------------------------------------------------------------------------------------------------


---------------------------------------------------------------------------------------------------
From Clock:  clk_fpga_0
  To Clock:  clk_fpga_0


Max Delay Paths
--------------------------------------------------------------------------------------
Slack ({met}) :            {wns:.3f}ns  (required time - arrival time)
  Source:                 headrace_system_i/headrace_ip_0/inst/u_ip/u_network/u_conv_2/u_mac/acc_q_reg[3]/C
                            (rising edge-triggered cell FDRE clocked by clk_fpga_0  {{rise@0.000ns fall@5.000ns period=10.000ns}})
  Destination:            headrace_system_i/headrace_ip_0/inst/u_ip/u_network/u_quant_3/product_q_reg/A[0]
                            (rising edge-triggered cell DSP48E1 clocked by clk_fpga_0  {{rise@0.000ns fall@5.000ns period=10.000ns}})
  Path Group:             clk_fpga_0
  Path Type:              Setup (Max at Slow Process Corner)
  Requirement:            10.000ns  (clk_fpga_0 rise@10.000ns - clk_fpga_0 rise@0.000ns)
  Data Path Delay:        8.711ns  (logic 3.220ns (36.965%)  route 5.491ns (63.035%))
  Logic Levels:           9  (CARRY4=5 LUT3=1 LUT6=3)
  Clock Path Skew:        -0.049ns (DCD - SCD + CPR)

    Location             Delay type                Incr(ns)  Path(ns)    Netlist Resource(s)
  -------------------------------------------------------------------    -------------------
                         (clock clk_fpga_0 rise edge)
                                                      0.000     0.000 r  

Slack (MET) :            4.000ns  (required time - arrival time)
  Source:                 headrace_system_i/headrace_ip_0/inst/u_ip/u_control/a_reg/C
                            (rising edge-triggered cell FDRE clocked by clk_fpga_0  {{rise@0.000ns fall@5.000ns period=10.000ns}})
  Destination:            headrace_system_i/headrace_ip_0/inst/u_ip/u_control/b_reg/D
                            (rising edge-triggered cell FDRE clocked by clk_fpga_0  {{rise@0.000ns fall@5.000ns period=10.000ns}})
  Path Group:             clk_fpga_0
  Path Type:              Setup (Max at Slow Process Corner)
  Requirement:            10.000ns  (clk_fpga_0 rise@10.000ns - clk_fpga_0 rise@0.000ns)
  Data Path Delay:        5.900ns  (logic 1.000ns (16.9%)  route 4.900ns (83.1%))
  Logic Levels:           2  (LUT6=2)


Min Delay Paths
--------------------------------------------------------------------------------------
Slack (MET) :            {whs:.3f}ns  (arrival time - required time)
  Source:                 headrace_system_i/headrace_ip_0/inst/u_ip/u_network/u_conv_2/x_reg/C
                            (rising edge-triggered cell FDRE clocked by clk_fpga_0  {{rise@0.000ns fall@5.000ns period=10.000ns}})
  Destination:            headrace_system_i/headrace_ip_0/inst/u_ip/u_network/u_window_1/y_reg/D
                            (rising edge-triggered cell FDRE clocked by clk_fpga_0  {{rise@0.000ns fall@5.000ns period=10.000ns}})
  Path Group:             clk_fpga_0
  Path Type:              Hold (Min at Fast Process Corner)
  Requirement:            0.000ns  (clk_fpga_0 rise@0.000ns - clk_fpga_0 rise@0.000ns)
  Data Path Delay:        0.250ns  (logic 0.141ns (56.4%)  route 0.109ns (43.6%))
  Logic Levels:           0  
"""  # noqa: E501, W291  # as Vivado's lines are


def utilization(ultrascale: bool = False) -> str:
    """A report of utilization, as of a 7 series device or UltraScale+."""
    device = "xck26-sfvc784-2LV-c" if ultrascale else "xc7z020clg400-1"
    return _HEAD.format(device=device) + _USAGE.format(logic="CLB" if ultrascale else "Slice")


def timing(wns: float = 1.203, whs: float = 0.021) -> str:
    """A timing summary of a design with 100 MHz; the first path's slack is ``wns``."""
    return _HEAD.format(device="xc7z020") + _TIMING.format(wns=wns, whs=whs, met="MET" if wns >= 0 else "VIOLATED")


def hierarchy(engines: Sequence[str], ultrascale: bool = False) -> str:
    """A report of utilization by instance: engine n takes 100 + n LUTs, 200 + n flip-flops, n DSPs and n half block RAMs."""
    more = (["URAM"], ["0"]) if ultrascale else ([], [])
    columns = ["Total LUTs", "Logic LUTs", "LUTRAMs", "SRLs", "FFs", "RAMB36", "RAMB18", *more[0], "DSP Blocks"]

    def row(depth: int, instance: str, module: str, lut: int, ff: int, half: int = 0, dsp: int = 0) -> str:
        figures = [str(lut), str(lut), "0", "0", str(ff), "0", str(half), *more[1], str(dsp)]
        return f"| {'  ' * depth + instance:60} | {module:30} | " + " | ".join(f"{figure:>10}" for figure in figures) + " |"

    path = ("headrace_system_wrapper", "headrace_system_i", "headrace_ip_0", "inst", "u_ip")
    rows = [row(depth, name, "(top)" if not depth else name, 21034, 24410) for depth, name in enumerate(path)]
    rows += [row(5, "(u_ip)", "headrace_ip", 9, 9), row(5, "u_network", "headrace_network", 9000, 9000)]
    for n, name in enumerate(engines):
        rows += [row(6, f"u_{name}", f"engine_{n}", 100 + n, 200 + n, n, n), row(7, f"u_{engines[0]}", "inner", 7, 7)]
    rows.append(row(5, "u_control", "ip_control", 300, 300))
    rows.append(row(6, f"u_{engines[0]}", "another", 8, 8))
    head = f"| {'Instance':60} | {'Module':30} | " + " | ".join(f"{column:>10}" for column in columns) + " |"
    line = "+" + "-" * (len(head) - 2) + "+"
    return _HEAD.format(device="xc7z020") + "\n".join([line, head, line, *rows, line, ""])
