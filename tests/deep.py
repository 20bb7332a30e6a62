# SPDX-License-Identifier: Apache-2.0
"""Which cases every run tries, and which the deep ones alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def deep_but(quick: Collection[Any], cases: Iterable[Any]) -> list[Any]:
    """``cases`` for parametrize, those that are not among ``quick`` marked deep."""
    return [case if case in quick else pytest.param(case, marks=pytest.mark.deep) for case in cases]
