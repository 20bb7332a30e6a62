# SPDX-License-Identifier: Apache-2.0
"""A small web page with live detections, the accelerator's counters, and the CPU's speed beside it."""
