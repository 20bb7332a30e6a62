# SPDX-License-Identifier: Apache-2.0
"""Renders a design of engines into sources."""
