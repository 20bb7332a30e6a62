# SPDX-License-Identifier: Apache-2.0
"""The CPU path: a network's integer program, planned once and executed fast, in numpy alone.

The reference of every operator is `headrace_host.golden` and its like; what is here gives the same integers in every bit, from
float32 wherever that is exact: products in BLAS, sums and requantizers in place, activations that stay in float32.

- `planner` chooses a layer for each node, or for a node and the requantizer behind it, and prepares its constants
- the layers: `conv`, `depthwise`, `whole_maps`, `deform`, `elementwise`, `pools`, `moves`, `tables`; and `fallback`, the
  reference itself
- `rescale` and `sums` find requantizers in floating point that are exact, `finish` applies them to accumulators
- `memory` places tensors; a layer binds itself to them as a list of calls with finished views
- `executor` runs these calls, slice by slice of a batch
"""

from headrace_host.cpu.executor import PlannedProgram

__all__ = ["PlannedProgram"]
