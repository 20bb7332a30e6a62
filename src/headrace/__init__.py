# SPDX-License-Identifier: Apache-2.0
"""headrace: quantized neural networks as bit-exact FPGA dataflow engines."""

from __future__ import annotations

__version__ = "0.1.0"
