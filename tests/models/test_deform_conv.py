# SPDX-License-Identifier: Apache-2.0
"""Deformable layers: torch against onnxruntime, gradients, and Brevitas against the integer program, bit for bit."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from headrace_host.program import Program
from headrace_models.deform_conv import DeformConv2d, SquareDeformConv2d, Window, deform_conv2d, square_deform_conv2d
from headrace_models.export import export_network
from headrace_models.quantizers import best_weight_scale
from headrace_models.styles import FloatStyle, QuantStyle, quantized_convs, weight_scaling
from onnx import TensorProto, helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from torch import Tensor, nn

from headrace.compile import lower
from headrace.ir.graph import to_program
from headrace.ops import square_deform_conv


def _onnx_deform_conv(x: Tensor, offset: Tensor, weight: Tensor, window: Window, mask: Tensor | None, groups: int) -> Any:
    node = helper.make_node(
        "DeformConv", ["x", "w", "o", *([] if mask is None else ["", "m"])], ["y"], strides=[window.stride] * 2,
        pads=[window.pad] * 4, dilations=[window.dilation] * 2, group=groups, offset_group=1,
    )  # fmt: skip
    feeds = {"x": x, "w": weight, "o": offset, **({} if mask is None else {"m": mask})}
    infos = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, list(v.shape)) for name, v in feeds.items()]
    graph = helper.make_graph([node], "oracle", infos, [helper.make_tensor_value_info("y", TensorProto.DOUBLE, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {name: v.numpy() for name, v in feeds.items()})[0]


def _operands(window: Window, groups: int, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    k, out = window.kernel, (window.outputs(7), window.outputs(6))
    x = torch.randn(2, 4, 7, 6, generator=rng, dtype=torch.float64)
    offset = torch.randn(2, 2 * k * k, *out, generator=rng, dtype=torch.float64) * 3
    weight = torch.randn(8, 4 // groups, k, k, generator=rng, dtype=torch.float64)
    return x, offset, weight, torch.rand(2, k * k, *out, generator=rng, dtype=torch.float64)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(
    "window", [Window(kernel=3, pad=1), Window(kernel=2, stride=2, pad=1, dilation=2), Window(kernel=1, stride=3)]
)
def test_is_onnxs_deform_conv(window: Window, groups: int) -> None:
    x, offset, weight, mask = _operands(window, groups, 0)
    for factors in (None, mask):
        ours = deform_conv2d(x, offset, weight, window, mask=factors, groups=groups)
        np.testing.assert_allclose(ours.numpy(), _onnx_deform_conv(x, offset, weight, window, factors, groups), atol=1e-12)


@pytest.mark.parametrize(("k", "stride", "groups"), [(3, 1, 1), (5, 2, 4), (1, 1, 2)])
def test_square_is_what_qonnx_executes(k: int, stride: int, groups: int) -> None:
    window = Window(kernel=k, stride=stride, pad=k // 2)
    x, offset, weight, mask = _operands(window, groups, 1)
    d = offset[:, :1]
    ours = square_deform_conv2d(x, d, weight, window, (-1.5, 3.0), mask=mask, groups=groups)
    theirs = square_deform_conv(
        x.numpy(), d.numpy(), weight.numpy(), mask.numpy(), lo=-1.5, hi=3.0, strides=(stride, stride),
        pads=(k // 2,) * 4, group=groups,
    )  # fmt: skip
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-12)
    plain = square_deform_conv2d(x, torch.ones_like(d), weight, window, (0.0, 2.0), groups=groups)
    torch.testing.assert_close(plain, nn.functional.conv2d(x, weight, None, stride, k // 2, groups=groups))


def test_gradients_are_those_of_the_interpolation() -> None:
    window = Window(kernel=2, pad=1)
    operands = [t[:1].clone().requires_grad_() for t in _operands(window, 2, 2)]
    x, offset, _, mask = operands
    weight = _operands(window, 2, 2)[2].requires_grad_()
    assert torch.autograd.gradcheck(
        lambda a, b, c, d: deform_conv2d(a, b, c, window, mask=d, groups=2), (x, offset, weight, mask)
    )


def test_refuses_a_square_kernel_without_centre() -> None:
    x, offset, weight, _ = _operands(Window(kernel=2, pad=1), 1, 0)
    with pytest.raises(ValueError, match="odd kernel"):
        square_deform_conv2d(x, offset[:, :1], weight, Window(kernel=2, pad=1), (0.0, 1.0))


class _Net(nn.Module):
    """Image, stem, a deformable layer, quantized head."""

    def __init__(self, kind: type[nn.Module], style: Any, **options: Any) -> None:
        super().__init__()
        self.image = style.unsigned(-8, 8)
        self.stem = style.conv(self.image, 3, 4, 3, bits=8)
        self.act = style.relu(-4)
        self.layer = kind(style, self.act, (4, 6), **options)
        self.head = style.signed(-8)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.layer(self.act(self.stem(self.image(x)))))
        return y


def _lively(kind: type[nn.Module], **options: Any) -> _Net:
    """A quantized network whose offsets and masks vary."""
    torch.manual_seed(3)
    torch.set_num_threads(1)
    net = _Net(kind, QuantStyle(), **options)
    with torch.no_grad():
        for conv in quantized_convs(net).values():
            conv.weight.normal_(std=0.3)
            if conv.bias is not None:
                conv.bias.normal_(std=0.3)
    _fit_scales(net)
    return net.eval()


def _fit_scales(net: nn.Module) -> None:
    with torch.no_grad():
        for conv in quantized_convs(net).values():
            scale = best_weight_scale(conv.weight, int(conv.weight_quant.bit_width()))
            weight_scaling(conv).log_scale.copy_(scale.log2())


LAYERS: dict[str, tuple[type[nn.Module], dict[str, Any]]] = {
    "DCNv1": (DeformConv2d, {}),
    "DCNv1, whole, depthwise, strided": (DeformConv2d, {"depthwise": True, "fraction_bits": 0, "stride": 2}),
    "DCNv2": (DeformConv2d, {"masked": True, "fraction_bits": 3, "bounds": (-2.0, 3.0)}),
    "square, fractional, masked, strided": (SquareDeformConv2d, {"masked": True, "stride": 2}),
    "square, whole, depthwise": (SquareDeformConv2d, {"depthwise": True, "fraction_bits": 0, "k": 5}),
}


@pytest.mark.parametrize("name", LAYERS)
def test_brevitas_equals_the_integer_program(name: str, tmp_path: Path) -> None:
    kind, options = LAYERS[name]
    net = _lively(kind, **options)
    path = tmp_path / "net.onnx"
    onnx.save(export_network(net, (1, 3, 9, 8), ("image",), ("y",)), path)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 9, 8, 3))
    x = torch.from_numpy((pixels / np.float32(256)).astype(np.float32).transpose(0, 3, 1, 2))
    with torch.no_grad():
        expected = net(x).numpy()
    lowered = lower(path)
    assert all(certificate.exact for certificate in lowered.certificates)
    graph = lowered.graph
    computed = Program(*to_program(graph)).run({graph.inputs[0]: pixels})["y"]
    np.testing.assert_array_equal(computed.transpose(0, 3, 1, 2) * 2.0**-8, expected)
    executed = execute_onnx(ModelWrapper(str(path)), {"image": x[:1].numpy()})["y"]
    np.testing.assert_array_equal(executed, expected[:1])
    assert np.unique(expected).size > 15


@pytest.mark.parametrize("kind", [DeformConv2d, SquareDeformConv2d])
@pytest.mark.parametrize("style", [FloatStyle(), QuantStyle()])
def test_training_reaches_offsets_and_masks(kind: type[nn.Module], style: Any) -> None:
    """From the plain convolution that a new layer is, through its quantizers."""
    torch.manual_seed(0)
    net = _Net(kind, style, masked=True).train()
    _fit_scales(net)
    net(torch.rand(2, 3, 9, 8)).square().sum().backward()
    gradients = {name: p.grad for name, p in net.layer.named_parameters() if name.endswith("conv.conv.weight")}
    assert len(gradients) == 2
    assert all(gradient is not None and (gradient != 0).any() for gradient in gradients.values())
