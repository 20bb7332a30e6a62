# SPDX-License-Identifier: Apache-2.0
"""The halves of the benches that run inside the simulator, one module for each hardware module."""
