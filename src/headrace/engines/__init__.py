# SPDX-License-Identifier: Apache-2.0
"""The hardware engines: parameters, cycles, resources and memories of each SystemVerilog module."""
