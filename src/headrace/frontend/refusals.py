# SPDX-License-Identifier: Apache-2.0
"""Every operator of ONNX and QONNX that is not mapped to hardware: why, and what to do instead.

A name leaves this table when a handler for it arrives; a test holds both against the schemas of the installed packages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

QONNX = "qonnx.custom_op.general"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Operators that are refused for one reason."""

    title: str
    reason: str
    remedy: str
    operators: str
    """Their names, separated by blanks."""
    remedies: Mapping[str, str] = field(default_factory=dict)
    """Operators (further ones) with a remedy of their own."""
    domain: str = ""
    folds: bool = True
    """Whether a node of constants alone is evaluated at import."""

    @property
    def names(self) -> tuple[str, ...]:
        """All operators, sorted."""
        return tuple(sorted({*self.operators.split(), *self.remedies}))


HOST = "leave it out of the exported model: the host applies it to the network's outputs"
QUANTIZED_CONV = "use a 1x1 convolution with quantized weights"

FAMILIES: tuple[Family, ...] = (
    Family(
        title="Control flow",
        reason="control flow; the hardware runs the same operators on every frame",
        remedy="export with constant conditions and unrolled loops",
        operators="If Loop Scan",
        folds=False,
    ),
    Family(
        title="Sequences and optionals",
        reason="sequences and optionals have no fixed shape",
        remedy="keep activations as tensors of fixed shape",
        operators=(
            "ConcatFromSequence Optional OptionalGetElement OptionalHasElement SequenceAt SequenceConstruct "
            "SequenceEmpty SequenceErase SequenceInsert SequenceLength SequenceMap SplitToSequence"
        ),
        folds=False,
    ),
    Family(
        title="Strings",
        reason="works on text",
        remedy="prepare text on the host",
        operators="RegexFullMatch StringConcat StringNormalizer StringSplit TfIdfVectorizer",
        folds=False,
    ),
    Family(
        title="Random numbers",
        reason="draws random numbers",
        remedy="export the model in evaluation mode",
        operators="Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike",
        folds=False,
    ),
    Family(
        title="Training",
        reason="an operator of training",
        remedy="export the model for inference, without loss and optimiser",
        operators="NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss",
        folds=False,
    ),
    Family(
        title="Recurrence",
        reason="carries state from one step to the next",
        remedy="use convolutions over the sequence",
        operators="CausalConvWithState GRU LSTM RNN TensorScatter",
    ),
    Family(
        title="Attention",
        reason="matrix products of activations",
        remedy="use convolutions, or gates (Mul of an activation by a 1x1 map)",
        operators="Attention LinearAttention RotaryEmbedding",
    ),
    Family(
        title="Statistics of the frame",
        reason="normalises by statistics of the frame at hand",
        remedy="use BatchNormalization, whose statistics are constants at inference",
        operators=(
            "GroupNormalization InstanceNormalization LRN LayerNormalization LpNormalization "
            "MeanVarianceNormalization RMSNormalization"
        ),
    ),
    Family(
        title="Work of the host",
        reason="belongs behind the network's outputs",
        remedy=HOST,
        operators="LogSoftmax MaxRoiPool NonMaxSuppression RoiAlign Softmax",
        remedies={"Hardmax": "use ArgMax", "ImageDecoder": "decode images on the host; `headrace detect` does"},
    ),
    Family(
        title="Quantization at run time",
        reason="takes its scale from the frame at hand",
        remedy="quantize statically, with calibration data (onnxruntime.quantization.quantize_static)",
        operators="DynamicQuantizeLinear",
    ),
    Family(
        title="Signal processing",
        reason="a transform of signals",
        remedy="apply it on the host, before the network",
        operators="DFT STFT",
    ),
    Family(
        title="Results of unknown size",
        reason="the size of its result depends on the data",
        remedy=HOST,
        operators="NonZero Unique",
    ),
    Family(
        title="Addresses from data",
        reason="reads or writes where the data say",
        remedy="use SquareDeformDepthwise of headrace_models for learned sampling positions, or constant indices",
        operators=("AffineGrid GridSample MaxUnpool OneHot Scatter"),
        remedies={},
    ),
    Family(
        title="Linear algebra",
        reason="no convolution of an activation with constant weights",
        remedy="write it as convolutions",
        operators="Col2Im CumProd CumSum Det Einsum Trilu",
        remedies={},
    ),
    Family(
        title="Pools and reductions",
        reason="no reduction that hardware has",
        remedy="use MaxPool, AveragePool or ReduceMean",
        operators=("GlobalLpPool LpPool ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceProd ReduceSumSquare"),
    ),
    Family(
        title="Remainders",
        reason="a remainder",
        remedy="use Clip",
        operators="Mod",
    ),
    Family(
        title="Logic and bits",
        reason="logic on activations",
        remedy="decide on the host, or use Relu, Clip and products with constants",
        operators=("BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor CastLike IsInf IsNaN"),
    ),
    Family(
        title="QONNX",
        domain=QONNX,
        reason="this operator of QONNX is not mapped",
        remedy="export with Brevitas' export_qonnx and leave FINN's own transformations out",
        operators="DebugMarker GenericPartition Im2Col MaxPoolNHWC XnorPopcountMatMul",
        remedies={
            "FloatQuant": "use integer quantizers (Quant)",
            "QuantAvgPool2d": "use MaxPool or a strided convolution",
        },
    ),
)

