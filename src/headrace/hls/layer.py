# SPDX-License-Identifier: Apache-2.0
"""Layers of C++ kernels in a network of SystemVerilog engines.

In the network such a layer is one module. Where it is synthesised, the module holds the IP that Vitis HLS makes of the kernels;
where it is simulated, it holds the kernels themselves, which work in step with the clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np

from headrace.backend.design import Design, Instance, Stream, build_design, layer_design, stream_spec
from headrace.build.csim import CYCLE_STREAMS, csim_key
from headrace.engines.base import Engine, Parameter
from headrace.engines.technology import XC7, Resources, Technology
from headrace.errors import BuildError
from headrace.hls.cycles import CycleSimulator
from headrace.hls.network import NetworkView, network_view
from headrace.hls.render import environment
from headrace.hls.sources import FlatView, flat, included_headers, network_files
from headrace.ir.graph import Graph, Node
from headrace.operators import map_node
from headrace.operators.base import Fold
from headrace.operators.constant import at_readers

_KNOWN: dict[str, int] = {}
"""Iterations of layers that were counted, by the hash of their sources."""
MAX_AXIS_BITS = 4096
"""Widest TDATA: 512 bytes (AMD UG1037)."""


@dataclass(frozen=True, kw_only=True)
class LayerView(FlatView):
    """What the module and the simulation model of a layer are written from."""

    name: str
    module: str
    ip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HlsLayer(Engine):
    """A layer's kernels as one module, named after the layer.

    Its resources are those of the SystemVerilog engines in whose place it stands: what Vitis HLS makes of it is not known here.
    """

    net: NetworkView
    chain: tuple[Engine, ...]
    inputs: tuple[Stream, ...]
    outputs: tuple[Stream, ...]
    iterations: int
    """Cycles of its slowest kernel in a frame that starts anew, its pipeline's included."""

    @property
    def module(self) -> str:  # type: ignore[override]
        """Of SystemVerilog."""
        return f"{self.name}_hls"

    @property
    def ip(self) -> str:
        """The function that Vitis HLS makes an IP of."""
        return f"{self.name}_ip"

    @property
    def in_ports(self) -> tuple[tuple[str, str, str], ...]:  # type: ignore[override]
        """A set of ports for each stream."""
        return tuple((f"{s.wire}_valid_i", f"{s.wire}_ready_o", f"{s.wire}_data_i") for s in self.inputs)

    @property
    def out_ports(self) -> tuple[tuple[str, str, str], ...]:  # type: ignore[override]
        """A set of ports for each stream."""
        return tuple((f"{s.wire}_valid_o", f"{s.wire}_ready_i", f"{s.wire}_data_o") for s in self.outputs)

    def parameters(self) -> Mapping[str, Parameter]:
        """None: all is written for this layer."""
        return {}

    @property
    def in_widths(self) -> tuple[int, ...]:
        """Of each stream."""
        return tuple(s.width for s in self.inputs)

    @property
    def out_widths(self) -> tuple[int, ...]:
        """Of each stream."""
        return tuple(s.width for s in self.outputs)

    @property
    def cycles(self) -> int:
        """Of the slowest kernel."""
        return self.iterations

    def logic(self, technology: Technology) -> Resources:
        """All of the engines'."""
        return sum((engine.resources(technology) for engine in self.chain), Resources())

    def own_module(self) -> str:
        """The module."""
        return environment().get_template("layer.sv.j2").render(layer=self._view())

    def model(self) -> str:
        """The C++ that the module calls in simulation."""
        return environment().get_template("sim/model.cpp.j2").render(layer=self._view())

    def files(self) -> dict[str, str]:
        """All C++ of the layer by name, `sim/model.cpp` and the algorithms included."""
        files = {**network_files(self.net), "sim/model.cpp": self.model()}
        return {**files, **included_headers(files)}

    def _view(self) -> LayerView:
        return LayerView(name=self.name, module=self.module, ip=self.ip, **flat(self.net))


