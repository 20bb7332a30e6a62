# SPDX-License-Identifier: Apache-2.0
"""Operators without a kernel of their own, or beyond its range: the reference's, on integers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from headrace_host.cpu.memory import Array, Binder, Margin


@dataclass(frozen=True, slots=True)
class Reference:
    """Runs a reference kernel."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    kernel: Callable[[list[Array]], list[Array]]

    @property
    def margins(self) -> dict[str, Margin]:
        """What must lie around its inputs."""
        return {}

    def bind(self, binder: Binder) -> None:
        """Adds the step."""
        sources, targets = ([binder.maps[name].pixels for name in names] for names in (self.sources, self.targets))

        def run() -> None:
            results = self.kernel([source.astype(np.int64) for source in sources])
            for target, result in zip(targets, results, strict=True):
                np.copyto(target, result, casting="unsafe")

        binder.do(run)
