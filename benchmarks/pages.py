# SPDX-License-Identifier: Apache-2.0
"""Tables of the documentation, which benchmarks write."""

from __future__ import annotations


def with_table(text: str, marks: tuple[str, str], table: str) -> str:
    """The page ``text`` with ``table`` between its marks.

    Raises:
        ValueError: a mark is missing.
    """
    head, rest = text.split(marks[0])
    tail = rest.split(marks[1])[1]
    return f"{head}{marks[0]}\n\n{table}\n{marks[1]}{tail}"
