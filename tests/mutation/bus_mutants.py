# SPDX-License-Identifier: Apache-2.0
"""Faults of what lies between the network and the bus, which the benches must find; see `mutation.mutants`."""

from __future__ import annotations

import rtl.test_headrace_ip as ip
import rtl.test_ip_control as control
import rtl.test_read_path as read
import rtl.test_stream_dense as dense
import rtl.test_weight_path as weights
import rtl.test_write_path as write
from mutation.mutants import bench, mutant

SIZE = (2, 3, 40, 16)
DENSE = bench(dense.test_cuts_segments_anew, "ragged_pixels_of_bits")
DENSE_PIXELS = bench(dense.test_cuts_segments_anew, "pixels_of_three")
READ = bench(read.test_brings_tensors_from_memory, "bytes_and_nibbles")
READ_WIDE = bench(read.test_brings_tensors_from_memory, "lanes_as_wide_as_words")
WEIGHTS = bench(weights.test_brings_weights_from_memory, "narrow")
WEIGHTS_WIDER = bench(weights.test_brings_weights_from_memory, "wider")
WEIGHTS_WIDE_BUS = bench(weights.test_brings_weights_from_memory, "wide_bus")
WRITE = bench(write.test_brings_streams_to_memory, "bytes_and_nibbles")
WRITE_WIDE = bench(write.test_brings_streams_to_memory, "wide_bus")
REGISTERS = bench(control.test_registers_are_as_declared, "ip_registers", SIZE)
CONTROL = bench(control.test_registers_are_as_declared, "ip_control", SIZE)
IP = bench(ip.test_is_exact_whatever_happens, (64, 32, 40))

