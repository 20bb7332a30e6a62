# SPDX-License-Identifier: Apache-2.0
"""Everything headrace raises on purpose.

```
HeadraceError            one clear line; the command line turns it into exit code 2
├── ModelError           the network's file cannot be read, or says something impossible
│   └── UnsupportedError a node, attribute or type that headrace does not map; carries node and remedy
├── FoldingError         no folding of this network meets the goal on this board
├── BuildError           a build directory is missing, stale, or does not fit what is asked of it
├── DataError            an image, data set or result file is missing or damaged
├── ToolError            an external tool is absent or failed; carries the command that installs it
│   └── VendorToolError  the absent tool is a vendor's, so no command installs it (exit code 3: all else is ready)
├── TimingError          a placed and routed design is slower than its clock (exit code 1: the input was fine)
└── MismatchError        simulation and golden differ (exit code 1: the input was fine, the hardware is not)
```
"""

from __future__ import annotations


class HeadraceError(Exception):
    """Base of all errors that headrace raises on purpose; the message is one line with the remedy in it."""

    exit_code = 2


class ModelError(HeadraceError):
    """The model cannot be read, or its content is inconsistent."""


class UnsupportedError(ModelError):
    """A construct of the model that is not mapped to hardware."""

    def __init__(self, node: str, op_type: str, reason: str, remedy: str) -> None:
        self.node, self.op_type, self.reason, self.remedy = node, op_type, reason, remedy
        super().__init__(f"node '{node}' ({op_type}): {reason}; {remedy}")


class FoldingError(HeadraceError):
    """No folding meets the goal within the board's budget."""


class BuildError(HeadraceError):
    """A build directory is missing, stale or incomplete."""


class DataError(HeadraceError):
    """An image, data set or result file is missing or damaged."""


class ToolError(HeadraceError):
    """An external tool is absent or failed."""


class VendorToolError(ToolError):
    """A vendor's tool, which no package manager installs, is not on this machine."""

    exit_code = 3


class TimingError(HeadraceError):
    """A design does not reach its clock."""

    exit_code = 1


class MismatchError(HeadraceError):
    """Simulated hardware and the golden executor disagree."""

    exit_code = 1
