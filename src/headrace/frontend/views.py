# SPDX-License-Identifier: Apache-2.0
"""Reshape, transpose, slice, pad and their like: followed element by element, recognised by what they amount to.

A `View` holds, for every number of an ONNX tensor, its place in an integer map. Handlers of moves apply numpy's own operation
to these places. When another operator reads the view, `headrace.frontend.layout` finds the rearrangement of maps that gives it.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from headrace.frontend.constants import evaluated
from headrace.frontend.context import Context, Handler, OnnxNode, required
from headrace.frontend.inputs import turned_input
from headrace.frontend.layout import vector
from headrace.frontend.values import Flat, Function, Index, ModelInput, QuantConst, Real, Value, View
from headrace.operators.channels import concat as concat_channels
from headrace.operators.channels import slice_channels, split_channels
from headrace.operators.constant import nearest
from headrace.operators.elementwise.sums import ELEMENTWISE as SUMS
from headrace.operators.gather import gather_channels

MAX_SIZE = 1 << 28
"""Numbers of the largest tensor that a file may ask for."""


def natural_index(context: Context, value: Real | Function | Flat, axes: int) -> Index:
    """Every element of a map where ONNX has it: (1, C, H, W), (1, C, H * W) or (1, C * H * W)."""
    real = value.real if isinstance(value, Flat) else value
    h, w, c = context.tensors[real.tensor].shape
    shapes: dict[int, tuple[int, ...]] = {4: (1, c, h, w), 3: (1, c, h * w), 2: (1, c * h * w)}
    return np.arange(c * h * w, dtype=np.int32).reshape(shapes[2 if isinstance(value, Flat) else axes])


def as_view(context: Context, node: OnnxNode, value: Value | None, axes: int | None = None) -> View:
    """``value`` as a view that ``node`` can lay out anew."""
    value = required(node, value)
    if isinstance(value, View):
        return replace(value, node=node)
    if isinstance(value, Flat):
        return View(real=value.real, index=natural_index(context, value, 2), node=node)
    real = value if isinstance(value, Function) else context.activation(node, value, skewed=True)
    axes = axes or context.axes.get(node.proto.input[0], 4)
    return View(real=real, index=natural_index(context, real, axes), node=node)


def axes_of(context: Context, node: OnnxNode, value: Value | None) -> int:
    """Axes of the node's first input."""
    if isinstance(value, View):
        return value.index.ndim
    if isinstance(value, np.ndarray):
        return value.ndim
    return 2 if isinstance(value, Flat) else context.axes.get(node.proto.input[0], 4)


def _axis(node: OnnxNode, axis: int, axes: int) -> int:
    if not -axes <= axis < axes:
        raise node.unsupported(f"axis {axis} of a tensor of {axes} axes", "export the model again")
    return axis % axes


def _axes_list(node: OnnxNode, inputs: list[Value | None], at: int = 1) -> list[int] | None:
    """The ``axes`` of a node, an attribute before opset 13 and an input since."""
    if len(inputs) > at and inputs[at] is not None:
        return node.whole_numbers(inputs[at], "axes")
    return [int(a) for a in node.attrs["axes"]] if "axes" in node.attrs else None


def _check_size(node: OnnxNode, shape: tuple[int, ...]) -> None:
    if math.prod(shape) > MAX_SIZE:
        raise node.unsupported(f"makes a tensor of {math.prod(shape):,} numbers", f"stay below {MAX_SIZE:,}")


