# SPDX-License-Identifier: Apache-2.0
"""Handlers of operators that move or select values without arithmetic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import onnx

from headrace.frontend.context import Context, Handler, OnnxNode
from headrace.frontend.values import ExactArray, Grouped, ModelInput, Real, Value
from headrace.frontend.windows import ceil_padding, padding_only, spatial_output, window_attributes
from headrace.ir.ops import Concat, MaxPool, Shuffle, Slice, Split, Upsample
from headrace.ir.tensor import Tensor


def _real(context: Context, node: OnnxNode, value: Value | None) -> Real:
    if value is None:
        raise node.unsupported("an input is missing", "export the model again")
    return context.activation(node, value)


def _whole_numbers(node: OnnxNode, value: Value | None, what: str) -> list[int]:
    return [int(v) for v in np.asarray(node.const(value, what)).ravel()]


def max_pool(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """MaxPool commutes with every rising map, so it runs on the integers whatever they mean."""
    real = _real(context, node, inputs[0])
    source = context.tensors[real.tensor]
    if np.any(real.scale <= 0):
        raise node.unsupported("a maximum behind a negative batch-norm factor", "put a quantizer before the pool")
    kernel = tuple(node.attrs.get("kernel_shape", ()))
    if len(kernel) != 2:
        raise node.unsupported(f"a {len(kernel)}-D window", "only 2-D windows are mapped")
    stride, pad, dilation = window_attributes(node, source.shape[:2], kernel)
    if node.attrs.get("ceil_mode", 0):
        pad = ceil_padding(source.shape[:2], kernel, stride, pad, dilation)
    out_hw = spatial_output(node, source.shape[:2], kernel, stride, pad, dilation)
    for axis in (0, 1):
        if padding_only(source.shape[axis], out_hw[axis], kernel[axis], stride[axis], pad[axis], dilation[axis]):
            raise node.unsupported(f"padding {pad} so wide that a window sees nothing else", "pad less than the kernel")
    op = MaxPool(kernel=kernel, stride=stride, pad=pad, dilation=dilation)
    out = context.apply(node, op, (real.tensor,), (*out_hw, source.channels), source.lo, source.hi, _first(source.scale))
    return [replace(real, tensor=out)]


def _first(scale: tuple[float, ...]) -> float:
    return scale[0]


def _channel_axis(node: OnnxNode, axis: int) -> None:
    if axis not in (1, -3):
        raise node.unsupported(f"works along axis {axis}", "only the channel axis (1) can be cut or joined")


def _spread(parameter: ExactArray, channels: int) -> ExactArray:
    return np.broadcast_to(parameter, channels)


def concat(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Concat along channels; unequal scales stay with their channels until the next quantizer."""
    _channel_axis(node, int(node.attrs.get("axis", 1)))
    reals = [_real(context, node, value) for value in inputs]
    if len({(real.lo, real.hi) for real in reals}) > 1:
        reals = [context.settled(node, real) for real in reals]
    kinds = [context.tensors[real.tensor] for real in reals]
    if len({kind.shape[:2] for kind in kinds}) > 1:
        raise node.unsupported(f"joins maps of {[kind.shape for kind in kinds]}", "join maps of one size")
    if len(reals) == 1:
        return [reals[0]]
    channels = [kind.channels for kind in kinds]
    shape = (*kinds[0].shape[:2], sum(channels))
    lo, hi = min(kind.lo for kind in kinds), max(kind.hi for kind in kinds)
    out = context.apply(node, Concat(), tuple(real.tensor for real in reals), shape, lo, hi, _first(kinds[0].scale))
    scale = np.concatenate([_spread(real.scale, c) for real, c in zip(reals, channels, strict=True)])
    offset = np.concatenate([_spread(real.offset, c) for real, c in zip(reals, channels, strict=True)])
    pure = all(real.pure for real in reals)
    return [Real(tensor=out, scale=_collapse(scale), offset=_collapse(offset), lo=reals[0].lo, hi=reals[0].hi, pure=pure)]


def _collapse(parameter: ExactArray) -> ExactArray:
    return parameter[:1] if np.all(parameter == parameter[0]) else parameter


def _part(real: Real, tensor: str, channels: int, start: int, stop: int) -> Real:
    scale, offset = (_spread(p, channels)[start:stop] for p in (real.scale, real.offset))
    return replace(real, tensor=tensor, scale=_collapse(scale), offset=_collapse(offset))


