# SPDX-License-Identifier: Apache-2.0
"""The nodes of engine_pointwise.sv as a C++ function."""

from __future__ import annotations

from headrace.engines.pointwise import OPCODES
from headrace.hls.kernel import Values

_INFIX = {"add": "+", "sub": "-", "mul": "*", "eq": "==", "lt": "<", "le": "<="}


def compute_function(p: Values) -> tuple[str, ...]:
    """The lines of ``compute``, the member of a pointwise kernel's configuration that gives one lane of the result.

    Registers are left to the HLS tool; every other node is a constant of exactly its width.
    """
    names: list[str] = []
    body: list[str] = []
    for n, (opcode, packed_arguments, bits) in enumerate(zip(p["Op"], p["Args"], p["Width"], strict=True)):
        op = OPCODES[opcode]
        arguments = [packed_arguments >> (8 * k) & 0xFF for k in range(3)]
        if op == "reg":
            names.append(names[arguments[0]])
            continue
        name = chr(ord("a") + arguments[0]) if op == "in" else f"n{n}"
        operand = f"x[{arguments[0]}]" if op == "in" else ""
        names.append(name)
        value = _expression(op, [names[a] if a < n else "" for a in arguments], bits, p["Value"][n], p["InW"], operand)
        body.append(f"    const ap_int<{bits}> {name} = {value};")
    unused = "" if OPCODES.index("in") in p["Op"] else "[[maybe_unused]] "
    signature = f"static ap_int<{p['Width'][-1]}> compute({unused}const ap_uint<{p['InW']}> (&x)[{p['Operands']}]) {{"
    return (signature, "#pragma HLS inline", *(line[2:] for line in body), f"  return {names[-1]};", "}")


def _expression(op: str, arguments: list[str], bits: int, value: int, in_bits: int, operand: str) -> str:
    a, b, c = arguments
    if op == "in":  # a node wider than its lane is of an unsigned stream
        return operand if bits > in_bits else f"ap_int<{bits}>({operand})"
    if op == "const":
        return _literal(value, bits)
    if op == "scale":
        return f"{_literal(value, signed_width(value))} * {a}"
    if op == "abs":
        return f"{a} < 0 ? ap_int<{bits}>(-{a}) : ap_int<{bits}>({a})"
    if op in ("max", "min"):
        return f"{a} < {b} ? ap_int<{bits}>({b if op == 'max' else a}) : ap_int<{bits}>({a if op == 'max' else b})"
    if op == "select":
        return f"{a} != 0 ? ap_int<{bits}>({b}) : ap_int<{bits}>({c})"
    expression = f"{a} {_INFIX[op]} {b}"
    return f"{expression} ? 1 : 0" if op in ("eq", "lt", "le") else expression


def signed_width(value: int) -> int:
    """Two's complement bits of ``value``."""
    return (value if value >= 0 else ~value).bit_length() + 1


def _literal(value: int, bits: int) -> str:
    return f"ap_int<{bits}>({value}{'LL' if not -(1 << 31) < value < 1 << 31 else ''})"
