# SPDX-License-Identifier: Apache-2.0
"""Errors of the host package."""

from __future__ import annotations


class HostError(Exception):
    """What the host refuses, in one line with the remedy; the command line turns it into exit code 2."""


class BoardError(HostError):
    """The accelerator on the board failed, or is not the one that was expected."""
