# SPDX-License-Identifier: Apache-2.0
"""Faults of the serial line's modules, which their benches must find; see `mutation.mutants`."""

from __future__ import annotations

import rtl.test_hdlc as hdlc
import rtl.test_serial_streams as streams
import rtl.test_uart as uart
from mutation.mutants import bench, mutant

UART_RX = bench(uart.test_receives, 3932)
UART_TX = bench(uart.test_sends, 3932)
RECEIVER = bench(hdlc.test_receives)
SENDER = bench(hdlc.test_sends)
HELD = bench(streams.test_holds_packets_back, 32)
READ_BITS = bench(streams.test_reads_frames, "bits_and_a_part_of_a_byte")
WRITE_BITS = bench(streams.test_writes_frames, "bits_and_a_part_of_a_byte", 0)
WRITE_SIGNED = bench(streams.test_writes_frames, "wide", 1)

SERIAL_MUTANTS = (
    mutant("uart_rx", "phase[15:0] : 16'h8000", "phase[15:0] : 16'h6000", UART_RX, quick=True),
    mutant("uart_rx", "(bits_q == 4'd0 && rx_q)", "1'b0", UART_RX),
    mutant("uart_rx", "error_o        <= middle && bits_q == 4'd9 && !rx_q", "error_o        <= 1'b0", UART_RX),
    mutant("uart_rx", "<= middle && bits_q == 4'd9 && rx_q", "<= middle && bits_q == 4'd9", UART_RX),
    mutant("uart_rx", "{rx_q, data_o[7:1]}", "{data_o[6:0], rx_q}", UART_RX),
    mutant("uart_tx", "left_q <= 4'd10;", "left_q <= 4'd9;", UART_TX),
    mutant("uart_tx", "ready_o ? '0 : phase[15:0]", "phase[15:0]", UART_TX),
    mutant("uart_tx", "{1'b1, bits_q[9:1]}", "{1'b0, bits_q[9:1]}", UART_TX),
    mutant("uart_tx", "      bits_q <= '1;\n", "", UART_TX),
    mutant("hdlc_receiver", "if (error_i || (escape && escaped_q)) broken_q", "if (escape && escaped_q) broken_q", RECEIVER),
    mutant("hdlc_receiver", "if (error_i || (escape && escaped_q)) broken_q", "if (error_i) broken_q", RECEIVER, quick=True),
    mutant("hdlc_receiver", "!broken_q && !escaped_q && held_q", "!broken_q && held_q", RECEIVER),
    mutant("hdlc_receiver", "!escaped_q && held_q == 3'd4 && sum_q == RESIDUE", "!escaped_q && held_q == 3'd4", RECEIVER),
    mutant("hdlc_receiver", "broken_q  <= 1'b1;  // the first flag", "broken_q  <= 1'b0;  // the first flag", RECEIVER),
    mutant("hdlc_receiver", "flag && begun_q && (", "flag && (", RECEIVER),
    mutant("hdlc_receiver", "else if (take) escaped_q <= 1'b0;", "", RECEIVER),
    mutant("hdlc_receiver", "32'hdebb20e3", "32'hdebb20e2", RECEIVER),
    mutant("hdlc_sender", "plain_q == FLAG || plain_q == ESCAPE", "plain_q == FLAG", SENDER, quick=True),
    mutant("hdlc_sender", "state_q == BODY ? data_i : ~sum_q[7:0]", "state_q == BODY ? data_i : sum_q[7:0]", SENDER),
    mutant("hdlc_sender", "if (passes && checked_q == 2'd3)", "if (passes && checked_q == 2'd2)", SENDER),
    mutant("hdlc_sender", "ready_o = state_q == BODY && passes", "ready_o = state_q == BODY && moves", SENDER),
    mutant("hdlc_sender", "ready_q <= rst_ni && !moves && (", "ready_q <= rst_ni && (", SENDER),
    mutant("crc32_byte", "32'hedb88320", "32'hedb88321", SENDER),
    mutant("packet_buffer", "if (drop_i) write_q <= committed_q;\n      else if", "if", HELD),
    mutant("packet_buffer", "if (commit_i) committed_q", "committed_q", HELD, quick=True),
    mutant("packet_buffer", "- (committed_q - read_q)", "- (committed_q - fetch_q)", HELD),
    mutant("packet_buffer", "(!valid_q || ready_i)", "1'b1", HELD),
    mutant("bytes_to_tensor", "word[e][LaneW-1:0]", "word[WORD_ELEMENTS-1-e][LaneW-1:0]", READ_BITS),
    mutant("bytes_to_tensor", ".SegmentIn(FrameElements)", ".SegmentIn(Channels)", READ_BITS),
    mutant("tensor_to_bytes", "ElementW'(signed'(elements[e]))", "ElementW'(elements[e])", WRITE_SIGNED),
    mutant("tensor_to_bytes", ".SegmentOut(FrameElements)", ".SegmentOut(Channels)", WRITE_BITS),
)
