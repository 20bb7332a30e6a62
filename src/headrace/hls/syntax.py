# SPDX-License-Identifier: Apache-2.0
"""Kernel sources as libclang sees them. Templates are looked at as they are written, not as they are instantiated."""

from __future__ import annotations

import shutil
import subprocess
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from headrace.errors import ToolError
from headrace.hls.pragmas import Pragma, pragmas_of

FUNCTIONS = ("FUNCTION_DECL", "FUNCTION_TEMPLATE", "CXX_METHOD", "CONSTRUCTOR", "DESTRUCTOR", "CONVERSION_FUNCTION")
_UNIT = "check.cpp"
LOOPS = ("FOR_STMT", "CXX_FOR_RANGE_STMT", "WHILE_STMT", "DO_STMT")


def kind(cursor: Any) -> str:
    """Name of a cursor's kind; empty for those that the Python binding does not know."""
    try:
        return str(cursor.kind.name)
    except ValueError:
        return ""


def children(cursor: Any) -> list[Any]:
    """The cursors directly below."""
    return list(cursor.get_children())


def below(cursor: Any) -> Iterator[Any]:
    """The cursor and all below it."""
    yield cursor
    for child in cursor.get_children():
        yield from below(child)


def line_of(cursor: Any) -> int:
    """Where it begins."""
    return int(cursor.extent.start.line)


def holds(cursor: Any, offset: int) -> bool:
    """Whether an offset lies within the cursor's text."""
    return bool(cursor.extent.start.offset <= offset < cursor.extent.end.offset)


def declared(cursor: Any) -> Any:
    """What a name refers to, or None."""
    found = cursor.referenced
    return found if found is not None and kind(found) else None


@dataclass(frozen=True, slots=True)
class Token:
    """A token that is no comment."""

    text: str
    offset: int
    line: int
    keyword: bool


@dataclass(eq=False)
class Function:
    """A function with a body."""

    cursor: Any
    body: Any
    compile_time: bool
    """Declared constexpr and without directives for HLS."""
    pragmas: tuple[Pragma, ...]
    loops: tuple[Loop, ...] = ()

    @property
    def name(self) -> str:
        """Without arguments."""
        return str(self.cursor.spelling).partition("<")[0]

    @cached_property
    def parameters(self) -> list[Any]:
        """In order."""
        return [c for c in children(self.cursor) if kind(c) == "PARM_DECL"]

    @cached_property
    def places(self) -> set[tuple[str, int]]:
        """Where it is declared and defined."""
        return places(self.cursor)

    @cached_property
    def variables(self) -> dict[str, Any]:
        """Its parameters, its local variables and the members of its class."""
        inside = [c for c in below(self.cursor) if kind(c) in ("PARM_DECL", "VAR_DECL")]
        parent = self.cursor.semantic_parent
        members = [c for c in children(parent) if kind(c) in ("FIELD_DECL", "VAR_DECL")] if parent is not None else []
        return {str(c.spelling): c for c in (*members, *inside)}


@dataclass(eq=False)
class Loop:
    """A loop of a function, with the directives directly in its body."""

    cursor: Any
    labelled: bool
    outer: Loop | None
    pragmas: tuple[Pragma, ...] = ()
    inner: list[Loop] = field(default_factory=list)

    @property
    def body(self) -> Any:
        """The last part of every kind of loop but do."""
        return children(self.cursor)[-1]

    @property
    def unrolled(self) -> bool:
        """Whether it carries that directive."""
        return any(p.directive == "unroll" for p in self.pragmas)

    @property
    def pipeline(self) -> Pragma | None:
        """The directive, if it carries it."""
        return next((p for p in self.pragmas if p.directive == "pipeline"), None)

    def all_inner(self) -> Iterator[Loop]:
        """Loops within, at any depth."""
        for loop in self.inner:
            yield loop
            yield from loop.all_inner()


