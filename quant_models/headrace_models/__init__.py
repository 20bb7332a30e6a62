# SPDX-License-Identifier: Apache-2.0
"""Quantized detectors for headrace: Brevitas blocks, networks, data, training and export.

`cbc`, `evaluate`, `fetch`, `metrics` and `recipes` need no torch; everything else does.
"""
