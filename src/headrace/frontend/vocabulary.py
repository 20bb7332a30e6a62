# SPDX-License-Identifier: Apache-2.0
"""The page of operators in the documentation: ``python -m headrace.frontend.vocabulary > docs/operators.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import onnx

from headrace.frontend.files import OLDEST_OPSET
from headrace.frontend.importer import HANDLERS
from headrace.frontend.qlinear import EXPANSIONS
from headrace.frontend.refusals import CONSTANT_ONLY, DOMAINS, FAMILIES

HEADER = """# Operators

Written by `python -m headrace.frontend.vocabulary`; a test holds it against the schemas of the installed onnx and qonnx.
Opsets {oldest} to {newest} are read. A node whose inputs are all constant is evaluated at import, whatever its operator, and an
attribute that headrace does not honour is refused, never ignored.
"""


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def is_onnx(name: str) -> bool:
    """Whether ONNX itself defines an operator of this name."""
    return bool(onnx.defs.has(name))


def page() -> str:
    """The whole page, Markdown."""
    integer = {name for _, name in EXPANSIONS}
    lines = [
        HEADER.format(oldest=OLDEST_OPSET, newest=onnx.defs.onnx_opset_version()),
        "## Supported\n",
        f"ONNX: {_names(name for name in HANDLERS if is_onnx(name))}.\n",
        f"QONNX, Brevitas and headrace: {_names(name for name in HANDLERS if not is_onnx(name))}.\n",
        f"On quantized integers, ONNX and onnxruntime: {_names(integer)}; and whatever moves values between `QuantizeLinear` "
        "and `DequantizeLinear`.\n",
        f"With constant inputs only: {_names(CONSTANT_ONLY)}.\n",
        "Each has limits of its own; what is beyond them is refused with the node's name, the reason and a remedy.\n",
        "## Refused\n",
        "| family | reason | remedy | operators |",
        "|---|---|---|---|",
    ]
    for family in FAMILIES:
        groups: dict[str, list[str]] = {family.remedy: family.operators.split()}
        for name, remedy in family.remedies.items():
            groups.setdefault(remedy, []).append(name)
        lines += [
            f"| {family.title} | {family.reason} | {remedy} | {_names(names)} |" for remedy, names in groups.items() if names
        ]
    lines += ["", "Whole domains, except for the operators named above:\n", "| domain | reason | remedy |", "|---|---|---|"]
    lines += [f"| `{domain}` | {reason} | {remedy} |" for domain, (reason, remedy) in DOMAINS.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
