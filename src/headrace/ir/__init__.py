# SPDX-License-Identifier: Apache-2.0
"""The integer graph: tensors, operators and their serialised form."""
