# SPDX-License-Identifier: Apache-2.0
"""Pure passes over the integer graph."""
