# SPDX-License-Identifier: Apache-2.0
"""Sum and Mean of any number of activations."""

from __future__ import annotations

from headrace.operators.elementwise.base import Elementwise, added
from headrace.operators.elementwise.grids import common, mean

ELEMENTWISE = (
    Elementwise(types=("Sum",), grid=common, build=added, variadic=True, sign=1),
    Elementwise(types=("Mean",), grid=mean, build=added, variadic=True, exact=False),
)
