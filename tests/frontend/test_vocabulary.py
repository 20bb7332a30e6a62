# SPDX-License-Identifier: Apache-2.0
"""Every operator that ONNX and QONNX define is imported, evaluated or refused by name; so is every attribute."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import onnx
import pytest
import qonnx.custom_op.general as qonnx_ops
from qonnx_file import QONNX, QonnxFile, plain

from headrace.compile import lower
from headrace.errors import UnsupportedError
from headrace.frontend.attributes import ATTRIBUTES
from headrace.frontend.functions import FUNCTIONS
from headrace.frontend.importer import HANDLERS
from headrace.frontend.qlinear import EXPANSIONS
from headrace.frontend.refusals import CONSTANT_ONLY, DOMAINS, FAMILIES, refusal
from headrace.frontend.vocabulary import page

ROOT = Path(__file__).parents[2]
SCHEMAS = onnx.defs.get_all_schemas()
ONNX_NAMES = sorted({schema.name for schema in SCHEMAS if schema.domain == ""})
REFUSED = [(family.domain, name) for family in FAMILIES for name in family.names]


def qonnx_names() -> list[str]:
    """Operators of qonnx.custom_op.general; a version suffix is part of the class's name only."""
    classes = [name for name, value in vars(qonnx_ops).items() if inspect.isclass(value)]
    return sorted({name.split("_v")[0] for name in classes})


def places(domain: str, name: str) -> list[str]:
    """Where an operator is dealt with."""
    found = {
        "HANDLERS": name in HANDLERS,
        "EXPANSIONS": (domain, name) in EXPANSIONS,
        "CONSTANT_ONLY": domain == "" and name in CONSTANT_ONLY,
        "FAMILIES": (domain, name) in REFUSED,
    }
    return [place for place, there in found.items() if there]


@pytest.mark.parametrize(("domain", "names"), [("", ONNX_NAMES), (QONNX, qonnx_names())])
def test_every_operator_has_one_place(domain: str, names: list[str]) -> None:
    assert len(names) > 10
    wrong = {name: places(domain, name) for name in names if len(places(domain, name)) != 1}
    assert not wrong, "name each once: give it a handler, or a line in frontend/refusals.py; delete the line of what is handled"


def test_the_table_names_nothing_that_does_not_exist() -> None:
    assert len(REFUSED) == len(set(REFUSED))
    for domain, name in REFUSED:
        assert name in (ONNX_NAMES if domain == "" else qonnx_names()), name


def test_other_domains_of_onnx_are_refused() -> None:
    others = {schema.domain for schema in SCHEMAS} - {""}
    assert others >= {"ai.onnx.ml"}
    for domain in others:
        assert domain in DOMAINS


def test_every_refusal_has_reason_and_remedy() -> None:
    for domain, name in [
        *REFUSED,
        ("com.example", "Frob"),
        ("", "Frob"),
        ("ai.onnx.ml", "Scaler"),
        ("com.microsoft", "BiasGelu"),
    ]:
        reason, remedy = refusal(domain, name)
        assert reason
        assert remedy
        assert "\n" not in reason + remedy
    assert refusal("", "Frob")[0] == "no operator of this name is known"
    assert "com.example" in refusal("com.example", "Frob")[0]


def test_the_page_of_the_documentation_is_current() -> None:
    assert (ROOT / "docs" / "operators.md").read_text() == page(), "python -m headrace.frontend.vocabulary > docs/operators.md"


def test_every_attribute_is_honoured_or_refused() -> None:
    """Functions are evaluated by ONNX's reference implementation, which reads all attributes."""
    unlisted = {name for name in HANDLERS if onnx.defs.has(name)} - set(ATTRIBUTES) - set(FUNCTIONS)
    assert not unlisted, "list in frontend/attributes.py which attributes their handlers read"
    ever: dict[str, set[str]] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "":
            ever.setdefault(schema.name, set()).update(schema.attributes)
    for name in set(ATTRIBUTES) & set(ever):
        assert not set(ATTRIBUTES[name]) - ever[name], f"ONNX has no such attribute of {name}"


@pytest.mark.parametrize(
    ("op", "attrs", "message"),
    [
        ("MaxPool", {"kernel_shape": [2, 2], "auto_pad": "SAME"}, r"attribute auto_pad = 'SAME'; use 'NOTSET' or"),
        ("MaxPool", {"kernel_shape": [2, 2], "ceil_mode": 2}, r"attribute ceil_mode = 2; use 0 or 1"),
        ("Relu", {"alpha": 0.1}, r"attribute alpha = 0.1\d* is unknown; export"),
        ("LeakyRelu", {"beta": 0.1}, r"attribute beta = 0.1\d* is unknown; export"),
        ("Conv", {"kernel_shape": [3, 3]}, r"kernel_shape \[3, 3\] of a 1x1 kernel; export"),
        ("Concat", {"axis": 1, "new_axis": 1}, r"attribute new_axis = 1 is unknown"),
    ],
)
def test_refuses_attributes_that_nobody_reads(op: str, attrs: dict[str, Any], message: str, tmp_path: Path) -> None:
    file = QonnxFile()
    weight = [file.weight((4, 4, 1, 1))] if op == "Conv" else []
    path = file.save(tmp_path / "m.onnx", file.node(op, plain(file), *weight, **attrs))
    with pytest.raises(UnsupportedError, match=message):
        lower(path)
