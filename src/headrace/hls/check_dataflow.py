# SPDX-License-Identifier: Apache-2.0
"""The rules of `headrace.hls.check` for functions with ``#pragma HLS dataflow``: processes side by side, and streams between.

Vitis HLS makes a process of each call. It refuses or slows down what is more than that (UG1399, canonical forms of dataflow).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from headrace.hls.check_loops import Fault
from headrace.hls.syntax import Function, Source, below, children, declared, kind, line_of
from headrace.hls.uses import STREAM_CALLS, member_called, object_of

WRAPPERS = ("UNEXPOSED_EXPR", "PAREN_EXPR", "CSTYLE_CAST_EXPR", "CXX_STATIC_CAST_EXPR")


def dataflow_faults(function: Function, sources: Sequence[Source]) -> Iterator[Fault]:
    """What a dataflow function does besides calling processes, and streams that do not lead from one of them to another."""
    if not any(p.directive == "dataflow" for p in function.pragmas):
        return
    streams: dict[str, int] = {str(p.spelling): line_of(p) for p in function.parameters if _is_stream(p)}
    ports = set(streams)
    users: dict[str, list[tuple[int, str]]] = {name: [] for name in streams}
    sides = _Sides(sources)
    deep = {n for p in function.pragmas if p.directive == "stream" and p.options.get("depth", "").isdigit() for n in p.names}
    for number, statement in enumerate(children(function.body)):
        line, call = line_of(statement), _inside(statement)
        if kind(statement) == "DECL_STMT" and all(_is_stream(c) for c in children(statement)):
            for stream in children(statement):
                streams[str(stream.spelling)] = line
                users[str(stream.spelling)] = []
                if stream.spelling not in deep:
                    yield line, "dataflow", f"no #pragma HLS stream gives {stream.spelling} a depth"
            continue
        if kind(call) != "CALL_EXPR" or not _is_process(call):
            yield line, "dataflow", "a dataflow function only declares streams and calls functions"
            continue
        arguments = list(call.get_arguments())
        if any(_computes(argument) for argument in arguments):
            yield line, "dataflow", f"{call.spelling} takes a value that is computed between processes"
        found = sides.of(call)
        if found is None:
            yield line, "dataflow", f"{call.spelling} has no body among the sources"
            continue
        for argument, how in zip(arguments, found, strict=True):
            name = _name(argument)
            if name in users and len(how) == 1:
                users[name] += [(number, one) for one in how]
            elif name in users:
                does = "both reads and writes" if how else "neither reads nor writes"
                yield line, "dataflow", f"{call.spelling} {does} {name}"
    for name, line in streams.items():
        writers, readers = ([n for n, how in users[name] if how == one] for one in ("write", "read"))
        if name in ports:
            if len(writers) + len(readers) != 1:
                yield line, "dataflow", f"{len(writers) + len(readers)} processes use {name}, a stream from outside"
        elif len(writers) != 1 or len(readers) != 1:
            yield line, "dataflow", f"the stream {name} has {len(writers)} writers and {len(readers)} readers"
        elif readers[0] <= writers[0]:
            yield line, "dataflow", f"the stream {name} leads backwards"


class _Sides:
    """Finds what functions do to the streams that they are given; templates as they are instantiated."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = {str(source.path): source for source in sources}
        self._found: dict[int, list[set[str]] | None] = {}

    def of(self, call: Any) -> list[set[str]] | None:
        """For each argument whether it is read, written or both; None: the function's body is not known."""
        target = declared(call)
        target = target.get_definition() or target if target is not None else None
        if target is None:
            return None
        if target.hash not in self._found:
            self._found[target.hash] = None  # until it is known: nothing calls itself
            self._found[target.hash] = self._look_at(target)
        return self._found[target.hash]

    def _look_at(self, function: Any) -> list[set[str]] | None:
        parameters = [c for c in children(function) if kind(c) == "PARM_DECL"]
        source = self._sources.get(str(function.location.file))
        body = next((c for c in children(function) if kind(c) == "COMPOUND_STMT"), None)
        if body is None or source is None:
            return None
        places = {p.hash: n for n, p in enumerate(parameters)}
        found: list[set[str]] = [set() for _ in parameters]
        for cursor in below(body):
            if kind(cursor) != "CALL_EXPR":
                continue
            method = member_called(source, cursor)
            held = object_of(cursor) if method in STREAM_CALLS else None
            if held is not None and held.hash in places:
                found[places[held.hash]].add(method)
                continue
            arguments = [_variable(argument) for argument in cursor.get_arguments()]
            given = [(n, places[a.hash]) for n, a in enumerate(arguments) if a is not None and a.hash in places]
            if not any(_is_stream(parameters[place]) for _, place in given):
                continue
            inside = self.of(cursor)
            if inside is None:
                return None
            for n, place in given:
                found[place] |= inside[n]
        return found


def _inside(statement: Any) -> Any:
    """A statement without what libclang wraps it in."""
    while kind(statement) in WRAPPERS and len(children(statement)) == 1:
        statement = children(statement)[0]
    return statement


def _is_process(call: Any) -> bool:
    parts = children(call)
    return bool(parts) and kind(parts[0]) != "MEMBER_REF_EXPR" and call.type.kind.name == "VOID"


def _is_stream(cursor: Any) -> bool:
    return kind(cursor) in ("VAR_DECL", "PARM_DECL") and "hls::stream<" in cursor.type.get_canonical().spelling


def _computes(argument: Any) -> bool:
    return kind(_inside(argument)) not in ("DECL_REF_EXPR", "INTEGER_LITERAL")


def _variable(argument: Any) -> Any:
    inner = _inside(argument)
    return declared(inner) if kind(inner) == "DECL_REF_EXPR" else None


def _name(argument: Any) -> str:
    variable = _variable(argument)
    return str(variable.spelling) if variable is not None else ""