BUS_MUTANTS = (
    mutant("stream_dense", "<= level_t'(UNITS) - coming", "<= level_t'(UNITS - UNITS_OUT) - coming", DENSE_PIXELS, quick=True),
    mutant("stream_dense", "assign coming  = last_of_input ? level_t'(LAST_IN) :", "assign coming  =", DENSE),
    mutant("stream_dense", "= last_of_output ? '0 : units_q[u]", "= units_q[u]", DENSE),
    mutant("stream_dense", "level_t'(s) < level_q ? units_q[s] : inserted[s]", "units_q[s] | inserted[s]", DENSE),
    mutant(
        "beat_counter",
        "if (!rst_ni) begin\n        count_q <= '0;\n        last_q  <= 1'b0;\n      end else if (step_i)",
        "if (step_i)",
        DENSE,
    ),
    mutant("burst_walk", "- BeatsW'(address_q[OFFSET_W +: BeatsW-1])", "", READ),
    mutant("burst_walk", "ends_frame && frames_q == 32'd1", "ends_frame", READ),
    mutant("burst_walk", "last_of_frame_o ? WORDS_W'(FrameWords) : words_q", "words_q", READ),
    mutant("axi_reader", "room_q >= ROOM_W'(BurstBeats)", "room_q != '0", READ),
    mutant("axi_reader", "!command_ready_o || room_q != ROOM_W'(ROOM)", "!command_ready_o", READ),
    mutant("axi_read_mux", "any && !drain_i && order_ready", "any && order_ready", READ),
    mutant("axi_read_mux", "open_o && owner == PORT_W'(p)", "open_o && chosen == PORT_W'(p)", READ),
    mutant("axi_read_mux", "last         = beat_q == owed - 1'b1", "last         = m_axi_rlast && beat_q != '0", READ),
    mutant("axi_read_mux", "order_ready && (!m_axi_arvalid || m_axi_arready)", "order_ready", READ),
    mutant("weight_feed", "32'(Depths[s])", "32'(Depths[0])", WEIGHTS_WIDER),
    mutant("weight_feed", "room_q >= ROOM_W'(BurstBeats)", "room_q != '0", WEIGHTS, quick=True),
    mutant("weight_feed", "begun_q[stream_q] ? next_q[stream_q] : '0", "next_q[stream_q]", WEIGHTS_WIDER),
    mutant("weight_feed", "last ? '0 : burst + 16'd1", "burst + 16'd1", WEIGHTS),
    mutant("weight_feed", "ROOM_W'(beats) - ROOM_W'(last)", "ROOM_W'(beats)", WEIGHTS),
    mutant("weight_feed", "owner == stream_t'(s) && !check", "owner == stream_t'(s)", WEIGHTS),
    mutant("weight_feed", "sum_check_q && sum != part", "sum_check_q && sum[63:32] != part[63:32]", WEIGHTS),
    mutant("weight_feed", "summed_q[sum_owner_q] <= !sum_check_q", "summed_q[sum_owner_q] <= 1'b1", WEIGHTS),
    mutant("weight_feed", "p < DataW / 64;", "p < 1;", WEIGHTS_WIDE_BUS),
    mutant("weight_feed", "if (command_valid_i && !active_q) base_q", "if (command_valid_i) base_q", WEIGHTS),
    mutant("weight_unpack", "slot_q == SLOT_W'(PER - 1) || word_last", "slot_q == SLOT_W'(PER - 1)", WEIGHTS),
    mutant("weight_unpack", "ready_o = !last || !valid_o || ready_i", "ready_o = 1'b1", WEIGHTS_WIDER),
    mutant("weight_unpack", "ready_o = !last || !valid_o || ready_i", "ready_o = !valid_o || ready_i", WEIGHTS_WIDER),
    mutant("weight_unpack", "if (valid_i && !last) held_q", "if (valid_i) held_q", WEIGHTS_WIDER),
    mutant("axi_writer", "free_q >= ROOM_W'(request_beats_o)", "free_q != '0", WRITE),
    mutant("axi_write_mux", "answered && ends_frame && owner", "answered && owner", WRITE),
    mutant("axi_write_mux", "(m_axi_wready && m_axi_wlast)", "m_axi_wlast", WRITE),
    mutant("axi_write_mux", "any && !drain_i && order_ready", "any && order_ready", WRITE),
    mutant("frame_sum", "{tag_q, frames_q - 32'd1}", "{tag_q, frames_q}", WRITE),
    mutant("frame_sum", "p < DataW / 64;", "p < 1;", WRITE_WIDE),
    mutant("frame_sum", "queued && (!active_o || ends)", "queued && !active_o", READ_WIDE),
    mutant("frame_checker", "given_q != sum_q", "given_q[63:32] != sum_q[63:32]", READ),
    mutant("tensor_writer", "ElementW'(signed'(elements[e]))", "ElementW'(elements[e])", WRITE),
    mutant("axi_lite_slave", "{8{strobe_q[b]}}", "8'hff", REGISTERS),
    mutant("axi_lite_slave", "{s_axi_awaddr[AddrW-1:2], 2'b00}", "s_axi_awaddr", REGISTERS),
    mutant("ip_registers", "|| |beyond_q;", ";", REGISTERS, quick=True),
    mutant("ip_registers", "write_addr_i == FRAMES && !start_q", "write_addr_i == FRAMES", REGISTERS),
    mutant("ip_registers", "(done_q && !reads_control)", "done_q", REGISTERS),
    mutant("ip_registers", "errors_kept[ERRORS_WRITE_DECERR:0] == '0", "errors_q[ERRORS_WRITE_DECERR:0] == '0", CONTROL),
    mutant("ip_registers", "|(errors_new & ~errors_kept)", "|(errors_new & ~errors_q)", CONTROL),
    mutant("ip_registers", "if (read_i && is_wide) high_q", "if (read_i) high_q", CONTROL),
    mutant("ip_registers", "|(isr_q & ier_q)", "|isr_q", CONTROL),
    mutant("event_counter", "count_o[63:32] + 32'(carry_q)", "count_o[63:32]", CONTROL),
    mutant("pulse_join", "pulse_o = &some", "pulse_o = |some", CONTROL),
    mutant("bus_watchdog", "!waiting_i || progress_i)", "!waiting_i)", CONTROL),
    mutant("bus_watchdog", "late && !told_q", "late", CONTROL),
    mutant("soft_reset", "assign drain_o = busy_o;", "assign drain_o = drain_q;", IP),
    mutant("soft_reset", "drain_q && seen_q && bus_idle_i", "drain_q && seen_q", IP),
)
