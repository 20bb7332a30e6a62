# SPDX-License-Identifier: Apache-2.0
"""How often a piece of a kernel reads and writes arrays and streams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from headrace.hls.syntax import Function, Source, below, children, declared, kind, places

Uses = Counter[tuple[str, str]]
"""How often (variable, read or write, of streams: stream read or stream write) happens."""

STREAM_CALLS = ("read", "write")
ARRAYS = ("CONSTANTARRAY", "DEPENDENTSIZEDARRAY", "INCOMPLETEARRAY", "VARIABLEARRAY")
ASSIGNMENTS = ("=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=")


def _is_array(cursor: Any) -> bool:
    type_ = cursor.type.get_canonical()
    if type_.kind.name == "LVALUEREFERENCE":
        type_ = type_.get_pointee()
    return type_.kind.name in ARRAYS and not is_stream(cursor)


def is_stream(cursor: Any) -> bool:
    return cursor is not None and ("Stream<" in cursor.type.spelling or "hls::stream<" in cursor.type.spelling)


def member_called(source: Source, call: Any) -> str:
    """The name of the member function that a call calls."""
    parts = children(call)
    if not parts or kind(parts[0]) != "MEMBER_REF_EXPR":
        return ""
    if parts[0].spelling:
        return str(parts[0].spelling)
    held = children(parts[0])
    start = held[0].extent.end.offset if held else parts[0].extent.start.offset
    names = [t.text for t in source.between(start, parts[0].extent.end.offset) if t.text not in (".", "->", "template")]
    return names[0] if names else ""


def object_of(call: Any) -> Any:
    """The variable whose member function a call calls, or None."""
    for cursor in below(children(call)[0]):
        if kind(cursor) == "DECL_REF_EXPR" and declared(cursor) is not None:
            return declared(cursor)
    return None


class UsesOf:
    """Counts what happens on the busiest path through a statement."""

    def __init__(
        self, source: Source, function: Function, sources: Sequence[Source], callers: tuple[Function, ...] = ()
    ) -> None:
        self._source = source
        self._sources = sources
        self._callers = (*callers, function)
        self._arrays = {name for name, c in function.variables.items() if _is_array(c)}

    def of(self, cursor: Any, *, writes: bool = False) -> Uses:
        """The uses of a statement or expression; ``writes``: what it names is assigned to."""
        what, parts = kind(cursor), children(cursor)
        if what in ("IF_STMT", "CONDITIONAL_OPERATOR"):
            return self._choice(cursor, parts)
        if what == "FOR_STMT":  # unrolled: as if each copy met the same element
            inside = self._sum(parts)
            return Counter({use: 2 * count for use, count in inside.items()})
        if what == "CALL_EXPR":
            return self._call(cursor, parts)
        if what in ("BINARY_OPERATOR", "COMPOUND_ASSIGNMENT_OPERATOR") and len(parts) == 2:
            return self._operation(parts[0], parts[1])
        if what == "UNARY_OPERATOR" and any(t.text in ("++", "--") for t in self._source.tokens_of(cursor)):
            return self._sum(parts) + self.of(parts[0], writes=True)
        if what == "ARRAY_SUBSCRIPT_EXPR":
            return self.of(parts[0], writes=writes) + self._sum(parts[1:])
        if what == "DECL_REF_EXPR":
            target = declared(cursor)
            name = str(target.spelling) if target is not None else ""
            return Counter({(name, "write" if writes else "read"): 1}) if name in self._arrays else Counter()
        if what in ("MEMBER_REF_EXPR", "UNEXPOSED_EXPR", "PAREN_EXPR") and len(parts) == 1:
            return self.of(parts[0], writes=writes)
        return self._sum(parts)

    def _sum(self, parts: list[Any]) -> Uses:
        total: Uses = Counter()
        for part in parts:
            total += self.of(part)
        return total

    def _choice(self, cursor: Any, parts: list[Any]) -> Uses:
        two = kind(cursor) == "CONDITIONAL_OPERATOR" or any(
            t.text == "else" for t in self._source.between(parts[-2].extent.end.offset, parts[-1].extent.start.offset)
        )
        if two:
            return self._sum(parts[:-2]) + (self.of(parts[-2]) | self.of(parts[-1]))
        return self._sum(parts)

    def _operation(self, left: Any, right: Any) -> Uses:
        sign = self._source.operator(left)
        if sign not in ASSIGNMENTS:
            return self.of(left) + self.of(right)
        again = self.of(left) if sign != "=" else Counter()
        return again + self.of(left, writes=True) + self.of(right)

    def _call(self, cursor: Any, parts: list[Any]) -> Uses:
        method = member_called(self._source, cursor)
        target = object_of(cursor) if method in STREAM_CALLS else None
        if target is not None:
            return Counter({(str(target.spelling), f"stream {method}"): 1}) + self._sum(parts[1:])
        for source, function in self._called(cursor):
            inside = UsesOf(source, function, self._sources, self._callers).of(function.body)
            return self._passed(function, inside, parts[1:])
        if len(parts) == 3 and parts[1].extent.start.offset >= parts[0].extent.end.offset and _is_operator(parts[1]):
            return self._operation(parts[0], parts[2])
        if len(parts) == 2 and _is_operator(parts[0]) and self._source.operator(parts[1]) in ("++", "--"):
            return self._sum(parts) + self.of(parts[1], writes=True)
        return self._sum(parts)

    def _called(self, call: Any) -> Iterator[tuple[Source, Function]]:
        for source in self._sources:
            for function in source.functions:
                if function not in self._callers and reaches(call, function):
                    yield source, function

    def _passed(self, function: Function, inside: Uses, arguments: list[Any]) -> Uses:
        """What a called function does to the arrays and streams that it is given."""
        total: Uses = Counter()
        for parameter, argument in zip(function.parameters, arguments, strict=False):
            if not _is_array(parameter) and not is_stream(parameter):
                total += self.of(argument)
                continue
            held = next((declared(c) for c in below(argument) if kind(c) == "DECL_REF_EXPR" and declared(c) is not None), None)
            if held is None or ("..." in held.type.spelling and not is_stream(parameter)):
                continue  # each function takes an array of its own from a pack
            for (name, how), count in inside.items():
                if name == parameter.spelling:
                    total[str(held.spelling), how] += count
        return total


def _is_operator(cursor: Any) -> bool:
    return any(declared(c) is not None and str(declared(c).spelling).startswith("operator") for c in below(cursor))


def reaches(call: Any, function: Function) -> bool:
    """Whether a call is one of the function; where a template leaves that open, whether name and arguments allow it."""
    target, parts = declared(call), children(call)
    if target is not None:
        return not places(target).isdisjoint(function.places)
    if not parts or kind(parts[0]) != "DECL_REF_EXPR":
        return False
    names = {str(c.spelling) for c in below(parts[0]) if kind(c) == "OVERLOADED_DECL_REF"}
    fits = len(function.parameters) == len(parts) - 1 or any("..." in p.type.spelling for p in function.parameters)
    return function.name in names and fits
