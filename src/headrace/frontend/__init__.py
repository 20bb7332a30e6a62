# SPDX-License-Identifier: Apache-2.0
"""QONNX in, integer graph out; what cannot be mapped is refused here, by node name and remedy."""
