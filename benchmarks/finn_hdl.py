# SPDX-License-Identifier: Apache-2.0
"""Writes the HDL of FINN nodes; runs in FINN's own Python environment, started by engine_costs.py.

    python finn_hdl.py nodes.json folder

For each node of the JSON list, the files of its HDL go into ``folder`` and what its streams look like into
``folder/made.json``; of a node that FINN has in HLS only, the cycles that FINN expects. No vendor tool is used. Fixed on
the way, in the copies only: a function that constant expressions call must be at module level and automatic, a struct used
as a packed value must be one, directives cannot stand within a module, a range of no bits is written as a shift, and a
watchdog for simulation is no hardware.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np


def import_finn() -> tuple[Any, Any, Any, Path]:
    """What is needed of FINN, whose import wants Vivado unless its simulator is replaced first."""
    import finn.xsi

    finn.xsi.SimEngine = object
    from finn.util.settings import get_settings, initialize_dummy_settings

    initialize_dummy_settings()
    from qonnx.core.datatype import DataType
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.custom_op.registry import getCustomOp

    return DataType, ModelWrapper, getCustomOp, Path(get_settings().finn_rtllib)


def initial(spec: dict[str, Any], rng: np.random.Generator) -> np.ndarray:
    """Random values of an input that is a constant; rising along the last axis where they are thresholds."""
    values = rng.integers(spec["lo"], spec["hi"], spec["shape"], endpoint=True) * spec.get("unit", 1)
    return np.sort(values, axis=-1) if spec.get("rising") else values


def fixed(text: str) -> str:
    """The source with the fixes of the module's docstring."""
    found = re.search(r"\t\ttypedef int unsigned  leaf_load_t.*?endfunction : init_leaf_loads\n", text, re.S)
    if found:
        block = found[0].replace("function leaf_load_t", "function automatic leaf_load_t")
        use = "\tuwire [SUM_WIDTH-1:0]  sum0;\n"
        text = text.replace(found[0], "").replace(use, block + use, 1)
    text = re.sub(r"\tif\(1\) begin : blkRecoveryWatch.*?end : blkRecoveryWatch\n", "", text, flags=re.S)
    text = re.sub(r"^\s*`default_nettype\s+\w+", "", text, flags=re.M)
    text = text.replace("p.ptr[M-1:SN+1] < 2**stage", "(p.ptr[M-1:0] >> (SN+1)) < 2**stage")
    return text.replace("typedef struct {", "typedef struct packed {")


def make(node: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write one node's files; return the names of its modules and files and the widths of its streams, or its cycles."""
    from onnx import TensorProto, helper

    data_type, model_wrapper, custom_op, library = import_finn()
    kind = node["op"].rsplit("_", 1)[1]
    domain = f"finn.custom_op.fpgadataflow.{kind}"
    inputs = node["inputs"]
    made = helper.make_node(
        node["op"], [spec["name"] for spec in inputs], ["out"], name=node["name"], domain=domain,
        backend="fpgadataflow", **node["attributes"],
    )  # fmt: skip
    streams = [helper.make_tensor_value_info(s["name"], TensorProto.FLOAT, s["shape"]) for s in inputs if "lo" not in s]
    result = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    opsets = [helper.make_opsetid("", 11), helper.make_opsetid(domain, 1)]
    model = model_wrapper(helper.make_model(helper.make_graph([made], "g", streams, [result]), opset_imports=opsets))
    rng = np.random.default_rng(0)
    for spec in inputs:
        model.set_tensor_datatype(spec["name"], data_type[spec["type"]])
        if "lo" in spec:
            model.set_initializer(spec["name"], initial(spec, rng).astype(np.float32))
    operator = custom_op(model.graph.node[0])
    if kind == "hls":
        return {"cycles": int(operator.get_exp_cycles())}
    scratch = folder / "generated" / node["name"]
    scratch.mkdir(parents=True)
    operator.set_nodeattr("code_gen_dir_ipgen", str(scratch))
    operator.generate_hdl(model, node["part"], node["clock_ns"])
    files = [Path(path) for path in operator.get_rtl_file_list(abspath=True)]
    memory = sorted(scratch.glob("*_memstream_wrapper.v"))
    if memory:  # weights or factors come from a memory of their own
        files += [*memory, library / "memstream/hdl/memstream.sv", library / "memstream/hdl/memstream_axi.sv"]
        files.append(library / "axi/hdl/axilite.sv")
    for path in files:
        (folder / path.name).write_text(fixed(path.read_text()).replace(f"{scratch}/", ""))
    for path in scratch.glob("*.dat"):
        (folder / path.name).write_bytes(path.read_bytes())
    return {
        "top": operator.get_nodeattr("gen_top_module"),
        "memory": memory[0].stem if memory else "",
        "files": [path.name for path in files],
        "memory_bits": int(re.findall(r"\bWIDTH\s*=\s*(\d+)", memory[0].read_text())[0]) if memory else 0,
        "memory_port": "s_params_V" if node["op"].startswith("Requant") else "in1_V",
        "in_bits": int(operator.get_instream_width_padded()),
        "out_bits": int(operator.get_outstream_width_padded()),
    }


def main() -> None:
    """See the module's docstring."""
    nodes, folder = Path(sys.argv[1]), Path(sys.argv[2])
    os.environ["FINN_BUILD_DIR"] = str(folder / "build")
    (folder / "build").mkdir(parents=True, exist_ok=True)
    made = [make(node, folder) for node in json.loads(nodes.read_text())]
    (folder / "made.json").write_text(json.dumps(made, indent=1))


if __name__ == "__main__":
    main()
