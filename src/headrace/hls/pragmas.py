# SPDX-License-Identifier: Apache-2.0
"""``#pragma HLS`` lines: what Vitis HLS knows (AMD UG1399), and those of a source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

NUMBER = r"\d+"
ANY = r".+"
NAME = r"(?:this->)?[A-Za-z_][\w.\[\]]*"
_SWITCH = ("off",)

DIRECTIVES: Mapping[str, tuple[Mapping[str, str], tuple[str, ...]]] = {
    "aggregate": ({"variable": NAME, "compact": "bit|byte|none|auto"}, ()),
    "alias": ({"ports": ANY, "distance": NUMBER, "offset": ANY}, ()),
    "allocation": ({"instances": NAME, "limit": NUMBER}, ("operation", "function")),
    "array_partition": (
        {"variable": NAME, "type": "cyclic|block|complete", "factor": ANY, "dim": NUMBER},
        ("cyclic", "block", "complete", "off"),
    ),
    "array_reshape": (
        {"variable": NAME, "type": "cyclic|block|complete", "factor": ANY, "dim": NUMBER},
        ("cyclic", "block", "complete", "object", "off"),
    ),
    "bind_op": ({"variable": NAME, "op": r"\w+", "impl": r"\w+", "latency": r"-?\d+"}, ()),
    "bind_storage": ({"variable": NAME, "type": r"\w+", "impl": r"\w+", "latency": r"-?\d+"}, ()),
    "dataflow": ({}, ("disable_start_propagation",)),
    "dependence": (
        {
            "variable": NAME,
            "class": "array|pointer",
            "type": "inter|intra",
            "direction": "RAW|WAR|WAW",
            "distance": ANY,
            "dependent": "true|false",
        },
        ("array", "pointer", "inter", "intra", "RAW", "WAR", "WAW", "true", "false"),
    ),
    "disaggregate": ({"variable": NAME}, ()),
    "expression_balance": ({}, _SWITCH),
    "function_instantiate": ({"variable": NAME}, ()),
    "inline": ({}, ("recursive", "off")),
    "interface": (
        {
            "mode": r"\w+",
            "port": NAME,
            "bundle": r"\w+",
            "depth": ANY,
            "name": r"\w+",
            "offset": r"\w+",
            "latency": NUMBER,
            "register_mode": "both|forward|reverse|off",
            "storage_type": r"\w+",
            "storage_impl": r"\w+",
            "max_read_burst_length": NUMBER,
            "max_write_burst_length": NUMBER,
            "num_read_outstanding": NUMBER,
            "num_write_outstanding": NUMBER,
            "max_widen_bitwidth": NUMBER,
        },
        ("register", "direct_io", "axis", "m_axi", "s_axilite", "ap_ctrl_none", "ap_ctrl_hs", "ap_ctrl_chain", "ap_none"),
    ),
    "latency": ({"min": NUMBER, "max": NUMBER}, ()),
    "loop_flatten": ({}, _SWITCH),
    "loop_merge": ({}, ("force",)),
    "loop_tripcount": ({"min": ANY, "max": ANY, "avg": ANY}, ()),
    "occurrence": ({"cycle": NUMBER}, _SWITCH),
    "pipeline": ({"II": ANY, "style": "stp|frp|flp"}, ("off", "rewind")),
    "protocol": ({"mode": "floating|fixed"}, ()),
    "reset": ({"variable": NAME}, _SWITCH),
    "stable": ({"variable": NAME}, ()),
    "stream": ({"variable": NAME, "type": "fifo|pipo|shared|unsync", "depth": ANY}, _SWITCH),
    "top": ({"name": r"\w+"}, ()),
    "unroll": ({"factor": ANY}, ("skip_exit_check", "off=true")),
}
"""For each directive: its options with the form of their values, and words that stand alone."""

NAMED = ("aggregate", "array_partition", "array_reshape", "bind_op", "bind_storage", "disaggregate", "stable", "stream")
"""Directives that do nothing without a variable."""


@dataclass(frozen=True, slots=True, eq=False)
class Pragma:
    """A line ``#pragma HLS directive option=value word``."""

    line: int
    offset: int
    """Of its first byte in the file."""
    directive: str
    options: Mapping[str, str]
    words: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The variables that it speaks of."""
        given = (self.options.get("variable"), self.options.get("port"))
        found = (re.match(r"(?:this->)?([A-Za-z_]\w*)", name) for name in given if name not in (None, "return"))
        return tuple(match[1] for match in found if match)

    def fault(self) -> str | None:
        """What Vitis HLS would not understand about it."""
        if self.directive not in DIRECTIVES:
            return f"#pragma HLS {self.directive} is no directive of Vitis HLS"
        options, words = DIRECTIVES[self.directive]
        for name, value in self.options.items():
            if f"{name}={value}" in words:
                continue
            if name not in options:
                return f"#pragma HLS {self.directive} has no option {name}"
            if not re.fullmatch(options[name], value):
                return f"#pragma HLS {self.directive} does not take {name}={value}"
        for word in self.words:
            if word not in words:
                return f"#pragma HLS {self.directive} does not know the word {word}"
        if self.directive in NAMED and "variable" not in self.options:
            return f"#pragma HLS {self.directive} names no variable"
        return None


def pragmas_of(text: str) -> Iterator[Pragma]:
    """All HLS pragmas of a source."""
    for match in re.finditer(r"^[ \t]*#[ \t]*pragma[ \t]+HLS\b((?:\\\n|.)*)", text, re.MULTILINE):
        rest = re.sub(r"//.*|/\*.*?\*/|\\\n", " ", match[1])
        parts = re.sub(r"\s*=\s*", "=", rest).split()
        options = dict(part.split("=", 1) for part in parts[1:] if "=" in part)
        words = tuple(part for part in parts[1:] if "=" not in part)
        line = text.count("\n", 0, match.start()) + 1
        yield Pragma(line, len(text[: match.start()].encode()), parts[0] if parts else "", options, words)


def other_pragmas(text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of pragmas that are neither ``once`` nor for HLS, so that no misspelling is lost."""
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\s*#\s*pragma\b(?!\s+(HLS|once)\b)", line) or "_Pragma" in line:
            yield number, line.strip()