class Source:
    """One file of a translation unit."""

    def __init__(self, path: Path, unit: Any) -> None:
        self.path = path
        self.text = path.read_text()
        self._size = len(self.text.encode())
        self.pragmas = tuple(pragmas_of(self.text))
        clang_file = unit.get_file(str(path))
        lines = {p.line for p in self.pragmas}
        extent = _whole(unit, clang_file, self._size)
        self.tokens = [
            Token(t.spelling, t.location.offset, t.location.line, t.kind.name == "KEYWORD")
            for t in unit.get_tokens(extent=extent)
            if t.kind.name != "COMMENT" and t.location.line not in lines
        ]
        self._offsets = [t.offset for t in self.tokens]
        self.top = [c for c in unit.cursor.get_children() if c.location.file and Path(c.location.file.name) == path]
        self.functions = tuple(self._function(c) for top in self.top for c in below(top) if _has_body(c))

    def between(self, start: int, end: int) -> list[Token]:
        """Tokens from one offset to before another."""
        return self.tokens[bisect_left(self._offsets, start) : bisect_left(self._offsets, end)]

    def tokens_of(self, cursor: Any) -> list[Token]:
        """All tokens of a cursor."""
        return self.between(cursor.extent.start.offset, cursor.extent.end.offset)

    def operator(self, left: Any) -> str:
        """The token behind an operand."""
        behind = self.between(left.extent.end.offset, self._size)
        return behind[0].text if behind else ""

    def _function(self, cursor: Any) -> Function:
        body = _body(cursor)
        pragmas = tuple(p for p in self.pragmas if holds(body, p.offset))
        head = self.between(cursor.extent.start.offset, body.extent.start.offset)
        function = Function(cursor, body, not pragmas and any(t.text == "constexpr" for t in head), pragmas)
        loops = list(_loops(body, None, labelled=False))
        for pragma in pragmas:
            around = [loop for loop in loops if holds(loop.cursor, pragma.offset)]
            if around:
                around[-1].pragmas += (pragma,)  # found from the outside inwards
        function.loops = tuple(loops)
        return function


def _loops(cursor: Any, outer: Loop | None, *, labelled: bool) -> Iterator[Loop]:
    if kind(cursor) in LOOPS:
        loop = Loop(cursor, labelled, outer)
        if outer is not None:
            outer.inner.append(loop)
        yield loop
        outer = loop
    for child in children(cursor):
        yield from _loops(child, outer, labelled=kind(cursor) == "LABEL_STMT")


def _body(cursor: Any) -> Any:
    return next((c for c in children(cursor) if kind(c) == "COMPOUND_STMT"), None)


def _has_body(cursor: Any) -> bool:
    return kind(cursor) in FUNCTIONS and _body(cursor) is not None


def _whole(unit: Any, file: Any, size: int) -> Any:
    from clang.cindex import SourceLocation, SourceRange

    start = SourceLocation.from_offset(unit, file, 0)
    return SourceRange.from_locations(start, SourceLocation.from_offset(unit, file, size))


def places(function: Any) -> set[tuple[str, int]]:
    """Where a function is declared; an instance of a template is declared where the template is."""
    found = [c.location for c in (function, function.canonical, function.get_definition()) if c is not None]
    return {(str(place.file), int(place.offset)) for place in found}


def parse(
    files: Sequence[Path], options: Sequence[str], watched: Sequence[Path]
) -> tuple[list[Source], list[tuple[Path, int, str]]]:
    """Those of ``watched`` that the files are or include, and (file, line, message) of what the compiler refused.

    Raises:
        ToolError: libclang is not installed.
    """
    try:
        from clang.cindex import Diagnostic, Index
    except ImportError as error:
        raise ToolError("checking HLS sources needs libclang: pip install 'headrace[hls]'") from error
    whole = "".join(f'#include "{file}"\n' for file in files)
    arguments = ["-std=c++17", *options, *_builtin_headers()]
    unit = Index.create().parse(_UNIT, args=arguments, unsaved_files=[(_UNIT, whole)])
    errors = [d for d in unit.diagnostics if d.severity >= Diagnostic.Error]
    refused = [(Path(d.location.file.name if d.location.file else _UNIT), int(d.location.line), d.spelling) for d in errors]
    read = {Path(i.include.name) for i in unit.get_includes()}
    return [Source(name, unit) for name in watched if name in read], refused


def _builtin_headers() -> tuple[str, ...]:
    """Those of the C++ compiler: libclang from PyPI comes without."""
    compiler = shutil.which("g++")
    if compiler is None:
        return ()
    done = subprocess.run([compiler, "-print-file-name=include"], capture_output=True, text=True, check=False)
    return ("-isystem", done.stdout.strip())
