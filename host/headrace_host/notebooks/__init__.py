# SPDX-License-Identifier: Apache-2.0
"""Jupyter notebooks, delivered by ``pynq get-notebooks headrace`` and by ``headrace deploy``."""
