# SPDX-License-Identifier: Apache-2.0
"""Runs the tools that turn rendered sources into simulators and bitstreams, and parses what they say."""
