# SPDX-License-Identifier: Apache-2.0
"""Faults that the benches must find: one small change of one module each, and a bench that has to fail on it.

To add one, give the module, a text that it holds exactly once, what to put in its place, and the call of a bench of
``tests/rtl``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import rtl.test_engine_constant as constant
import rtl.test_engine_deform as deform
import rtl.test_engine_depthwise as depthwise
import rtl.test_engine_gather as gather
import rtl.test_engine_lookup as lookup
import rtl.test_engine_matvec as matvec
import rtl.test_engine_pointwise as pointwise
import rtl.test_engine_pool as pool
import rtl.test_engine_reduce as reduce
import rtl.test_engine_requant as requant
import rtl.test_engine_shift as shift
import rtl.test_engine_slide as slide
import rtl.test_engine_stationary as stationary
import rtl.test_engine_taps as taps
import rtl.test_engine_thresholds as thresholds
import rtl.test_engine_topk as topk
import rtl.test_engine_transpose as transpose
import rtl.test_engine_upsample as upsample
import rtl.test_engine_window as window
import rtl.test_stream_cast as cast
import rtl.test_stream_fifo as fifo
import rtl.test_stream_fork as fork
import rtl.test_stream_interleave as interleave
import rtl.test_stream_repack as repack
import rtl.test_stream_rom as rom


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A test function of ``tests/rtl`` and its arguments but the last, a folder."""

    test: Callable[..., None]
    args: tuple[object, ...]

    @property
    def name(self) -> str:
        """The same in every process."""
        return f"{self.test.__module__.split('.')[-1]}.{self.test.__name__}{self.args}"

    def run(self, folder: Path) -> None:
        """Run it in the empty ``folder``."""
        self.test(*self.args, folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """``module`` with ``wrong`` in the place of ``right``."""

    module: str
    right: str
    wrong: str
    bench: Bench
    quick: bool = False
    """Whether it is tried in every test run, not in deep ones only."""


def bench(test: Callable[..., None], *args: object) -> Bench:
    """Short for `Bench`."""
    return Bench(test=test, args=args)


DEFORM_FEW_ROWS = bench(deform.test_layers, "fewest_rows_bilinear")
DEFORM_NARROW = bench(deform.test_layers, "fewest_rows_narrow")
DEFORM_MASKED = bench(deform.test_layers, "bilinear_masked_strided")
DEFORM_SIGNED_MASK = bench(deform.test_layers, "square_fraction_signed_mask")
DEFORM_GROUPS = bench(deform.test_layers, "groups")
DEPTHWISE = bench(depthwise.test_convolves, (5, 2, (3, 3), 3, 8, 0, 8, 20, 0, 1, 1))
DEPTHWISE_GROUPS = bench(depthwise.test_convolves, (5, 2, (3, 3), 3, 8, 0, 4, 20, 0, 2, 3))
DEPTHWISE_LUT = bench(depthwise.test_convolves, (3, 2, (3, 2), 3, 8, 0, 8, 20, 1, 1, 1))
MATVEC = bench(matvec.test_multiplies, (1, 3, 5, 2, 1, 4, 0, 8, 16, 1))
MATVEC_PACKED = bench(matvec.test_multiplies, (4, 4, 2, 2, 1, 8, 0, 4, 20, 0))
POOL_MAXIMUM = bench(pool.test_pools_like_the_golden, (3, 3), 3, 3, 7, 8, True, None)
POOL_SUM = bench(pool.test_pools_like_the_golden, (2, 3), 1, 2, 3, 4, True, 10)
POINTWISE_SUM = bench(pointwise.test_computes_like_the_golden, "sum")
POINTWISE_SCALED = bench(pointwise.test_computes_like_the_golden, "scaled sum")
POINTWISE_PER_PIXEL = bench(pointwise.test_computes_like_the_golden, "first per pixel")
POINTWISE_MASKED = bench(pointwise.test_computes_like_the_golden, "not zero outside")
POINTWISE_COMPARED = bench(pointwise.test_computes_like_the_golden, "comparisons")
REQUANT_TIES = bench(requant.test_rescales, ((6, 4, 20, 12, 24, 8, 8, 0, 255), 0), True)
REQUANT_TOGETHER = bench(requant.test_pixels_come_together, (requant.SHAPES[0], 5))
REQUANT_LUT = bench(requant.test_rescales, ((5, 2, 24, 18, 40, 20, 4, 0, 15), 1), False)
REQUANT_WIDE = bench(requant.test_rescales, ((3, 2, 32, 24, 50, 38, 8, -128, 127), 0), False)
REQUANT_WHOLE = bench(requant.test_rescales, ((4, 4, 8, 2, 8, 0, 8, -128, 127), 1), False)
REDUCE_MAXIMUM = bench(reduce.test_reduces_like_the_golden, (4, 3, 3), (True, False), 2, 6, True, None)
REDUCE_SUM = bench(reduce.test_reduces_like_the_golden, (3, 3, 5), (True, True), 2, 8, True, 12)
STATIONARY = bench(stationary.test_multiplies, (1, 3, 5, 2, 3, 4, 0, 8, 16, 1))
THRESHOLDS = bench(thresholds.test_counts_thresholds, (6, 4, 20, 20, 15, 4, 0, 1, False))
THRESHOLDS_LATE = bench(thresholds.test_counts_thresholds, (9, 2, 12, 11, 255, 8, 0, 1, False))
THRESHOLDS_TABLE = bench(thresholds.test_counts_thresholds, (7, 3, 6, 7, 20, 8, None, False, False))
CONSTANT = bench(constant.test_repeats_the_map, constant.all_unlike(), (5, 4), 4)
LOOKUP = bench(lookup.test_looks_up, (5, 3, 5, False, 12, False))
TOPK = bench(topk.test_chooses_like_the_golden, 11, 3, 3, 8, True, {})
TOPK_FIRST = bench(topk.test_chooses_like_the_golden, 11, 5, 4, 3, False, {"Indices": 1, "Smallest": 1})
TOPK_LAST = bench(topk.test_chooses_like_the_golden, 6, 4, 1, 1, True, {"Last": 1, "Smallest": 1, "Indices": 1})
SHIFT_MAP = bench(shift.test_shifts_like_the_golden, shift.NINE, 2, (3, 4), 1)
GATHER_MEMORY = bench(gather.test_chooses_like_the_golden, 3, 2, 8, [7, 0, 3, 5, 1, 6, 2], 1)
GATHER_FILTER = bench(gather.test_chooses_like_the_golden, 1, 1, 7, [0, 2, 3, 6], 0)
GATHER_SWAPPED = bench(gather.test_chooses_like_the_golden, 2, 2, 6, [4, 5, 0, 1], 0)
GATHER_WIRES = bench(gather.test_chooses_like_the_golden, 3, 2, 8, [7, 0, 3, 5, 1, 6, 2], 0)
TRANSPOSE = bench(transpose.test_transposes_like_the_golden, 2, 4, 2, 3)
TRANSPOSE_SINGLE = bench(transpose.test_transposes_like_the_golden, 1, 9, 8, 1)
DEFORM_UP = bench(deform.test_layers, "one_side_up")
UPSAMPLE = bench(upsample.test_repeats_like_the_golden, (2, 2), 5, 2, 6)
TAPS_FEWEST = bench(taps.test_windows, "same_fewest")
TAPS_BESIDE = bench(taps.test_windows, "strided_beside_the_map")
TAPS_DILATED = bench(taps.test_windows, "dilated_asymmetric")
TAPS_GROUPED = bench(taps.test_windows, "grouped")
TAPS_STRIDED = bench(taps.test_windows, "stride_two_fewest")
TAPS_PADDED = bench(taps.test_windows, "padding_in_steps")
TAPS_LEFT_OVER = bench(taps.test_windows, "stride_three_rows_left_over")
SLIDE_STRIDED = bench(slide.test_windows, "stride_two_odd_map")
SLIDE_CROPPED = bench(slide.test_windows, "cropped")
SLIDE_RAGGED = bench(slide.test_windows, "same_ragged")
SLIDE_SAME = bench(slide.test_windows, "same")
WINDOW_SERIAL = bench(window.test_static_windows, "same_serial")
WINDOW_PARALLEL = bench(window.test_static_windows, "same_parallel")
WINDOW_RAGGED = bench(window.test_static_windows, "ragged_steps")
WINDOW_DENSE = bench(window.test_static_windows, "same_columns_dense")
WINDOW_FEW_ROWS = bench(window.test_static_windows, "fewest_rows")
WINDOW_UPSAMPLED = bench(window.test_static_windows, "upsampled")
WINDOW_PADDED = bench(window.test_static_windows, "dilated_asymmetric")
WINDOW_DEFORMABLE = bench(window.test_deformable_windows, "reach_beyond_map")
FIFO_SKID = bench(fifo.test_stores_and_forwards, 2, 70, False)
FIFO_LUT = bench(fifo.test_stores_and_forwards, 13, 8, False)
FIFO_BLOCK = bench(fifo.test_stores_and_forwards, 19, 8, True)
FORK = bench(fork.test_gives_all_beats_to_all, 33, 2)
INTERLEAVE = bench(interleave.test_shuffles_like_the_golden, 4, 3, 2, 7)
CAST = bench(cast.test_keeps_every_value, 2, 8, 12, 1)
ROM_FIELD = "[Field*Width+:Width];"
ROM = bench(rom.test_reads_the_file, 7, 3, 0, 0)
ROM_BLOCK = bench(rom.test_reads_the_file, 99, 100, 0, 1)
ROM_LATE = bench(rom.test_reads_the_file, 9, 70, 1, 1)
ROM_LOOP = bench(rom.test_words_come_in_turn, 65)
ROM_PARTS = bench(rom.test_words_come_in_turn_as_synthesised, 200)
SELECT = bench(repack.test_cuts_pixels_anew, 8, 2, [11], [11])
WIDEN = bench(repack.test_cuts_pixels_anew, 2, 4, [14], [8, 6])
SHIFT = bench(repack.test_cuts_pixels_anew, 4, 2, [3, 1, 5], [9])


def mutant(module: str, right: str, wrong: str, by: Bench, *, quick: bool = False) -> Mutant:
    """Short for `Mutant`."""
    return Mutant(module=module, right=right, wrong=wrong, bench=by, quick=quick)


MUTANTS = (
    mutant("engine_deform", "&& done_q[STEPS_TO_READ-1];", "&& done_q[0];", DEFORM_NARROW),
    mutant("engine_deform", "beat_q - BeatW'(GroupBeats - 1)", "beat_q", DEFORM_GROUPS),
    mutant("engine_deform", "tap_q <= TapW'(col_q) + 1'b1;", "tap_q <= TapW'(col_q);", DEFORM_MASKED),
    mutant("deform_scan", "int'(StrideH) + MinY);", "int'(StrideH) + MinY + 1);", DEFORM_FEW_ROWS),
    mutant("deform_scan", "need_col = CountW'(x_end);", "need_col = CountW'(x_end - 1'b1);", DEFORM_FEW_ROWS),
    mutant("deform_address", "slot_5 == '0 ? AddrW'(HALF - 1)", "slot_5 == '0 ? AddrW'(0)", DEFORM_FEW_ROWS, quick=True),
    mutant("deform_address", "x_4 >= -1 && x_4 <", "x_4 >= 0 && x_4 <", DEFORM_MASKED),
    mutant("deform_address", ">= OffsetHi) clamped = DW'(OffsetHi);", ">= OffsetHi) clamped = DW'(value);", DEFORM_MASKED),
    mutant("deform_buffer", "col_q > need_col_i);", "col_q >= need_col_i);", DEFORM_FEW_ROWS),
    mutant("deform_buffer", "room_q <= CountW'(Rows);", "room_q <= CountW'(Rows + 1);", DEFORM_FEW_ROWS),
    mutant("deform_sample", "signed'({1'b0, wy_q[4]});", "signed'({1'b0, wy_q[3]});", DEFORM_MASKED),
    mutant("deform_sample", "if (!inside_i[r][c]) value", "if (!inside_i[0][0]) value", DEFORM_GROUPS),
    mutant("engine_depthwise", "i / GroupIn * Lanes + l;", "l * Taps + i / GroupIn;", DEPTHWISE, quick=True),
    mutant("engine_depthwise", "first_q <= begin_q;", "first_q <= 1'b1;", DEPTHWISE),
    mutant("engine_depthwise", ".en_i  (take)", ".en_i  (1'b1)", DEPTHWISE),
    mutant("engine_depthwise", "if (ready_o) valid_q <= valid_i;", "valid_q <= valid_i;", DEPTHWISE),
    mutant("engine_depthwise", "PLACE*GroupOut+m", "PLACE*GroupOut", DEPTHWISE_GROUPS),
    mutant("engine_matvec", "beat_q < wbeat_q", "beat_q <= wbeat_q", MATVEC, quick=True),
    mutant("engine_matvec", "full_q != 2'd2", "full_q != 2'd3", MATVEC),
    mutant("engine_matvec", "rbase_q <= rbase_q == '0 ? AddrW'(BeatsIn) : '0;", "rbase_q <= '0;", MATVEC),
    mutant("engine_matvec", "last_q  <= beat_last;", "last_q  <= begin_q;", MATVEC),
    mutant("engine_matvec", "rbase_q + AddrW'(beat_q)", "AddrW'(beat_q)", MATVEC_PACKED),
    mutant("engine_matvec", "take && beat_last && outputs_last", "take && outputs_last", MATVEC),
    mutant("engine_stationary", "ready_o = !full_q[1]", "ready_o = 1'b1", STATIONARY, quick=True),
    mutant("engine_stationary", "wbase_q <= waddr_q == addr_t'(2 * BLOCK - 1) ? '0 : SECOND;", "wbase_q <= '0;", STATIONARY),
    mutant("engine_stationary", "full_q != '0 && wgt_valid_i", "full_q != '0", STATIONARY),
    mutant("engine_stationary", "wgt_ready_o = take && pixel_last", "wgt_ready_o = take", STATIONARY),
    mutant("engine_stationary", "== output_last) raddr_q <= SECOND", "|| output_last) raddr_q <= SECOND", STATIONARY),
    mutant("engine_stationary", "if (step_ready) valid_q <= take;", "valid_q <= take;", STATIONARY),
    mutant("engine_stationary", "add_first_q ? '0 : ring_q[Held-1]", "add_first_q ? '0 : ring_q[0]", STATIONARY),
    mutant("engine_stationary", "add_first_q <= add_beat_last;", "add_first_q <= 1'b0;", STATIONARY),
    mutant("engine_stationary", "if (add) ring_q", "if (sum_ready) ring_q", STATIONARY),
    mutant("mac_digits", "bits[2*d+2] ^ bits[2*d+1];", "bits[2*d+2] & bits[2*d+1];", DEPTHWISE_LUT),
    mutant("mac_digits", "carry_o   = gen_digit[DIGITS-1].minus", "carry_o   = 1'b0", DEPTHWISE_LUT),
    mutant("mac_array", "carry[l+1][i]   = both_q[ProductW-1];", "carry[l+1][i]   = 1'b0;", MATVEC_PACKED, quick=True),
    mutant("mac_array", "signed'({1'b0, act_i[l][i]})", "signed'({act_i[l][i][ActW-1], act_i[l][i]})", MATVEC_PACKED),
    mutant("mac_array", "PairW'(signed'(wgt_i[l+1][i]))", "PairW'(signed'(wgt_i[l][i]))", MATVEC_PACKED),
    mutant("mac_array", "PairW'(signed'(wgt_i[l][i]))", "PairW'(wgt_i[l][i])", MATVEC_PACKED),
    mutant("mac_array", "end else if (advance) begin\n      valid_q", "end else begin\n      valid_q", DEPTHWISE),
    mutant("mac_lane", "base = first_i ? '0 : sum_o", "base = sum_o", DEPTHWISE),
    mutant("mac_lane", "if (en_i && valid_i) sum_o", "if (en_i) sum_o", DEPTHWISE),
    mutant("mac_lane", "gen_level[LEVELS].carry[0]}", "1'b0}", MATVEC_PACKED),
    mutant("engine_pointwise", "advance && &(valid_i | SELF)", "advance", POINTWISE_SUM, quick=True),
    mutant("engine_pointwise", "if (advance) value <=", "value <=", POINTWISE_SUM),
    mutant("engine_pointwise", "{{(W - InW) {1'b0}}", "{{(W - InW) {data_i[AT+InW-1]}}", POINTWISE_SUM),
    mutant("engine_pointwise", " && (last || !Single[k])", "", POINTWISE_PER_PIXEL),
    mutant("engine_pointwise", "first_lane += Single[k] ? 1 : Lanes", "first_lane += Lanes", POINTWISE_PER_PIXEL),
    mutant("engine_pointwise", "p >= Channels % Lanes", "p > Channels % Lanes", POINTWISE_MASKED),
    mutant("engine_pointwise", "Op[n] != LT && equal", "equal", POINTWISE_COMPARED),
    mutant("engine_pointwise", "Op[n] != EQ && less", "less", POINTWISE_COMPARED),
    mutant("pointwise_scale", "product_o -= wide", "product_o += wide", POINTWISE_SCALED),
    mutant("engine_requant", "<< (Shift - 1)) - 1'b1;", "<< (Shift - 1));", REQUANT_TIES, quick=True),
    mutant("engine_requant", "whole[Shift] ^ Odd", "Odd", REQUANT_TIES),
    mutant("engine_requant", "advance && valid_i && first_q", "advance && first_q", REQUANT_TIES),
    mutant("engine_requant", "first_q <= hold_last", "first_q <= 1'b1", REQUANT_TOGETHER),
    mutant("engine_requant", ".step_i(advance && valid_i)", ".step_i(advance)", REQUANT_TOGETHER),
    mutant("engine_requant", "{SumW'(add_q), carry_q};", "{SumW'(add_q), 1'b0};", REQUANT_WHOLE),
    mutant("engine_requant", "? OutW'(Lo) :", "? OutW'(quotient_q) :", REQUANT_TIES),
    mutant("engine_requant", "signed'(late[PRODUCT-1])", "signed'(late[0])", REQUANT_WIDE),
    mutant("product_terms", "assign b = {1'b0, b_i", "assign b = {b_i[BW-1], b_i", REQUANT_WIDE),
    mutant("product_terms", "<<< (A * StepA + B * StepB)", "<<< (A * StepA + A * StepB)", REQUANT_WIDE),
    mutant("engine_pool", "flip[OutW-1] = Signed;", "flip[OutW-1] = 1'b0;", POOL_MAXIMUM),
    mutant("engine_pool", "step_q == '0 ? merged[p] : merge(", "merge(", POOL_MAXIMUM, quick=True),
    mutant("engine_pool", "if (advance && merged_valid) step_q", "if (advance) step_q", POOL_SUM),
    mutant("engine_reduce", "first_q ? value :", "", REDUCE_SUM, quick=True),
    mutant("engine_reduce", "flip[OutW-1] = Signed;", "flip[OutW-1] = 1'b0;", REDUCE_MAXIMUM),
    mutant("engine_reduce", "{OutW{Signed & data_q[p][LaneW-1]}}", "{OutW{1'b0}}", REDUCE_SUM),
    mutant("engine_reduce", "valid_q && last_q && valid_o && !ready_i", "1'b0", REDUCE_SUM),
    mutant("engine_thresholds", "(in_q) >= CmpW'(threshold_q)", "(in_q) > CmpW'(threshold_q)", THRESHOLDS, quick=True),
    mutant("engine_thresholds", "if (valid_i) beat[0]", "beat[0]", THRESHOLDS),
    mutant("engine_thresholds", "{found_q, reached}", "{reached, found_q}", THRESHOLDS),
    mutant("engine_thresholds", "{beat[STAGES], gen_stage", "{beat[0], gen_stage", THRESHOLDS_TABLE),
    mutant("engine_thresholds", "beat[s+1] <= looked_up", "beat[s+1] <= beat[s]", THRESHOLDS_LATE),
    mutant("engine_thresholds", "{in, earlier} <= {gen_stage[s-1].in_q,", "{in, earlier} <= {in_q,", THRESHOLDS_LATE),
    mutant("stream_rom", "if (en_i) addr <=", "addr <=", THRESHOLDS_LATE),
    mutant("stream_rom", "if (en_i) data_o <=", "data_o <=", ROM_LATE),
    mutant("engine_constant", "row_base + col_base + AddrW", "row_base + AddrW", CONSTANT, quick=True),
    mutant("engine_constant", "if (advance) late_beat_q", "late_beat_q", CONSTANT),
    mutant("engine_lookup", "{beat_q, data_i[l]}", "{beat_q, data_i[0]}", LOOKUP, quick=True),
    mutant("engine_lookup", "if (valid_i) beat_q", "beat_q", LOOKUP),
    mutant("engine_topk", "data_i[p] ^ FLIP", "data_i[p]", TOPK, quick=True),
    mutant("engine_topk", "* Lanes + p < Channels || !last_beat", "* Lanes + p <= Channels || !last_beat", TOPK),
    mutant(
        "topk_merge",
        "LaterWins ? b >= a : b > a",
        "b >= a",
        TOPK_FIRST,
    ),
    mutant("topk_merge", "LaterWins ? b >= a : b > a", "b > a", TOPK_LAST),
    mutant("engine_shift", "ahead_q < LEVEL_W'(Depth - BACK)", "ahead_q < LEVEL_W'(Depth)", SHIFT_MAP, quick=True),
    mutant("engine_shift", "ahead_q > LEVEL_W'(AHEAD)", "ahead_q >= LEVEL_W'(AHEAD)", SHIFT_MAP),
    mutant("engine_shift", "int'(col_q) + COL >= 0 &&", "", SHIFT_MAP),
    mutant("engine_shift", "left_q == LEFT_W'(1) ? LEFT_W'(FRAME)", "left_q == LEFT_W'(1) ? LEFT_W'(FRAME - 1)", SHIFT_MAP),
    mutant("gather_lane", "{read_bank_i, WORDS[read_beat_i]}", "{write_bank_i, WORDS[read_beat_i]}", GATHER_MEMORY, quick=True),
    mutant("gather_lane", "zero_q ? '0 : fetched[pick_q]", "fetched[pick_q]", GATHER_MEMORY),
    mutant("gather_memory", "ready_o    = !full_q[1]", "ready_o    = 1'b1", GATHER_MEMORY),
    mutant("gather_filter", "keep_q <= Keep[next_q]", "keep_q <= Keep[0]", GATHER_FILTER),
    mutant("gather_filter", "valid_i && keep_q", "valid_i", GATHER_FILTER, quick=True),
    mutant("gather_filter", "valid_i && ready_o", "ready_o", GATHER_FILTER),
    mutant("engine_gather", "(n != 0 && Index[n] <= Index[n-1])", "1'b0", GATHER_SWAPPED),
    mutant("gather_select", "ready_i && last;", "ready_i;", GATHER_WIRES),
    mutant("gather_collect", "take && beat_q == BEAT_W'(b)", "take", GATHER_WIRES),
    mutant("engine_transpose", "ready_o = !full_q;", "ready_o = 1'b1;", TRANSPOSE, quick=True),
    mutant("engine_transpose", "(whole_q || almost_q)", "(whole_q || held_q != '0)", TRANSPOSE),
    mutant("engine_transpose", "(whole_q || almost_q)", "whole_q", TRANSPOSE),
    mutant("engine_transpose", "whole_q ? stride_q : next_stride_q", "stride_q", TRANSPOSE_SINGLE),
    mutant("engine_transpose", "stride_q <= next_stride_q;", "stride_q <= stride_q;", TRANSPOSE),
    mutant("transpose_walk", "sum > LAST ?", "sum >= LAST ?", TRANSPOSE),
    mutant("transpose_walk", "mark_o  = left_q == '0", "mark_o  = left_q == COUNT_W'(1)", TRANSPOSE),
    mutant("deform_address", "y_4 < YW'(InH);\n    assign lower_in", "y_4 <= YW'(InH);\n    assign lower_in", DEFORM_MASKED),
    mutant("deform_address", "slot_5[0] ? fy_5 : (FractionBits + 1)'(ONE) - fy_5", "fy_5", DEFORM_MASKED),
    mutant("deform_address", "dy_2    <= clamped(dy_1);", "dy_2    <= dy_1;", DEFORM_MASKED),
    mutant("deform_sample", "{wy_q[3:0], wy_i}", "{wy_q[3:0], wx_i}", DEFORM_MASKED, quick=True),
    mutant("deform_sample", "mask_q[MASK_DELAY-1]))\n", "mask_q[MASK_DELAY-2]))\n", DEFORM_SIGNED_MASK),
    mutant("deform_sample", "MW'(mask_q[MASK_DELAY-1]);", "MW'(mask_q[MASK_DELAY-2]);", DEFORM_MASKED),
    mutant("deform_scan", "x_q    <= XW'(-int'(PadL));\n        oy_q", "oy_q", DEFORM_UP),
    mutant("deform_scan", "frame_last ? FRAME_STEP : ROW_STEP", "ROW_STEP", DEFORM_UP),
    mutant("engine_upsample", "index_q < stored_q", "index_q <= stored_q", UPSAMPLE, quick=True),
    mutant("engine_upsample", "read_q - ADDR_W'(ROW - 1);", "read_q - ADDR_W'(ROW);", UPSAMPLE),
    mutant("engine_upsample", "read && row_done && passes_done;", "read && row_done;", UPSAMPLE),
    mutant("engine_taps", "room_q  <= CountW'(Pixels);", "room_q  <= CountW'(Pixels + 1);", TAPS_FEWEST, quick=True),
    mutant("engine_taps", "freed_q <= advance ? read_release_q : '0;", "freed_q <= read_release_q;", TAPS_FEWEST),
    mutant("engine_taps", "waddr_q == AddrW'(WORDS - 1)", "waddr_q == AddrW'(WORDS - 2)", TAPS_FEWEST),
    mutant("taps_walk", "sum - (AddrW + 1)'(WORDS)", "sum - (AddrW + 1)'(WORDS - 1)", TAPS_FEWEST),
    mutant("taps_walk", "move = words(TO_TOP + 1)", "move = words(TO_TOP)", TAPS_GROUPED),
    mutant("taps_place", "row_release = CountW'(n * ROW);", "row_release = CountW'(SH * ROW);", TAPS_PADDED),
    mutant("taps_place", "col_release = CountW'(n);", "col_release = CountW'(SW);", TAPS_PADDED),
    mutant("taps_place", "if (y_q <= YW'(-SH)) row_release = '0;", "", TAPS_FEWEST),
    mutant("taps_place", "if (above || x_q <= XW'(-SW)) col", "if (x_q <= XW'(-SW)) col", TAPS_FEWEST),
    mutant("taps_place", "(above ? '0 : CountW'(LAST_COL))", "CountW'(LAST_COL)", TAPS_FEWEST),
    mutant("taps_place", "(int'(InH) - LAST_ROW) * ROW", "(int'(InH) - LAST_ROW + 1) * ROW", TAPS_LEFT_OVER),
    mutant("taps_place", "CountW'(n * ROW + TO_LINE);", "CountW'(SH * ROW + TO_LINE);", TAPS_PADDED),
    mutant("taps_place", "col_claim = CountW'(least(n, ROW - 1));", "col_claim = CountW'(SW);", TAPS_BESIDE),
    mutant("taps_place", "(X_END - n)) col_claim = CountW'(n);", "(X_END - n)) col_claim = '0;", TAPS_PADDED),
    mutant("taps_place", "claim = whole_q ? '0 : col_claim;", "claim = col_claim;", TAPS_FEWEST),
    mutant("taps_place", "claim = row_ends ? '0 : row_claim;", "claim = row_claim;", TAPS_DILATED),
    mutant("taps_place", "owed_q <= 0;", "owed_q <= 1;", TAPS_FEWEST),
    mutant("taps_walk", "x_q >= 0 && x_q < IN_W", "x_q < IN_W", TAPS_STRIDED),
    mutant("engine_slide", "filled_q || level_q == LevelW'(TAIL - 1)", "1'b1", SLIDE_SAME, quick=True),
    mutant("engine_slide", "!(first_q && walking_q) ||", "", SLIDE_STRIDED),
    mutant("engine_slide", "row_step_q == '0 && col", "col", SLIDE_STRIDED),
    mutant("engine_slide", "(beyond_q || end_q)", "end_q", SLIDE_CROPPED),
    mutant("engine_slide", "l >= LAST_LANES && ragged_q ?", "1'b0 ?", SLIDE_RAGGED),
    mutant("engine_slide", "row_in_q[i] && col_in_q[j] ?", "col_in_q[j] ?", SLIDE_SAME),
    mutant("engine_slide", "advance && may_step;", "take;", SLIDE_SAME),
    mutant("slide_delay", "addr_q == AddrW'(Delay - 2)", "addr_q == AddrW'(Delay - 1)", SLIDE_SAME),
    mutant("slide_delay", "if (step_i) waddr_q <= addr_q;", "waddr_q <= addr_q;", SLIDE_SAME),
    mutant("slide_inside", "reached && !passed", "reached", SLIDE_SAME),
    mutant("stream_rom_loop", "addr_q == AddrW'(Depth - 2)", "addr_q == AddrW'(Depth - 1)", ROM_LOOP),
    mutant("stream_rom_loop", "addr_q <= '0;\n        last_q <= Depth == 1;", "last_q <= Depth == 1;", ROM_LOOP),
    mutant("stream_rom_parts", "if (!rst_ni) data_o[p] <= mem[{HighW'(p), LowW'(0)}];\n      else if", "if", ROM_PARTS),
    mutant("stream_rom_parts", "mem[{HighW'(p), addr_i}]", "mem[{HighW'(0), addr_i}]", ROM_PARTS),
    mutant("stream_rom_loop", "high_q  <= fetch_q[AddrW-1:LowW]", "high_q  <= '0", ROM_PARTS),
    mutant("window_wait", "next.need - {row_i, col_i}", "next.need - 1'b1 - {row_i, col_i}", WINDOW_PARALLEL),
    mutant("window_wait", "need_q - {row_i, col_i}", "need_q - 1'b1 - {row_i, col_i}", WINDOW_SERIAL),
    mutant("window_wait", "next.spent_next - next.spent", "next.spent_next", WINDOW_FEW_ROWS),
    mutant("engine_window", "advance ? read_release_q : '0", "read_release_q", WINDOW_SERIAL),
    mutant("engine_window", "room > CountW'(1)", "room != 0", WINDOW_SERIAL),
    mutant("engine_window", "room_q <= CountW'(Rows);", "room_q <= CountW'(Rows + 1);", WINDOW_FEW_ROWS, quick=True),
    mutant("engine_window", "row_end && beat_written ? wbase_next : waddr_q + 1'b1", "waddr_q + 1'b1", WINDOW_RAGGED),
    mutant("window_scan", "y_q     <= oy_last ? YW'(-PAD_T) : y_q", "y_q     <= y_q", WINDOW_SERIAL),
    mutant("window_scan", "(int'((OutH - 1) * StrideH) -", "(int'(OutH * StrideH) -", WINDOW_FEW_ROWS),
    mutant("window_scan", "need_row = RowW'(y_end >>>", "need_row = RowW'(y_q >>>", WINDOW_SERIAL),
    mutant("window_scan", "slot_of((p + int'(StrideH))", "slot_of((int'(StrideH))", WINDOW_UPSAMPLED),
    mutant("window_scan", "CountW'(top_next >>> ROW_SHIFT)", "CountW'((top_next + 1'b1) >>> ROW_SHIFT)", WINDOW_UPSAMPLED),
    mutant("window_wait", "slot_of((p - (D", "slot_of((-(D", bench(window.test_deformable_windows, "upsampled_deformable")),
    mutant("window_walk", "return (phase + further)", "return further", WINDOW_UPSAMPLED),
    mutant("window_walk", "ColW'(((phase + further)", "ColW'((further", WINDOW_UPSAMPLED),
    mutant("window_scan", "DW'(signed'(dil_i))", "DW'(dil_i)", bench(window.test_deformable_windows, "parallel_signed")),
    mutant("window_wait", "YW'(-(DilationLo + v) * MID_H)", "YW'(-v * MID_H)", WINDOW_DEFORMABLE),
    mutant("window_walk", "x >= 0 && x < IN_W", "x > 0 && x < IN_W", WINDOW_SERIAL),
    mutant("window_walk", "row_last ? slot_back : slot_step", "slot_step", WINDOW_SERIAL),
    mutant("window_walk", "- ColW'(GroupBeats - 1);\n            addr_back", ";\n            addr_back", WINDOW_DENSE),
    mutant("window_walk", "(n / int'(Banks) + behind)", "(n / int'(Banks))", WINDOW_RAGGED),
    mutant("window_ring", "sum - (SlotW + 1)'(Rows)", "sum - (SlotW + 1)'(Rows - 1)", WINDOW_RAGGED),
    mutant("window_store", "inside_q[t] ? tap[t] : pad", "tap[t]", WINDOW_SERIAL),
    mutant("window_store", "choice[rbank_q[0][s+:BITS]]", "choice[rbank_i[0][s+:BITS]]", WINDOW_RAGGED),
    mutant("window_store", "bank[rbank_q[i]]", "bank[rbank_q[0]]", WINDOW_DEFORMABLE),
    mutant("window_store", "l >= LastLanes && last_beat_q ?", "1'b0 ?", WINDOW_PADDED),
    mutant("engine_ram", "if (re_i) rdata_o <= words", "rdata_o <= words", WINDOW_SERIAL),
    mutant("stream_fifo", "level_q[1] ? skid_q : data_i", "level_q[0] ? skid_q : data_i", FIFO_SKID, quick=True),
    mutant("stream_fifo", "level_q != limit - 1'b1", "level_q != limit", FIFO_LUT),
    mutant("stream_fifo", "push || level_q != level_t'(1)", "push", FIFO_LUT),
    mutant("stream_fifo", "write_q == LAST ? '0 : write_q", "write_q", FIFO_LUT),
    mutant("stream_fifo", "fetched_q && (pop || !offered_q)", "fetched_q && !offered_q", FIFO_BLOCK),
    mutant("stream_fifo", "level_t'(offered_q) + level_t'(fetched_q) + 1'b1", "level_t'(offered_q) + 1'b1", FIFO_BLOCK),
    mutant("stream_fork", "&(taken_q | ready_i)", "|(taken_q | ready_i)", FORK),
    mutant("stream_fork", "& ~taken_q;", ";", FORK),
    mutant("stream_interleave", "data_o[n*Ins+k]", "data_o[k*Lanes+n]", INTERLEAVE),
    mutant("stream_cast", "{Signed & data_i[lane][InW-1]}", "{1'b0}", CAST),
    mutant(
        "stream_rom",
        "if (en_i) word_q <= mem[addr]" + ROM_FIELD + "\n  end\nend",
        "word_q <= mem[addr]" + ROM_FIELD + "\n  end\nend",
        ROM,
    ),
    mutant(
        "stream_rom",
        "if (en_i) word_q <= mem[addr]" + ROM_FIELD + "\n  end else",
        "word_q <= mem[addr]" + ROM_FIELD + "\n  end else",
        ROM_BLOCK,
    ),
    mutant("stream_repack_select", "ready_i[target] && last_of_beat;", "ready_i[target];", SELECT),
    mutant("stream_repack_select", "part_q == PART_W'(PARTS - 1) || last_of_input", "part_q == PART_W'(PARTS - 1)", SELECT),
    mutant("stream_repack_widen", "if (step || ready_i[target_q])", "if (step)", WIDEN),
    mutant("stream_repack_widen", "|| last_of_output;", ";", WIDEN),
    mutant(
        "stream_repack_shift",
        "room  = pop ? level_q <= level_t'(UNITS) - coming + leaving : level_q",
        "room  = level_q",
        SHIFT,
        quick=True,
    ),
    mutant("stream_repack_shift", "level_t'(s) < level_q ? units_q[s]", "level_t'(s) <= level_q ? units_q[s]", SHIFT),
    mutant("segment_counter", "SegmentW'(Segments - 1) ? '0", "SegmentW'(Segments) ? '0", SHIFT),
    mutant("segment_counter", "last_q <= last_q ? following == '0 :", "last_q <= last_q ? 1'b0 :", SHIFT),
)
