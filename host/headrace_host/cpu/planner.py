# SPDX-License-Identifier: Apache-2.0
"""Chooses the kernels for a program: once, whatever the number of frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from headrace_host.cpu import moves, whole_maps
from headrace_host.cpu.conv import FLOAT32_EXACT, Dense, Grouped, Product, Window, folded, grouped_weight, magnitude
from headrace_host.cpu.deform import Deform, Taps
from headrace_host.cpu.depthwise import Depthwise
from headrace_host.cpu.elementwise import Pointwise, Requantize, extent
from headrace_host.cpu.fallback import Reference
from headrace_host.cpu.memory import Array, Binder, Margin
from headrace_host.cpu.moves import Raster
from headrace_host.cpu.pools import Pool, Reduce
from headrace_host.cpu.rescale import Requantizer, Rescale, rescale
from headrace_host.cpu.sums import scaled_sum
from headrace_host.cpu.tables import MAX_ENTRIES, Table
from headrace_host.expressions import evaluate
from headrace_host.golden import exact_dtype
from headrace_host.golden_tables import thresholds
from headrace_host.program import Program

Node = Mapping[str, Any]
Range = tuple[int, int]
FUSED = frozenset({"conv", "deform_depthwise", "deform_conv", "sum_pool", "reduce", "pointwise"})
"""Operators that leave accumulators, to be requantized before they are stored."""
NARROW_ELEMENTS = 4096
"""Elements of a tensor from which on sums of 16 bits are worth the steps that convert it."""


class Layer(Protocol):
    """A node, or several in one, with everything prepared that does not depend on the number of frames."""

    @property
    def margins(self) -> dict[str, Margin]:
        """What must lie around its inputs."""
        ...

    def bind(self, binder: Binder) -> None:
        """Adds the steps."""
        ...


@dataclass(frozen=True, slots=True)
class Planned:
    """A layer and the tensors that it reads and writes."""

    layer: Layer
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    constant: bool = False
    """Whether it is run once, before the first frame."""


class Planner:
    """Walks a program; each method returns the layer of a node, or None where the reference has to do it."""

    def __init__(self, program: Program) -> None:
        self.tensors: Mapping[str, Any] = program.spec["tensors"]
        self.nodes: list[Node] = list(program.spec["nodes"])
        self.program = program
        read = [name for node in self.nodes for name in node["inputs"]] + list(program.spec["outputs"])
        self.readers = Counter(read)
        self.narrow = self._narrow()
        self.kernels: dict[str, Callable[[Node, Node | None], Layer | None]] = {
            "conv": self._conv,
            "deform_depthwise": self._deform_depthwise,
            "deform_conv": self._deform_conv,
            "requant": self._requant,
            "thresholds": self._thresholds,
            "lookup": self._lookup,
            "max_pool": self._max_pool,
            "sum_pool": self._sum_pool,
            "reduce": self._reduce,
            "pointwise": self._pointwise,
            "raster": lambda node, _: Raster(node["inputs"][0], node["outputs"][0]) if self._alike(node) else None,
        }

    def plan(self) -> list[Planned]:
        """The layers in the order of the nodes."""
        layers: list[Planned] = []
        taken: set[int] = set()
        for i, node in enumerate(self.nodes):
            if i in taken:
                continue
            later = self._requant_behind(node)
            fused = self._layer(node, later[1]) if later else None
            if later and fused:
                taken.add(later[0])
                layers.append(Planned(fused, tuple(node["inputs"]), tuple(later[1]["outputs"])))
                continue
            layer = self._layer(node, None) or Reference(
                tuple(node["inputs"]), tuple(node["outputs"]), self.program.kernel(node)
            )
            layers.append(Planned(layer, tuple(node["inputs"]), tuple(node["outputs"]), constant=node["op"] == "constant"))
        return layers

    def dtype(self, name: str) -> type[np.generic]:
        """The type in which a tensor is stored."""
        if name in self.narrow:
            return np.int16
        lo, hi = self._range(name)
        return exact_dtype(max(abs(lo), abs(hi)))

    def _narrow(self) -> frozenset[str]:
        """Tensors that only depthwise convolutions read whose sums fit into 16 bits: these are twice as fast."""
        readers: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in node["inputs"]:
                readers.setdefault(name, []).append(node)
        written = {node["outputs"][0] for node in self.nodes if node["op"] == "requant"} | set(self.program.spec["inputs"])
        large = (name for name in readers if name in written and np.prod(self.tensors[name]["shape"]) >= NARROW_ELEMENTS)
        return frozenset(
            name for name in large if name not in self.program.spec["outputs"] and all(map(self._fits_narrow, readers[name]))
        )

    def _fits_narrow(self, node: Node) -> bool:
        if node["op"] != "conv":
            return False
        weight = self._arrays(node)["weight"]
        depthwise = weight.shape[3] == 1 and weight.shape[0] == int(node["attrs"]["groups"])
        return depthwise and bool(magnitude(weight.transpose(1, 2, 3, 0), *self._range(node["inputs"][0])).max() < 1 << 15)

    def _layer(self, node: Node, later: Node | None) -> Layer | None:
        kernel = self.kernels.get(node["op"])
        if kernel is not None:
            return kernel(node, later)
        return self._move(node) if later is None else None

    def _requant_behind(self, node: Node) -> tuple[int, Node] | None:
        """The requantizer that alone reads the node's only result, and its place."""
        name = node["outputs"][0]
        if len(node["outputs"]) > 1 or self.readers[name] != 1 or node["op"] not in FUSED:
            return None
        found = ((i, other) for i, other in enumerate(self.nodes) if other["inputs"] == [name] and other["op"] == "requant")
        return next(found, None)

    def _range(self, name: str) -> Range:
        tensor = self.tensors[name]
        return int(tensor["lo"]), int(tensor["hi"])

    def _arrays(self, node: Node) -> dict[str, Array]:
        return {name: self.program.arrays[key] for name, key in node["arrays"].items()}

    def _rescale(self, node: Node | None) -> Rescale | None:
        """Of a requantizer; None as well if there is none, or it needs more than float64."""
        return rescale(self._stated(node)) if node else None

    def _stated(self, node: Node) -> Requantizer:
        """A requantizer and what reaches it."""
        a, w, (least, most) = node["attrs"], self._arrays(node), self._range(node["inputs"][0])
        numbers = {name: int(a[name]) for name in ("shift", "lo", "hi")}
        mul, add = (np.atleast_1d(w[name]).astype(np.int64) for name in ("mul", "add"))
        return Requantizer(mul=mul, add=add, **numbers, odd=bool(a.get("odd", False)), least=least, most=most)

    def _floats(self, *names: str) -> bool:
        """Whether all these tensors are stored in float32."""
        return all(self.dtype(name) is np.float32 for name in names)

    def _alike(self, node: Node) -> bool:
        """Whether all tensors of a node are stored in one type."""
        return len({self.dtype(name) for name in (*node["inputs"], *node["outputs"])}) == 1

    def _conv(self, node: Node, later: Node | None) -> Layer | None:
        (x,), a, weight = node["inputs"], node["attrs"], self._arrays(node)["weight"]
        groups, last = int(a["groups"]), self._rescale(later)
        window = Window(weight.shape[1:3], _pair(a["stride"]), _four(a["pad"]), _pair(a["dilation"]))
        window, weight = window.without_idle_taps(weight, self.tensors[x]["shape"])
        m, _, _, c_group = weight.shape
        target, span = (later or node)["outputs"][0], self._range(x)
        if (later is not None and last is None) or not self._fits(node, window, weight, groups):
            return None
        if x in self.narrow:
            return Depthwise(x, target, window, weight[..., 0].transpose(1, 2, 0).astype(np.int16), last)
        if not self._floats(x):
            return None
        exact = magnitude(weight.transpose(1, 2, 3, 0), *span).max() < FLOAT32_EXACT
        taps, last = folded(weight.transpose(1, 2, 3, 0), last, *span)
        if groups == 1:
            product = Product.of(taps.reshape(-1, m), *span)
            return Dense(x, target, window, product, last) if product else None
        if not exact:
            return None
        if c_group == 1 and m == groups:
            filters, shape = taps[:, :, 0].astype(np.float32), tuple(self.tensors[x]["shape"])
            if whole_maps.pays(window, shape):
                return whole_maps.WholeMaps(x, target, whole_maps.matrices(window, filters, shape), last)
            return Depthwise(x, target, window, filters, last)
        return Grouped(x, target, window, grouped_weight(taps.transpose(3, 0, 1, 2), groups), last)

    def _fits(self, node: Node, window: Window, weight: Array, groups: int) -> bool:
        """Whether weights (M, KH, KW, C / groups) fit the tensors; if not, the reference tells what is wrong."""
        (h, w, c), result = self.tensors[node["inputs"][0]]["shape"], self.tensors[node["outputs"][0]]["shape"]
        m, size = len(weight), window.size((h, w))
        return c == weight.shape[3] * groups and m % groups == 0 and min(size) >= 1 and [*size, m] == list(result)

    def _deform_depthwise(self, node: Node, later: Node | None) -> Layer | None:
        a, weight = node["attrs"], self._arrays(node)["weight"]
        k = weight.shape[0]
        window = Window((k, k), (1, 1), (k // 2,) * 4, (1, 1))
        taps = Taps(window=window, square=True, fraction_bits=0, lo=int(a["lo"]), hi=int(a["hi"]))
        return self._deform(node, later, taps, weight.transpose(2, 0, 1)[..., None], k * k)

    def _deform_conv(self, node: Node, later: Node | None) -> Layer | None:
        a, weight = node["attrs"], self._arrays(node)["weight"]
        window = Window(weight.shape[1:3], _pair(a["stride"]), _four(a["pad"]), _pair(a["dilation"]))
        numbers = {name: int(a[name]) for name in ("fraction_bits", "lo", "hi")}
        taps = Taps(window=window, square=bool(a["square"]), **numbers)
        return self._deform(node, later, taps, weight, int(a["groups"]))

    def _deform(self, node: Node, later: Node | None, taps: Taps, weight: Array, groups: int) -> Layer | None:
        """With weights (M, KH, KW, C / groups)."""
        m, _, _, c_group = weight.shape
        depthwise, last = c_group == 1 and m == self.tensors[node["inputs"][0]]["shape"][2], self._rescale(later)
        scale = 1 << (2 * taps.fraction_bits)
        ranges = [self._range(name) for name in node["inputs"]]
        reach = max(map(abs, ranges[0])) * scale * (max(map(abs, ranges[2])) if len(ranges) > 2 else 1)
        if reach >= FLOAT32_EXACT or not self._floats(*node["inputs"]) or (later is not None and last is None):
            return None
        if not self._fits(node, taps.window, weight, m if depthwise else groups):
            return None
        flat = weight.transpose(1, 2, 3, 0).reshape(-1, m)
        if depthwise and magnitude(flat, -reach, reach).max() >= FLOAT32_EXACT:
            return None
        flat, last = folded(flat, last, -reach, reach)
        product = None if depthwise else Product.of(flat, -reach, reach)
        if not depthwise and (product is None or groups != 1):
            return None
        return Deform(
            sources=tuple(node["inputs"]),
            target=(later or node)["outputs"][0],
            taps=taps,
            depthwise=flat.astype(np.float32) if depthwise else None,
            product=product,
            rescale=last,
        )

    def _requant(self, node: Node, _: Node | None) -> Layer | None:
        last = self._rescale(node)
        if last is None or self.dtype(node["inputs"][0]) is np.int64:
            return None
        return Requantize(node["inputs"][0], node["outputs"][0], last)

    def _thresholds(self, node: Node, _: Node | None) -> Layer | None:
        w, (lo, hi) = self._arrays(node), self._range(node["inputs"][0])
        rows = max(len(w["steps"]), len(w["values"]))
        if rows * (hi - lo + 1) > MAX_ENTRIES:
            return None
        every = np.broadcast_to(np.arange(lo, hi + 1)[:, None], (hi - lo + 1, rows))
        return self._table(node, thresholds(every, w["steps"], w["values"]).T, lo)

    def _lookup(self, node: Node, _: Node | None) -> Layer | None:
        return self._table(node, self._arrays(node)["table"], int(node["attrs"]["lo"]))

    def _table(self, node: Node, table: Array, lo: int) -> Layer | None:
        (x,), (y,) = node["inputs"], node["outputs"]
        if self.dtype(x) is np.int64 or table.shape[1] <= self._range(x)[1] - lo or self._range(x)[0] < lo:
            return None  # an index beyond the table is for the reference to refuse
        return Table(x, y, table, lo)

    def _max_pool(self, node: Node, later: Node | None) -> Layer | None:
        x, window = node["inputs"][0], self._window(node)
        floor = min(0, self._range(x)[0]) if max(window.pad) > 0 else 0
        if later is not None or min(window.pad) < 0 or self.dtype(x) is np.int64 or not self._alike(node):
            return None
        if not window.meets(self.tensors[x]["shape"]):
            return None  # the maximum of nothing but padding is for the reference to say
        return Pool(x, node["outputs"][0], window, np.maximum, float(floor), None)

    def _sum_pool(self, node: Node, later: Node | None) -> Layer | None:
        x, window, last = node["inputs"][0], self._window(node), self._rescale(later)
        most = max(map(abs, self._range(x))) * window.kernel[0] * window.kernel[1]
        if most >= FLOAT32_EXACT or min(window.pad) < 0 or (later is not None and last is None):
            return None
        return Pool(x, (later or node)["outputs"][0], window, np.add, 0.0, last)

    def _window(self, node: Node) -> Window:
        a = node["attrs"]
        return Window(_pair(a["kernel"]), _pair(a["stride"]), _four(a["pad"]), _pair(a["dilation"]))

    def _reduce(self, node: Node, later: Node | None) -> Layer | None:
        x, a, last = node["inputs"][0], node["attrs"], self._rescale(later)
        h, w, _ = self.tensors[x]["shape"]
        most = max(map(abs, self._range(x))) * (h * w if a["total"] else 1)
        axes = tuple(axis for axis, chosen in ((1, a["rows"]), (2, a["cols"])) if chosen)
        if most >= FLOAT32_EXACT or not axes or (later is not None and last is None):
            return None
        return Reduce(x, (later or node)["outputs"][0], axes, bool(a["total"]), last)

    def _pointwise(self, node: Node, later: Node | None) -> Layer | None:
        names, expression = tuple(node["inputs"]), node["attrs"]["expression"]
        evaluate(expression, [np.zeros((1, 1, 1, 1), np.int64) for _ in names])  # refuses what is none
        target, ranges = (later or node)["outputs"][0], [self._range(name) for name in names]
        dtype, last = exact_dtype(extent(expression, ranges)), self._rescale(later)
        if not issubclass(dtype, np.floating) or (later is not None and last is None):
            return None
        scaled = scaled_sum(expression, ranges, self._stated(later)) if later and last and last.mul is not None else None
        if scaled:
            return Pointwise(names, target, scaled[0], np.float32, scaled[1])
        return Pointwise(names, target, expression, dtype, last)

    def _move(self, node: Node) -> Layer | None:
        a, w = node["attrs"], self._arrays(node)
        if not self._alike(node):
            return None
        if node["op"] == "gather" and len(list(moves.runs(_ints(a["indices"])))) > moves.MAX_RUNS:
            return moves.Choose(node["inputs"][0], node["outputs"][0], _ints(a["indices"]))
        kinds: dict[str, Callable[[], moves.Copies]] = {
            "concat": lambda: moves.concat,
            "split": lambda: moves.split,
            "interleave": lambda: moves.interleave,
            "gather": lambda: moves.gather(_ints(a["indices"])),
            "depth_to_space": lambda: moves.depth_to_space(_pair(a["block"])),
            "space_to_depth": lambda: moves.space_to_depth(_pair(a["block"])),
            "upsample": lambda: moves.upsample(_pair(a["factors"])),
            "crop": lambda: moves.crop(_four(a["pad"]), _pair(a["stride"])),
            "shift": lambda: moves.shift(w["offsets"]),
            "constant": lambda: moves.constant(w["value"]),
        }
        made = kinds.get(node["op"])
        return made and moves.Move(tuple(node["inputs"]), tuple(node["outputs"]), made())


def _ints(values: Any) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def _pair(values: Any) -> tuple[int, int]:
    first, second = _ints(values)
    return first, second


def _four(values: Any) -> tuple[int, int, int, int]:
    top, left, bottom, right = _ints(values)
    return top, left, bottom, right