def split(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Split along channels."""
    _channel_axis(node, int(node.attrs.get("axis", 0)))
    real = _real(context, node, inputs[0])
    source = context.tensors[real.tensor]
    count = len(node.proto.output)
    if len(inputs) > 1 and inputs[1] is not None:
        sizes = _whole_numbers(node, inputs[1], "split sizes")
    elif "split" in node.attrs:
        sizes = [int(v) for v in node.attrs["split"]]
    else:
        each = -(-source.channels // count)
        sizes = [min(each, source.channels - i * each) for i in range(count)]
    if sum(sizes) != source.channels or len(sizes) != count or min(sizes) < 1:
        raise node.unsupported(
            f"cuts {source.channels} channels into {sizes}", "the parts must be positive and cover all channels"
        )
    name = context.unique(node.name)
    outputs = tuple(
        Tensor(name=f"{name}_out{i}", shape=(*source.shape[:2], size), lo=source.lo, hi=source.hi, scale=source.scale)
        for i, size in enumerate(sizes)
    )
    context.emit(name, Split(sizes=tuple(sizes)), (real.tensor,), outputs)
    ends = np.cumsum(sizes).tolist()
    return [
        _part(real, tensor.name, source.channels, end - size, end)
        for tensor, size, end in zip(outputs, sizes, ends, strict=True)
    ]


def slice_channels(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Slice of consecutive channels (how some exporters write chunk)."""
    real = _real(context, node, inputs[0])
    source = context.tensors[real.tensor]
    starts, ends = (_whole_numbers(node, inputs[i], "slice bounds") for i in (1, 2))
    axes = _whole_numbers(node, inputs[3], "axes") if len(inputs) > 3 and inputs[3] is not None else list(range(len(starts)))
    steps = _whole_numbers(node, inputs[4], "steps") if len(inputs) > 4 and inputs[4] is not None else [1] * len(starts)
    limits = (1, source.channels, *source.shape[:2])
    start, stop = 0, source.channels
    for axis, first, last, step in zip(axes, starts, ends, steps, strict=True):
        begin, end, _ = slice(first, last, step).indices(limits[axis])
        if step != 1 or (axis % 4 != 1 and (begin, end) != (0, limits[axis])):
            raise node.unsupported(f"slices axis {axis} as {first}:{last}:{step}", "only consecutive channels can be cut out")
        if axis % 4 == 1:
            start, stop = begin, end
    if (start, stop) == (0, source.channels):
        return [real]
    if start >= stop:
        raise node.unsupported(f"the slice {start}:{stop} is empty", "repair the slice")
    shape = (*source.shape[:2], stop - start)
    out = context.apply(node, Slice(start=start, stop=stop), (real.tensor,), shape, source.lo, source.hi, _first(source.scale))
    return [_part(real, out, source.channels, start, stop)]


def reshape(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Reshape, as the first and last step of a channel shuffle."""
    value = inputs[0]
    wanted = _whole_numbers(node, inputs[1], "target shape")
    real = value.real if isinstance(value, Grouped) else _real(context, node, value)
    source = context.tensors[real.tensor]
    h, w, c = source.shape
    if isinstance(value, Grouped) and value.swapped:
        if not _same_shape(wanted, (1, c, h, w)):
            raise node.unsupported(f"reshapes to {wanted}", "a shuffled map must return to (N, C, H, W)")
        shape = Shuffle(groups=value.groups)
        out = context.apply(node, shape, (real.tensor,), source.shape, source.lo, source.hi, _first(source.scale))
        order = np.arange(c).reshape(value.groups, -1).T.ravel()
        return [replace(real, tensor=out, scale=_permute(real.scale, order), offset=_permute(real.offset, order))]
    if _same_shape(wanted, (1, c, h, w)):
        return [real]
    if len(wanted) == 5 and wanted[1] > 0 and c % wanted[1] == 0 and _same_shape(wanted, (1, wanted[1], c // wanted[1], h, w)):
        return [Grouped(real=real, groups=wanted[1])]
    raise node.unsupported(f"reshapes (1, {c}, {h}, {w}) to {wanted}", "only channel shuffles may reshape")


def _same_shape(wanted: list[int], shape: tuple[int, ...]) -> bool:
    """Whether ``wanted`` (0 = keep, -1 = infer) means ``shape``; the batch axis may be anything."""
    if len(wanted) != len(shape) or wanted.count(-1) > 1:
        return False
    return all(want in (have, 0, -1) for want, have in zip(wanted[1:], shape[1:], strict=True))


def _permute(parameter: ExactArray, order: npt.NDArray[np.int64]) -> ExactArray:
    return parameter if parameter.size == 1 else parameter[order]


def transpose(_: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Transpose, as the middle step of a channel shuffle."""
    perm = tuple(node.attrs.get("perm", ()))
    if isinstance(inputs[0], Grouped) and not inputs[0].swapped and perm == (0, 2, 1, 3, 4):
        return [replace(inputs[0], swapped=True)]
    if isinstance(inputs[0], Real) and perm == tuple(range(4)):
        return [inputs[0]]
    raise node.unsupported(f"transposes by {perm}", "only channel shuffles may transpose; keep activations as (N, C, H, W)")


def resize(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Resize or Upsample: nearest neighbour by whole factors."""
    real = _real(context, node, inputs[0])
    source = context.tensors[real.tensor]
    mode, grid = (
        str(node.attrs.get("mode", "nearest")),
        str(node.attrs.get("coordinate_transformation_mode", "half_pixel")),
    )
    if mode != "nearest" or grid not in ("asymmetric", "half_pixel", "pytorch_half_pixel"):
        raise node.unsupported(
            f"{mode} resizing on an {grid} grid", "use nearest upsampling (F.interpolate with mode='nearest')"
        )
    rounding = str(node.attrs.get("nearest_mode", "round_prefer_floor"))
    fits = ("floor",) if grid == "asymmetric" else ("round_prefer_floor", "round_prefer_ceil")
    if rounding not in fits and node.op_type == "Resize":
        raise node.unsupported(f"nearest mode {rounding} on an {grid} grid", "use nearest upsampling (F.interpolate)")
    factors = _resize_factors(node, inputs, source)
    if any(f != round(f) or f < 1 for f in factors):
        raise node.unsupported(f"scales by {factors}", "only whole upsampling factors are mapped")
    rows, cols = int(factors[0]), int(factors[1])
    if (rows, cols) == (1, 1):
        return [real]
    shape = (source.shape[0] * rows, source.shape[1] * cols, source.channels)
    op = Upsample(factors=(rows, cols))
    return [replace(real, tensor=context.apply(node, op, (real.tensor,), shape, source.lo, source.hi, _first(source.scale)))]


def _resize_factors(node: OnnxNode, inputs: list[Value | None], source: Tensor) -> tuple[float, float]:
    constants = [None if v is None else np.asarray(node.const(v, "scales or sizes"), np.float64).ravel() for v in inputs[1:]]
    if node.op_type == "Upsample":
        constants = [None, *constants]
    scales = constants[1] if len(constants) > 1 else None
    sizes = constants[2] if len(constants) > 2 else None
    factors = scales if scales is not None and scales.size == 4 else None
    if factors is None and sizes is not None and sizes.size == 4:
        factors = sizes / np.array([sizes[0], source.channels, *source.shape[:2]])
    if factors is not None:
        if factors[0] != 1 or factors[1] != 1:
            raise node.unsupported(
                f"scales frames or channels by {factors[:2].tolist()}", "only rows and columns can be resized"
            )
        return float(factors[2]), float(factors[3])
    raise node.unsupported("no constant scales or sizes for (N, C, H, W)", "export with a fixed scale factor")


def identity(_: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Operators that change nothing at inference."""
    if inputs[0] is None:
        raise node.unsupported("an input is missing", "export the model again")
    return [inputs[0]]


def cast(_: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Cast to a floating-point type changes nothing; to integers it would truncate."""
    if inputs[0] is None or node.attrs.get("to") not in (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE):
        raise node.unsupported("casts an activation to another type than float", "remove the cast from the model")
    return [inputs[0]]


def shape_of(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Shape of a map, as (1, C, H, W)."""
    if isinstance(inputs[0], ModelInput):
        return [np.array([1, *inputs[0].shape], np.int64)]
    h, w, c = context.tensors[_real(context, node, inputs[0]).tensor].shape
    return [np.array([1, c, h, w], np.int64)]


MOVES: dict[str, Handler] = {
    "MaxPool": max_pool,
    "Concat": concat,
    "Split": split,
    "Slice": slice_channels,
    "Reshape": reshape,
    "Transpose": transpose,
    "Resize": resize,
    "Upsample": resize,
    "Identity": identity,
    "Dropout": identity,
    "Cast": cast,
    "Shape": shape_of,
}