def mixed_design(
    graph: Graph,
    folds: Mapping[str, Fold],
    depths: Mapping[str, int] | None = None,
    layers: Sequence[str] = (),
    technology: Technology = XC7,
) -> Design:
    """The network with C++ kernels for some of its layers.

    Args:
        depths: of FIFOs; see `build_design`.
        layers: names of nodes.

    Raises:
        BuildError: a layer is not there, or has no kernels.
        ToolError: the compiler or the headers are absent, or it refused: the kernels' cycles are counted.
    """
    design = build_design(graph, folds, depths or {}, technology=technology)
    folds = at_readers(graph, folds)
    for name in dict.fromkeys(layers):
        design = _replaced(design, graph, _node(graph, name), folds[name])
    return design


def hls_layers(design: Design) -> list[HlsLayer]:
    """The layers that are C++ kernels."""
    return [i.engine for i in design.instances if isinstance(i.engine, HlsLayer)]


def layer_notes(graph: Graph, node: Node, chain: Sequence[Engine]) -> dict[str, str]:
    """What each engine of a node does: its layer's name, operator and shapes."""
    ins, outs = ([" x ".join(map(str, graph.tensors[t].shape)) for t in side] for side in (node.inputs, node.outputs))
    notes = {}
    for n, engine in enumerate(chain):
        part = f", part {n + 1} of {len(chain)}" if len(chain) > 1 else ""
        notes[engine.name] = f"Layer {node.name} ({node.op.kind}{part}): {' and '.join(ins)} to {' and '.join(outs)}."
    return notes


def _node(graph: Graph, name: str) -> Node:
    names = [node.name for node in graph.nodes]
    if name not in names:
        near = get_close_matches(name, names, 3, 0.4) or names[:8]
        raise BuildError(f"--hls {name}: there is no such layer; there are {len(names)}, among them {', '.join(near)}")
    return graph.nodes[names.index(name)]


def _iterations(net: NetworkView, graph: Graph, alone: Design) -> int:
    """Counts them by running the kernels for a frame; what is in it does not matter."""
    key = csim_key(network_files(net), [], CYCLE_STREAMS)
    if key not in _KNOWN:
        inputs, outputs = ([stream_spec(graph, s) for s in side] for side in (alone.inputs, alone.outputs))
        frame = {spec.tensor: np.full((1, *spec.shape), graph.tensors[spec.tensor].lo) for spec in inputs}
        result = CycleSimulator(net, inputs, outputs).run(frame)
        _KNOWN[key] = max(result.iterations.values()) + result.pipeline
    return _KNOWN[key]


def _replaced(design: Design, graph: Graph, node: Node, chosen: Fold) -> Design:
    mapped = map_node(graph, node, chosen)
    alone = layer_design(graph, node, mapped)
    for stream in (*alone.inputs, *alone.outputs):
        if stream.width > MAX_AXIS_BITS:
            raise BuildError(f"--hls {node.name}: a beat has {stream.width} bits, an AXI4-Stream {MAX_AXIS_BITS} at most")
    title = f"Layer {node.name}"
    net = network_view(alone, title, layer_notes(graph, node, mapped.chain), name=f"{node.name}_layer", restarts=True)
    engine = HlsLayer(
        name=node.name,
        net=net,
        chain=mapped.chain,
        inputs=alone.inputs,
        outputs=alone.outputs,
        iterations=_iterations(net, graph, alone),
    )
    names = {part.name for part in mapped.chain}
    members = [i for i in design.instances if i.engine.name in names]
    one = Instance(engine=engine, inputs=members[0].inputs, outputs=members[-1].outputs)
    inner = {wire for i in members[:-1] for wire in i.outputs}
    rest = {id(i) for i in members[1:]}
    return replace(
        design,
        instances=tuple(one if i is members[0] else i for i in design.instances if id(i) not in rest),
        wires={wire: bits for wire, bits in design.wires.items() if wire not in inner},
    )