CONSTANT_ONLY = frozenset(
    {
        "BlackmanWindow",
        "Constant",
        "ConstantOfShape",
        "EyeLike",
        "HammingWindow",
        "HannWindow",
        "MelWeightMatrix",
        "Range",
        "Size",
    }
)
"""Evaluated at import; nothing of them is left for the hardware."""

DOMAINS: dict[str, tuple[str, str]] = {
    "ai.onnx.ml": ("classical machine learning (ai.onnx.ml)", "run it on the host"),
    "ai.onnx.preview.training": ("an operator of training", "export the model for inference, without loss and optimiser"),
    "ai.onnx.training": ("an operator of training", "export the model for inference, without loss and optimiser"),
    "ai.onnx.preview": ("matrix products of activations", "use convolutions, or gates (Mul of an activation by a 1x1 map)"),
    "com.microsoft": (
        "an operator of onnxruntime's own (com.microsoft)",
        "save the model without onnxruntime's graph optimisations, quantized with QuantFormat.QDQ",
    ),
    "qonnx.custom_op.channels_last": ("a channels-last operator", "export before qonnx converts the model to channels-last"),
    "finn.custom_op.fpgadataflow": ("a layer of FINN's hardware library", "take the QONNX file that went into FINN"),
}
"""Domains of which nothing (else) is mapped -> reason, remedy."""

_TABLE = {(family.domain, name): family for family in FAMILIES for name in family.names}


def refusal(domain: str, op_type: str) -> tuple[str, str]:
    """Reason and remedy for a node that has no handler."""
    domain = "" if domain == "ai.onnx" else domain
    if family := _TABLE.get((domain, op_type)):
        return family.reason, family.remedies.get(op_type, family.remedy)
    if known := next((known for name, known in DOMAINS.items() if domain == name or domain.startswith(f"{name}.")), None):
        return known
    if domain == "" and op_type in CONSTANT_ONLY:
        return "its inputs are not constant", "export with fixed shapes"
    if domain in ("", QONNX):
        return "no operator of this name is known", "replace it in the model"
    return f"unknown operator domain '{domain}'", "use ONNX, QONNX or headrace.ops operators"


def never_folds(domain: str, op_type: str) -> bool:
    """Whether even a node of constants is refused."""
    family = _TABLE.get(("" if domain == "ai.onnx" else domain, op_type))
    return family is not None and not family.folds
