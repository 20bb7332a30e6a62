# SPDX-License-Identifier: Apache-2.0
"""One option of each group, the cheapest in all that stays within several budgets: a multiple-choice knapsack.

Stated as a mixed-integer program and solved by HiGHS (Huangfu and Hall, 2018, doi:10.1007/s12532-017-0130-5): to proven
optimality, or up to a proven gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import highspy
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def efficient(options: FloatArray) -> npt.NDArray[np.int64]:
    """Indices of the options (n, k) that no other one equals or beats in all k measures; smaller is better."""
    rest = np.lexsort(options.T[::-1])  # no option is beaten by one behind it
    indices = []
    while len(rest):
        indices.append(int(rest[0]))
        rest = rest[~np.all(options[rest[0]] <= options[rest], axis=1)]
    return np.array(sorted(indices), np.int64)


GAP = 0.002
"""Of a balanced choice: by how much of a budget a better one that is not looked for may be better, at most."""
NODES = 200
"""Of the search for one, after which the best that was seen is taken; a bound in seconds would not give the same each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What was found."""

    picks: list[int] | None
    """An option for each group; None: no choice that fits was found."""
    gap: float
    """By how much the least value may be lower, at most; without a choice, 0: there is none that fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Included:
    """The last option of group ``other`` is taken exactly with those ``options`` of ``group``, which include its work."""

    group: int
    options: npt.NDArray[np.bool_]
    """For each of the group's."""
    other: int


def choose(
    groups: Sequence[FloatArray], *, balanced: bool = False, enough: bool = False, included: Sequence[Included] = ()
) -> Chosen:
    """The option of each group with the least sum of shares, no budget exceeded.

    Args:
        groups: for each group its options' shares (n, k) of k budgets.
        balanced: the least share of the budget that is used most instead, up to `GAP`, or what `NODES` give.
        enough: of a balanced choice: any that fits.
        included: options that stand for one of another group, too; no two are of the same group, nor for the same other.
    """
    if any(not len(options) for options in groups):
        return Chosen(picks=None, gap=0.0)
    shares = np.concatenate(groups)
    count, budgets = shares.shape
    members = np.repeat(np.arange(len(groups)), [len(options) for options in groups])
    starts = np.concatenate([[0], np.cumsum([len(options) for options in groups])])
    ties, tied = np.zeros(count), np.zeros(count, np.int64)  # one row more for each pair of groups
    for k, pair in enumerate(included):
        own = starts[pair.group] + np.flatnonzero(pair.options)
        last = starts[pair.other + 1] - 1
        ties[own], ties[last] = 1, -1
        tied[own] = tied[last] = len(groups) + budgets + k
    columns = np.column_stack([np.ones(count), shares, ties])
    rows = np.column_stack([members, np.tile(len(groups) + np.arange(budgets), (count, 1)), tied])
    present = columns != 0
    none = np.zeros(len(included))

    problem = highspy.HighsLp()
    problem.num_col_, problem.num_row_ = count, len(groups) + budgets + len(included)
    problem.col_cost_ = shares.sum(axis=1)
    problem.col_lower_, problem.col_upper_ = np.zeros(count), np.ones(count)
    problem.integrality_ = [highspy.HighsVarType.kInteger] * count
    problem.row_lower_ = np.concatenate([np.ones(len(groups)), np.full(budgets, -highspy.kHighsInf), none])
    problem.row_upper_ = np.concatenate([np.ones(len(groups) + budgets), none])
    problem.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    problem.a_matrix_.start_ = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
    problem.a_matrix_.index_, problem.a_matrix_.value_ = rows[present], columns[present]

    solver = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy is typed but for this
    gap = GAP if balanced else 1e-6
    for name, value in (("output_flag", False), ("threads", 1), ("mip_rel_gap", 0.0), ("mip_abs_gap", gap)):
        solver.setOptionValue(name, value)
    solver.passModel(problem)
    if balanced:  # a variable more: the largest share, which takes each budget's place on the right
        largest = np.arange(len(groups), len(groups) + budgets, dtype=np.int32)
        solver.addCol(1.0, 0.0, 1.0, budgets, largest, -np.ones(budgets))
        for row in largest:
            solver.changeRowBounds(int(row), -highspy.kHighsInf, 0.0)
        solver.changeColsCost(count, np.arange(count, dtype=np.int32), np.zeros(count))
        solver.setOptionValue("mip_max_nodes", NODES)
        if enough:
            solver.setOptionValue("objective_target", 1.0)
    solver.run()
    found, info = solver.getSolution(), solver.getInfo()
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible.value:
        proven = solver.getModelStatus() == highspy.HighsModelStatus.kInfeasible
        return Chosen(picks=None, gap=0.0 if proven else np.inf)
    taken = np.flatnonzero(np.array(found.col_value[:count]) > 0.5)
    picks = [int(i) for i in taken - np.searchsorted(members, np.arange(len(groups)))]
    return Chosen(picks=picks, gap=max(0.0, info.objective_function_value - info.mip_dual_bound))