def reshape(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Reshape; a fixed batch in the target shape counts as one frame."""
    view = as_view(context, node, inputs[0])
    if len(inputs) > 1 and inputs[1] is not None:
        wanted = node.whole_numbers(inputs[1], "target shape")
    else:
        wanted = [int(v) for v in node.attrs.get("shape", ())]
    if not node.attrs.get("allowzero", 0):
        wanted = [view.index.shape[i] if v == 0 and i < view.index.ndim else v for i, v in enumerate(wanted)]
    rest = wanted[1:]
    known = int(np.prod([v for v in rest if v != -1], dtype=np.int64))
    if wanted and wanted[0] in (-1, context.batch) and (known == view.index.size or (-1 in rest and wanted[0] != 1)):
        wanted = [1, *rest]
    try:
        return [replace(view, index=view.index.reshape(wanted))]
    except ValueError:
        raise node.unsupported(
            f"reshapes {view.index.shape} to {wanted}", "export the model again, with one frame in a batch"
        ) from None


def transpose(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Transpose; of the model's input, NHWC images to NCHW change nothing: pixels come in with their channels together."""
    perm = tuple(node.attrs.get("perm", ()))
    if isinstance(inputs[0], ModelInput) and perm == (0, 3, 1, 2):
        h, w, c = inputs[0].shape
        return [replace(inputs[0], shape=(c, h, w))]
    if isinstance(inputs[0], Real) and perm == (0, 3, 1, 2) and (real := turned_input(context, node, inputs[0])) is not None:
        return [real]
    view = as_view(context, node, inputs[0], len(perm) or None)
    perm = perm or tuple(range(view.index.ndim))[::-1]
    if sorted(perm) != list(range(view.index.ndim)):
        raise node.unsupported(f"transposes a tensor of shape {view.index.shape} by {perm}", "export the model again")
    return [replace(view, index=view.index.transpose(perm))]


def flatten(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Flatten."""
    view = as_view(context, node, inputs[0])
    axis = int(node.attrs.get("axis", 1))
    axis += view.index.ndim if axis < 0 else 0
    rows = int(np.prod(view.index.shape[:axis], dtype=np.int64))
    return [replace(view, index=view.index.reshape(rows, -1))]


def squeeze(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Squeeze."""
    view, axes = as_view(context, node, inputs[0]), _axes_list(node, inputs)
    chosen = None if axes is None else tuple(_axis(node, a, view.index.ndim) for a in axes)
    if chosen is not None and any(view.index.shape[a] != 1 for a in chosen):
        raise node.unsupported(f"squeezes axes {axes} of {view.index.shape}", "only axes of size 1 can be left out")
    return [replace(view, index=view.index.squeeze(chosen))]


def unsqueeze(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Unsqueeze."""
    view, axes = as_view(context, node, inputs[0]), _axes_list(node, inputs)
    if not axes:
        raise node.unsupported("no axes", "export the model again")
    return [replace(view, index=np.expand_dims(view.index, tuple(axes)))]


def slices(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Slice: of channels, or rows and columns in any steps forward."""
    if isinstance(inputs[0], np.ndarray):
        raise node.unsupported("its bounds are computed from activations", "export with constant parameters")
    axes_in = axes_of(context, node, inputs[0])
    if len(inputs) > 2:
        starts, ends = (node.whole_numbers(inputs[i], "slice bounds") for i in (1, 2))
        axes = _axes_list(node, inputs, 3)
    else:
        starts, ends = ([int(v) for v in node.attrs.get(name, ())] for name in ("starts", "ends"))
        axes = _axes_list(node, inputs, 9)
    axes = list(range(len(starts))) if axes is None else [_axis(node, a, axes_in) for a in axes]
    steps = node.whole_numbers(inputs[4], "steps") if len(inputs) > 4 and inputs[4] is not None else [1] * len(starts)
    if isinstance(inputs[0], Real) and axes == [1] and steps == [1]:
        return [slice_channels(context, node, inputs[0], starts[0], ends[0])]
    view = as_view(context, node, inputs[0])
    cuts = [slice(None)] * view.index.ndim
    for axis, first, last, step in zip(axes, starts, ends, steps, strict=True):
        cuts[axis] = slice(first, None if step < 0 and last < -view.index.shape[axis] else last, step)
    cut = view.index[tuple(cuts)]
    return [replace(view, index=cut)]


def split(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Split along any axis."""
    axes, count = axes_of(context, node, inputs[0]), len(node.proto.output)
    axis = _axis(node, int(node.attrs.get("axis", 0)), axes)
    view = None if isinstance(inputs[0], Real) and axis == 1 else as_view(context, node, inputs[0])
    size = context.tensors[context.real(node, inputs[0]).tensor].channels if view is None else view.index.shape[axis]
    if len(inputs) > 1 and inputs[1] is not None:
        sizes = node.whole_numbers(inputs[1], "split sizes")
    elif "split" in node.attrs:
        sizes = [int(v) for v in node.attrs["split"]]
    else:
        each = -(-size // count)
        sizes = [min(each, size - i * each) for i in range(count)]
    if sum(sizes) != size or len(sizes) != count or min(sizes) < 1:
        what = "channels" if axis == 1 else f"elements of axis {axis}"
        raise node.unsupported(f"cuts {size} {what} into {sizes}", "the parts must be positive and cover all of them")
    if view is None:
        return split_channels(context, node, context.real(node, inputs[0]), sizes)
    parts = np.split(view.index, np.cumsum(sizes)[:-1], axis=axis)
    return [replace(view, index=part) for part in parts]


def gather(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Gather with constant indices, along any axis."""
    axes = axes_of(context, node, inputs[0])
    axis = _axis(node, int(node.attrs.get("axis", 0)), axes)
    indices = np.asarray(node.const(inputs[1], "indices"))
    if indices.size == 0 or indices.dtype.kind not in "iu":
        raise node.unsupported(f"{indices.size} indices of type {indices.dtype}", "index by whole numbers")
    if isinstance(inputs[0], Real) and axis == 1 and indices.ndim == 1:
        return [gather_channels(context, node, inputs[0], indices)]
    view = as_view(context, node, inputs[0])
    if indices.min() < -view.index.shape[axis] or indices.max() >= view.index.shape[axis]:
        raise node.unsupported(
            f"indices {indices.min()} to {indices.max()} into {view.index.shape[axis]} along axis {axis}", "repair the indices"
        )
    return [replace(view, index=np.take(view.index, indices, axis=axis))]


def pad(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Pad with zeros, or cut where padding is negative."""
    mode = str(node.attrs.get("mode", "constant"))
    if mode != "constant":
        raise node.unsupported(f"pads by {mode}", "pad with zeros")
    amounts = node.whole_numbers(inputs[1], "pads") if len(inputs) > 1 else [int(v) for v in node.attrs.get("pads", ())]
    fill = node.const(inputs[2], "fill value") if len(inputs) > 2 and inputs[2] is not None else node.attrs.get("value", 0)
    if np.any(np.asarray(fill, np.float64) != 0):
        raise node.unsupported(f"pads with {np.asarray(fill).ravel()[0]}", "pad with zeros")
    view = as_view(context, node, inputs[0])
    chosen = _axes_list(node, inputs, 3)
    axes = range(view.index.ndim) if chosen is None else [_axis(node, a, view.index.ndim) for a in chosen]
    if len(amounts) != 2 * len(axes):
        raise node.unsupported(f"{len(amounts)} paddings for {len(axes)} axes", "export the model again")
    widths = np.zeros((view.index.ndim, 2), np.int64)
    widths[list(axes)] = np.reshape(amounts, (2, -1)).T
    _check_size(node, tuple((np.maximum(widths, 0).sum(axis=1) + view.index.shape).tolist()))
    index = np.pad(view.index, np.maximum(widths, 0), constant_values=-1)
    index = index[tuple(slice(max(0, -a), n - max(0, -b)) for (a, b), n in zip(widths.tolist(), index.shape, strict=True))]
    if not np.any(index >= 0):
        raise node.unsupported(f"padding {amounts} leaves nothing of {view.index.shape}", "repair the padding")
    return [replace(view, index=index)]


def expand(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Expand and Tile: the same elements again."""
    view = as_view(context, node, inputs[0])
    wanted = node.whole_numbers(inputs[1], "shape or repetitions")
    have = view.index.shape
    if node.op_type == "Tile":
        fits = len(wanted) == len(have) and min(wanted) > 0
        shape: tuple[int, ...] = tuple(a * b for a, b in zip(have, wanted, strict=False))
    else:
        axes = max(len(have), len(wanted))
        pairs = list(zip((1,) * (axes - len(have)) + have, [1] * (axes - len(wanted)) + wanted, strict=True))
        fits = all((b > 0 and 1 in (a, b)) or a == b for a, b in pairs)
        shape = tuple(max(a, b) for a, b in pairs)
    if not fits:
        raise node.unsupported(f"expands {have} by {wanted}", "export the model again")
    _check_size(node, shape)
    repeated = np.tile(view.index, wanted) if node.op_type == "Tile" else np.broadcast_to(view.index, shape)
    return [replace(view, index=repeated)]


def concat(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Concat: of views of one map a view, else along channels, or as a sum along any other axis."""
    axis = _axis(node, int(node.attrs.get("axis", 1)), axes_of(context, node, inputs[0]))
    inputs = [_constant_part(context, node, value, name) for value, name in zip(inputs, node.proto.input, strict=True)]
    inputs = _without_zeros(context, node, inputs, axis)
    if any(isinstance(value, View) for value in inputs) and all(isinstance(value, Real | View) for value in inputs):
        views = _views(context, node, inputs)
        if all(v.real is views[0].real for v in views):
            return [replace(views[0], index=np.concatenate([v.index for v in views], axis=axis))]
    if axes_of(context, node, inputs[0]) > 4:
        return _stacked(context, node, _views(context, node, inputs), axis)
    if axis != 1:
        return _joined(context, node, inputs, axis)
    return concat_channels(context, node, [features(context, value) for value in inputs])


def _constant_part(context: Context, node: OnnxNode, value: Value | None, name: str) -> Value | None:
    """An operand of a Concat; a constant that is not zero as an activation."""
    if not isinstance(value, np.ndarray | QuantConst):
        return value
    numbers = np.asarray(node.const(value, "an operand"), np.float64)
    if not np.any(numbers):
        return numbers
    if numbers.ndim not in (3, 4) or numbers.shape[0] != 1 or not np.all(np.isfinite(numbers)):
        raise node.unsupported(
            f"joins an activation and a constant of shape {numbers.shape}", "join finite constants (1, C, H, W) or (1, C, L)"
        )
    context.axes[name] = numbers.ndim
    return nearest(context, node, numbers[0].reshape(*numbers.shape[1:], *(1,) * (4 - numbers.ndim)).transpose(1, 2, 0))


def _views(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[View]:
    """Operands of a Concat as views; where zeros were dropped, all that is left are views already."""
    names = zip(inputs, node.proto.input, strict=False)
    return [as_view(context, node, value, context.axes.get(name, 4)) for value, name in names]


def _without_zeros(context: Context, node: OnnxNode, inputs: list[Value | None], axis: int) -> list[Value | None]:
    """Operands of a Concat: constant zeros are a border of the activation before or behind them."""
    if not any(isinstance(value, np.ndarray) for value in inputs):
        return inputs
    moving = [i for i, value in enumerate(inputs) if not isinstance(value, np.ndarray)]
    joined: list[Value | None] = []
    for at in moving:
        first, last = 0 if at == moving[0] else at, next((i for i in moving if i > at), len(inputs))
        view = as_view(context, node, inputs[at], context.axes.get(node.proto.input[at], 4))
        parts = [view.index if i == at else _zeros(node, inputs[i]) for i in range(first, last)]
        joined.append(replace(view, index=np.concatenate(parts, axis=axis)))
    return joined


def _zeros(node: OnnxNode, value: Value | None) -> Index:
    return np.full(node.const(value, "an operand").shape, -1, np.int32)


def _stacked(context: Context, node: OnnxNode, views: list[View], axis: int) -> list[Value]:
    """Concat of tensors of five axes and more, as torch.stack writes it: a view of the maps' joined channels."""
    reals: list[Value | None] = [context.activation(node, view.real) for view in views]
    (whole,) = concat_channels(context, node, reals)
    starts = np.cumsum(
        [0, *(context.tensors[r.tensor].pixels * context.tensors[r.tensor].channels for r in reals if isinstance(r, Real))]
    )
    parts = [np.where(v.index < 0, -1, v.index + start) for v, start in zip(views, starts.tolist(), strict=False)]
    return [View(real=context.real(node, whole), index=np.concatenate(parts, axis=axis).astype(np.int32), node=node)]


def _joined(context: Context, node: OnnxNode, inputs: list[Value | None], axis: int) -> list[Value]:
    """Concat along rows, columns or a sequence: each part in a border of zeros as large as the others, and their sum."""
    views = [as_view(context, node, plain(context, view), view.index.ndim) for view in _views(context, node, inputs)]
    if len({tuple(np.delete(v.index.shape, axis)) for v in views}) > 1:
        raise node.unsupported(f"joins {[v.index.shape for v in views]} along axis {axis}", "join tensors of one size")
    ends = np.cumsum([v.index.shape[axis] for v in views]).tolist()
    bordered: list[Value | None] = []
    for view, end in zip(views, ends, strict=True):
        widths = np.zeros((view.index.ndim, 2), np.int64)
        widths[axis] = end - view.index.shape[axis], ends[-1] - end
        bordered.append(context.laid_out(replace(view, index=np.pad(view.index, widths, constant_values=-1))))
    return SUMS[0].handler(context, node, bordered)


def by_reference(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Any move that constants steer, as ONNX's reference implementation does it; what it makes zero is a border."""
    view = as_view(context, node, inputs[0])
    steering = [None if value is None else node.const(value, "what steers it") for value in inputs[1:]]
    (moved,) = evaluated(context, node, [view.index + 1, *steering])
    if not moved.size:
        raise node.unsupported(f"leaves nothing of {view.index.shape}", "repair its constants")
    return [replace(view, index=moved.astype(np.int32) - 1)]


def shape_of(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Shape of a tensor, of one frame."""
    value = inputs[0]
    if isinstance(value, ModelInput):
        shape: tuple[int, ...] = (1, *value.shape)[: context.axes.get(node.proto.input[0], 4)]
    else:
        shape = as_view(context, node, value).index.shape
    start, end = int(node.attrs.get("start", 0)), node.attrs.get("end")
    return [np.array(shape, np.int64)[start : None if end is None else int(end)]]


def plain(context: Context, value: Value | None) -> Value | None:
    """``value``, laid out if it is a view; a flat map of one pixel is a map."""
    value = context.laid_out(value) if isinstance(value, View) else value
    return value.real if isinstance(value, Flat) and context.tensors[value.real.tensor].pixels == 1 else value


def features(context: Context, value: Value | None) -> Value | None:
    """``value``, laid out; a flat map as the channels of one pixel."""
    value = plain(context, value)
    return vector(context, value) if isinstance(value, Flat) else value


VIEWS: dict[str, Handler] = {
    "Reshape": reshape,
    "Transpose": transpose,
    "Flatten": flatten,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Slice": slices,
    "Split": split,
    "Gather": gather,
    "Pad": pad,
    "Expand": expand,
    "Tile": expand,
    "Concat": concat,
    **dict.fromkeys(("CenterCropPad", "Compress", "GatherElements", "GatherND", "ReverseSequence"), by_reference),
    "Shape": shape_of,
}
