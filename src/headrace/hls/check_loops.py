# SPDX-License-Identifier: Apache-2.0
"""The rules of `headrace.hls.check` for loops, and for what one iteration of a pipelined loop may do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from headrace.hls.syntax import Function, Loop, Source, below, children, declared, holds, kind, line_of
from headrace.hls.uses import UsesOf, is_stream, member_called, object_of

Fault = tuple[int, str, str]
UNBLOCKED = ("read_nb", "write_nb", "empty", "full", "size")


def loop_faults(source: Source, function: Function, sources: Sequence[Source]) -> Iterator[Fault]:
    """All that concerns the loops and directives of a function that is to become hardware."""
    for pragma in function.pragmas:
        inner = [f for f in source.functions if f is not function and holds(f.body, pragma.offset)]
        if any(holds(function.body, f.body.extent.start.offset) for f in inner):
            continue  # of a function within this one
        for name in pragma.names:
            if name not in function.variables:
                yield pragma.line, "pragma-variable", f"{function.name} has no variable {name}"
        if pragma.directive == "pipeline" and not any(pragma in loop.pragmas for loop in function.loops):
            yield pragma.line, "pipeline", "#pragma HLS pipeline stands in no loop"
    if function.compile_time:
        return
    for loop in function.loops:
        yield from _form(loop)
        yield from _directives(source, loop)
        if loop.pipeline is not None:
            yield from _iteration(source, function, loop, sources)


def _form(loop: Loop) -> Iterator[Fault]:
    line = line_of(loop.cursor)
    if kind(loop.cursor) in ("WHILE_STMT", "DO_STMT"):
        yield line, "loop-bound", "a while loop has no constant bound"
        return
    if not loop.labelled:
        yield line, "label", "the loop has no label"
    parts = children(loop.cursor)
    if kind(loop.cursor) != "FOR_STMT" or len(parts) != 4 or kind(parts[0]) != "DECL_STMT":
        yield line, "loop-bound", "the loop does not state its counter, its bound and its step"
        return
    counters = {c.hash for c in children(parts[0])}
    outer = loop.outer
    while outer is not None:
        if outer.unrolled:  # a constant in each copy
            counters |= {c.hash for c in below(children(outer.cursor)[0]) if kind(c) == "VAR_DECL"}
        outer = outer.outer
    for name in _changing(parts[1], counters):
        yield line, "loop-bound", f"the loop's bound depends on {name}, which is neither constant nor frames"


def _changing(expression: Any, counters: set[int]) -> Iterator[str]:
    """Names in an expression that are neither constant, nor ``frames``, nor made of these alone."""
    for cursor in below(expression):
        target = declared(cursor) if kind(cursor) in ("DECL_REF_EXPR", "MEMBER_REF_EXPR") else None
        if target is None or target.hash in counters:
            continue
        if kind(target) == "PARM_DECL":
            if target.spelling != "frames":
                yield str(target.spelling)
        elif kind(target) == "FIELD_DECL":
            if not target.type.is_const_qualified() and not _constant_base(cursor):
                yield str(target.spelling)
        elif kind(target) == "VAR_DECL":
            if not target.type.is_const_qualified():
                yield str(target.spelling)
            elif target.storage_class.name != "STATIC" and kind(target.semantic_parent) in _LOCAL:
                yield from _changing_value(target, counters)


_LOCAL = ("FUNCTION_DECL", "FUNCTION_TEMPLATE", "CXX_METHOD", "CONSTRUCTOR")


def _changing_value(variable: Any, counters: set[int]) -> Iterator[str]:
    for part in children(variable):
        if any(_changing(part, counters)):
            yield str(variable.spelling)
            return


def _constant_base(member: Any) -> bool:
    """Whether a member is that of a constant."""
    bases = [declared(c) for c in below(member) if kind(c) == "DECL_REF_EXPR"]
    return any(base is not None and base.type.is_const_qualified() for base in bases)


def _directives(source: Source, loop: Loop) -> Iterator[Fault]:
    pipeline, line = loop.pipeline, line_of(loop.cursor)
    for pragma in loop.pragmas:
        if pragma.directive not in ("pipeline", "unroll"):
            continue
        before = [t for t in source.between(loop.body.extent.start.offset, pragma.offset) if t.text != "{"]
        if before or kind(loop.body) != "COMPOUND_STMT":
            yield pragma.line, pragma.directive, f"#pragma HLS {pragma.directive} does not stand first in its loop"
    if pipeline is not None:
        if pipeline.options.get("II") != "1" or "off" in pipeline.words:
            yield pipeline.line, "pipeline", "#pragma HLS pipeline does not say II=1"
        if loop.unrolled:
            yield pipeline.line, "pipeline", "the loop is both pipelined and unrolled"
    if pipeline is not None or loop.unrolled:
        for inner in loop.inner:
            if not inner.unrolled:
                outer = "a pipelined" if pipeline is not None else "an unrolled"
                yield line_of(inner.cursor), "unroll", f"a loop within {outer} one has no #pragma HLS unroll"
    elif all(inner.unrolled for inner in loop.inner) and kind(loop.cursor) in ("FOR_STMT", "CXX_FOR_RANGE_STMT"):
        within = any(outer.pipeline is not None or outer.unrolled for outer in _around(loop))
        if not within:
            yield line, "pipeline", "an innermost loop is neither pipelined nor unrolled"


def _around(loop: Loop) -> Iterator[Loop]:
    while loop.outer is not None:
        loop = loop.outer
        yield loop


def _iteration(source: Source, function: Function, loop: Loop, sources: Sequence[Source]) -> Iterator[Fault]:
    line = line_of(loop.cursor)
    uses = UsesOf(source, function, sources).of(loop.body)
    split = {name for p in function.pragmas if p.directive in ("array_partition", "array_reshape") for name in p.names}
    for (name, how), count in sorted(uses.items()):
        if count < 2:
            continue
        if how in ("read", "write"):
            if name not in split:
                yield (
                    line,
                    "array-ports",
                    f"an iteration can {how} {name} more than once, but it is not partitioned or reshaped",
                )
        else:
            yield line, "stream", f"an iteration can {how.removeprefix('stream ')} the stream {name} more than once"
    for cursor in below(loop.body):
        if kind(cursor) == "CALL_EXPR" and member_called(source, cursor) in UNBLOCKED and is_stream(object_of(cursor)):
            yield line_of(cursor), "stream", f"{member_called(source, cursor)} asks a stream; kernels wait for it"
