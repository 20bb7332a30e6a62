# SPDX-License-Identifier: Apache-2.0
"""Sum and Mean of any number of activations."""

from __future__ import annotations

from functools import reduce

from headrace.ir.expressions import Expression
from headrace.operators.elementwise.base import Elementwise
from headrace.operators.elementwise.grids import common, mean


def _total(*terms: Expression) -> Expression:
    return reduce(lambda a, b: ("add", a, b), terms)


ELEMENTWISE = (
    Elementwise(types=("Sum",), grid=common, build=_total, variadic=True),
    Elementwise(types=("Mean",), grid=mean, build=_total, variadic=True, exact=False),
)
