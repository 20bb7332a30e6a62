# SPDX-License-Identifier: Apache-2.0
"""QONNX in, integer graph out; what cannot be mapped is refused here, by node name and remedy."""

from __future__ import annotations

from headrace.frontend.importer import ImportedModel, import_model

__all__ = ["ImportedModel", "import_model"]
