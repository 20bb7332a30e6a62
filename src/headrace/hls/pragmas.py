# SPDX-License-Identifier: Apache-2.0
"""``#pragma HLS`` lines: what Vitis HLS knows, and those of a source.

Options are those of AMD UG1399; what they need of each other is what the published front end (Xilinx/hls-llvm-project) asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

NUMBER = r"\d+"
ANY = r".+"
NAME = r"(?:this->)?[A-Za-z_][\w.\[\]]*"
NAMES = rf"{NAME}(?:,{NAME})*"
_SWITCH = ("off",)
_MODES = (
    *("m_axi", "s_axilite", "axis", "ap_memory", "bram", "ap_fifo", "ap_none", "ap_hs", "ap_ack", "ap_vld", "ap_ovld"),
    *("ap_stable", "ap_ctrl_none", "ap_ctrl_hs", "ap_ctrl_chain"),
)

DIRECTIVES: Mapping[str, tuple[Mapping[str, str], tuple[str, ...]]] = {
    "aggregate": ({"variable": NAMES, "compact": "bit|byte|none|auto"}, ("bit", "byte", "none", "auto")),
    "alias": ({"ports": ANY, "distance": ANY, "offset": ANY}, ()),
    "allocation": ({"instances": NAMES, "limit": ANY}, ("operation", "function")),
    "array_partition": (
        {"variable": NAMES, "type": "cyclic|block|complete", "factor": ANY, "dim": ANY},
        ("cyclic", "block", "complete", "off"),
    ),
    "array_reshape": (
        {"variable": NAMES, "type": "cyclic|block|complete", "factor": ANY, "dim": ANY},
        ("cyclic", "block", "complete", "object", "off"),
    ),
    "bind_op": ({"variable": NAMES, "op": r"\w+", "impl": r"\w+", "latency": r"-?\d+"}, ()),
    "bind_storage": ({"variable": NAMES, "type": r"\w+", "impl": r"\w+", "latency": r"-?\d+"}, ()),
    "cache": ({"port": NAME, "lines": ANY, "depth": ANY, "ports": NAMES, "l2_lines": ANY}, ()),
    "dataflow": ({}, ("disable_start_propagation",)),
    "dependence": (
        {
            "variable": NAMES,
            "class": "array|pointer",
            "type": "inter|intra",
            "direction": "RAW|WAR|WAW",
            "distance": ANY,
            "dependent": "true|false",
        },
        ("array", "pointer", "inter", "intra", "RAW", "WAR", "WAW", "true", "false"),
    ),
    "disaggregate": ({"variable": NAMES}, ()),
    "expression_balance": ({}, _SWITCH),
    "function_instantiate": ({"variable": NAMES}, ()),
    "inline": ({}, ("recursive", "off")),
    "interface": (
        {
            "mode": "|".join(_MODES),
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
            "direct_io": "true|false",
            "channel": NUMBER,
            "clock": r"\w+",
            "interrupt": NUMBER,
        },
        ("register", *_MODES),
    ),
    "latency": ({"min": ANY, "max": ANY}, ()),
    "loop_flatten": ({}, _SWITCH),
    "loop_merge": ({}, ("force",)),
    "loop_tripcount": ({"min": ANY, "max": ANY, "avg": ANY}, ()),
    "occurrence": ({"cycle": ANY}, _SWITCH),
    "performance": ({"target_ti": ANY, "target_tl": ANY, "unit": "sec|cycle"}, ()),
    "pipeline": ({"II": ANY, "style": "stp|frp|flp"}, ("off", "rewind")),
    "protocol": ({"mode": "floating|fixed"}, ("floating", "fixed")),
    "reset": ({"variable": NAMES}, _SWITCH),
    "stable": ({"variable": NAMES}, ()),
    "stream": ({"variable": NAMES, "type": "fifo|pipo|shared|unsync", "depth": ANY}, _SWITCH),
    "top": ({"name": r"\w+"}, ()),
    "unroll": ({"factor": ANY}, ("skip_exit_check", "off=true")),
}
"""For each directive: its options with the form of their values, and words that stand alone."""

REQUIRED: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            *("aggregate", "array_partition", "array_reshape", "bind_op", "bind_storage", "disaggregate"),
            *("function_instantiate", "reset", "stable", "stream"),
        ),
        ("variable",),
    ),
    "alias": ("ports",),
    "allocation": ("instances", "limit"),
    "bind_op": ("variable", "op"),
    "bind_storage": ("variable", "type"),
    "cache": ("port",),
    "interface": ("port",),
    "loop_tripcount": ("max",),
    "occurrence": ("cycle",),
}
"""Options without which a directive does nothing."""
_SPELLINGS = {
    directive: {name.lower(): name for name in (*options, *words)} for directive, (options, words) in DIRECTIVES.items()
}
"""Vitis HLS takes names in any letter case: by lower case, as they are written here."""


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
        given = ",".join(self.options[option] for option in ("variable", "port") if option in self.options)
        found = (re.match(r"(?:this->)?([A-Za-z_]\w*)", name) for name in given.split(",") if name != "return")
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
        for name in REQUIRED.get(self.directive, ()):
            if name not in self.options:
                return f"#pragma HLS {self.directive} names no {name}"
        return self._contradiction()

    def _contradiction(self) -> str | None:
        said = {*self.words, *(f"{name}={value}" for name, value in self.options.items())}
        match self.directive:
            case "array_partition" | "array_reshape":
                if said & {"cyclic", "block", "type=cyclic", "type=block"} and "factor" not in self.options:
                    return f"#pragma HLS {self.directive} says no factor"
            case "dependence":
                if not said & {"true", "false", "dependent=true", "dependent=false"}:
                    return "#pragma HLS dependence says neither true nor false"
                if said & {"true", "dependent=true"} and said & {"inter", "type=inter"} and "distance" not in self.options:
                    return "#pragma HLS dependence says no distance"
            case "pipeline":
                if "rewind" in said and said & {"style=flp", "style=frp"}:
                    return "#pragma HLS pipeline cannot have rewind with this style"
            case "interface":
                before = list(self.options)[: list(self.options).index("mode")] if "mode" in self.options else []
                if "offset" in before or not ("mode" in self.options or {*self.words} - {"register"}):
                    return "#pragma HLS interface says no mode, or its offset before it"
        return None


def pragmas_of(text: str) -> Iterator[Pragma]:
    """All HLS pragmas of a source."""
    for match in re.finditer(r"^[ \t]*#[ \t]*pragma[ \t]+HLS\b((?:\\\n|.)*)", text, re.MULTILINE):
        rest = re.sub(r"//.*|/\*.*?\*/|\\\n", " ", match[1])
        parts = re.sub(r"\s*([=,])\s*", r"\1", rest).split()
        directive = parts[0].lower() if parts else ""
        spelling = _SPELLINGS.get(directive, {})
        named = [
            (spelling.get(name.lower(), name), equals, value) for name, equals, value in (p.partition("=") for p in parts[1:])
        ]
        options = {name: value for name, equals, value in named if equals}
        words = tuple(name for name, equals, _ in named if not equals)
        line = text.count("\n", 0, match.start()) + 1
        yield Pragma(line, len(text[: match.start()].encode()), directive, options, words)


def other_pragmas(text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of pragmas that are neither ``once`` nor for HLS, so that no misspelling is lost."""
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\s*#\s*pragma\b(?!\s+(HLS|once)\b)", line) or "_Pragma" in line:
            yield number, line.strip()
