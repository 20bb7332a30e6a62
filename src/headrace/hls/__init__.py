# SPDX-License-Identifier: Apache-2.0
"""The HLS backend: the engines of a design as C++ kernels for Vitis HLS, and their simulation with a C++ compiler."""
