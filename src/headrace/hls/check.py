# SPDX-License-Identifier: Apache-2.0
"""Checks that kernel sources stay in what Vitis HLS turns into the hardware that is meant, without running it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.hls.check_dataflow import dataflow_faults
from headrace.hls.check_loops import loop_faults
from headrace.hls.pragmas import other_pragmas
from headrace.hls.syntax import Function, Source, below, children, kind, line_of, parse
from headrace.hls.uses import reaches
from headrace.resources import data_dir

KEYWORDS = {
    "new": "memory",
    "delete": "memory",
    "throw": "exception",
    "try": "exception",
    "catch": "exception",
    "goto": "goto",
    "virtual": "virtual",
    "dynamic_cast": "cast",
    "reinterpret_cast": "cast",
    "float": "float",
    "double": "float",
    "asm": "asm",
}
"""Forbidden keywords, and the rule that each breaks."""
CALLS = ("malloc", "calloc", "realloc", "free", "alloca")
CONTAINERS = (
    *("vector", "deque", "list", "forward_list", "map", "set", "multimap", "multiset", "unordered_map", "unordered_set"),
    *("stack", "queue", "priority_queue", "string", "function", "any", "unique_ptr", "shared_ptr"),
)
FLOATS = ("FLOAT", "DOUBLE", "LONGDOUBLE", "HALF", "FLOAT128", "FLOAT16")
TYPED = ("VAR_DECL", "PARM_DECL", "FIELD_DECL")


@dataclass(frozen=True, slots=True, order=True)
class Violation:
    """A rule that a source breaks."""

    file: Path
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message} [{self.rule}]"


def check_sources(files: Sequence[Path], options: Sequence[str], root: Path | None = None) -> list[Violation]:
    """What the files break, and the headers of ``root`` that they include.

    Args:
        files: C++ sources or headers; they are read as one translation unit.
        root: the folder in which ``headrace/`` lies: a build's ``hls``, or by default this package's templates.
        options: compiler options, such as `headrace.build.csim.ap_types` gives and ``-I`` for generated headers.

    Raises:
        ToolError: libclang is not installed.
    """
    templates = root or data_dir("hls_templates")
    given = [file.resolve() for file in files]
    watched = sorted({*given, *(header.resolve() for header in templates.glob("headrace/*.hpp"))})
    sources, refused = parse(given, ("-I", str(templates.resolve()), *options), watched)
    found = {Violation(name, line, "compiler", message) for name, line, message in refused}
    for source in sources:
        found.update(Violation(source.path, line, rule, message) for line, rule, message in _faults(source, sources))
    found.update(Violation(*fault) for fault in _recursions(sources))
    return sorted(found)


def _faults(source: Source, sources: Sequence[Source]) -> Iterator[tuple[int, str, str]]:
    yield from _token_faults(source)
    for top in source.top:
        for cursor in below(top):
            yield from _type_faults(cursor)
    for line, text in other_pragmas(source.text):
        yield line, "pragma", f"{text} is no directive for HLS"
    inside = {pragma for function in source.functions for pragma in function.pragmas}
    for pragma in source.pragmas:
        if fault := pragma.fault():
            yield pragma.line, "pragma", fault
        if pragma not in inside:
            yield pragma.line, "pragma", f"#pragma HLS {pragma.directive} stands outside of any function"
    for function in source.functions:
        yield from _static_faults(function)
        yield from loop_faults(source, function, sources)
        yield from dataflow_faults(function, sources)


def _token_faults(source: Source) -> Iterator[tuple[int, str, str]]:
    for before, token, after in zip([None, *source.tokens], source.tokens, [*source.tokens[1:], None], strict=False):
        if token.keyword and token.text in KEYWORDS:
            if token.text == "delete" and before is not None and before.text == "=":
                continue  # a function that is not there
            yield token.line, KEYWORDS[token.text], f"{token.text} is not for hardware"
        elif token.text in CALLS and after is not None and after.text == "(":
            yield token.line, "memory", f"{token.text} is not for hardware"
        elif token.text in CONTAINERS and before is not None and before.text == "::" and _in_std(source, before.offset):
            yield token.line, "container", f"std::{token.text} is not for hardware"
        elif re.fullmatch(r"(\d+\.\d*|\.\d+|\d+\.?\d*e[+-]?\d+)f?", token.text, re.IGNORECASE):
            yield token.line, "float", f"{token.text} is a floating-point number"


def _in_std(source: Source, offset: int) -> bool:
    before = source.between(0, offset)
    return bool(before) and before[-1].text == "std"


def _type_faults(cursor: Any) -> Iterator[tuple[int, str, str]]:
    if kind(cursor) not in TYPED:
        return
    kinds, name = _pointees(cursor.type), cursor.spelling or "a parameter"
    if "FUNCTIONPROTO" in kinds:
        yield line_of(cursor), "pointer", f"{name} is a pointer to a function"
    elif kinds.count("POINTER") > 1:
        yield line_of(cursor), "pointer", f"{name} is a pointer to a pointer"
    elif kinds[-1] in FLOATS:
        yield line_of(cursor), "float", f"{name} is a floating-point number"


def _pointees(type_: Any) -> list[str]:
    """Kinds of a type and of what it points to or is made of."""
    kinds, one = [], type_.get_canonical()
    while True:
        kinds.append(str(one.kind.name))
        if kinds[-1] in ("POINTER", "LVALUEREFERENCE", "RVALUEREFERENCE"):
            one = one.get_pointee()
        elif kinds[-1] in ("CONSTANTARRAY", "DEPENDENTSIZEDARRAY", "INCOMPLETEARRAY", "VARIABLEARRAY"):
            one = one.element_type
        else:
            return kinds


def _static_faults(function: Function) -> Iterator[tuple[int, str, str]]:
    for cursor in below(function.body):
        if kind(cursor) != "VAR_DECL" or cursor.storage_class.name != "STATIC":
            continue
        type_ = cursor.type
        while type_.kind.name in ("CONSTANTARRAY", "DEPENDENTSIZEDARRAY"):
            type_ = type_.element_type
        if not type_.is_const_qualified() and not cursor.type.is_const_qualified():
            yield line_of(cursor), "static", f"{cursor.spelling} keeps its value from call to call"


def _recursions(sources: Sequence[Source]) -> Iterator[tuple[Path, int, str, str]]:
    """Functions that can call themselves while they run; calls that a template decides on at compile time do not count."""
    functions = [(s, f) for s in sources for f in s.functions if not f.compile_time]
    calls = {f: [g for call in _calls(s, f.body) for _, g in functions if reaches(call, g)] for s, f in functions}
    for source, function in functions:
        seen: set[Function] = set()
        waiting = list(calls[function])
        while waiting:
            called = waiting.pop()
            if called not in seen:
                seen.add(called)
                waiting += calls[called]
        if function in seen:
            yield source.path, line_of(function.cursor), "recursion", f"{function.name} calls itself"


def _calls(source: Source, cursor: Any) -> Iterator[Any]:
    """Every call, but not those under ``if constexpr``."""
    if kind(cursor) == "IF_STMT" and [t.text for t in source.tokens_of(cursor)[:2]] == ["if", "constexpr"]:
        return
    if kind(cursor) == "CALL_EXPR":
        yield cursor
    for child in children(cursor):
        yield from _calls(source, child)
