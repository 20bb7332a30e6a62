# SPDX-License-Identifier: Apache-2.0
"""Builds a network with NNgen; runs in NNgen's own Python environment, started by nngen_peers.py.

    python nngen_runner.py NETWORK PARALLEL FOLDER

FOLDER gets the accelerator (``nngen.v``), a bench around it with NNgen's own AXI memory (``bench.v``, top ``bench``), the
memory's bytes before the frame (``memory.hex``), and ``made.json``: where in memory the outputs are to be and which they are
by NNgen's own numpy model, and the seconds that generation took. PARALLEL input and output channels are computed at a time.
The simulation writes ``after.hex``, the memory after the frame.

Weights and activations have 8 bits, biases 32, scales 8. Weights are random, and shifts such that activations keep their size.
NNgen has no depthwise convolution: one is a dense convolution whose weights are zero off the diagonal of channels.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

import nngen as ng
import numpy as np
import veriloggen as vg
from pyverilog.vparser.preprocessor import VerilogPreprocessor
from veriloggen import thread as vthread
from veriloggen.types import axi

WEIGHT_RMS, ACT_RMS = 73, 32
"""Of uniform weights, and what activations are to have about."""
TEMPORARY = 1 << 20
"""Bytes for activations between layers, behind all that has an address of its own."""
SETTLING, LIMIT = 100, 100_000_000
"""Cycles before the start, and those after which the simulation gives up."""


class Network:
    """Layers as NNgen's operators, which compute so many input and output channels at a time."""

    def __init__(self, parallel: int) -> None:
        self.parallel = parallel
        self.storages: list[Any] = []
        self.rng = np.random.default_rng(1)

    def image(self, side: int, channels: int) -> Any:
        """The input."""
        self.input = ng.placeholder(ng.int8, shape=(1, side, side, channels), name="image")
        return self.input

    def constants(self, dtype: Any, values: Any, name: str) -> Any:
        """A tensor of parameters."""
        made = ng.variable(dtype=dtype, shape=values.shape, name=name)
        made.set_value(values)
        self.storages.append(made)
        return made

    def parameters(self, shape: tuple[int, ...], terms: int) -> dict[str, Any]:
        """What convolutions and products have in common: output channels first in ``shape``, ``terms`` in each sum."""
        name, c_out = f"layer{len(self.storages) // 3}", shape[0]
        size = math.sqrt(terms) * WEIGHT_RMS * ACT_RMS
        weights = self.rng.integers(-127, 128, shape)
        if len(shape) == 4 and terms == math.prod(shape[1:3]) < math.prod(shape[1:]):
            weights *= np.eye(c_out, dtype=weights.dtype)[:, None, None, :]
        biases = self.rng.integers(-int(size / 4), int(size / 4) + 1, (c_out,))
        return {
            "filter" if len(shape) == 4 else "b": self.constants(ng.int8, weights, f"{name}_weights"),
            "bias": self.constants(ng.int32, biases, f"{name}_biases"),
            "scale": self.constants(ng.int8, np.ones(c_out, np.int64), f"{name}_scales"),
            "rshift_out": round(math.log2(size / ACT_RMS / 1.5)),
            "dtype": ng.int8,
            "sum_dtype": ng.int32,
        }

    def conv(self, x: Any, c_out: int, k: int = 3, stride: int = 1, *, depthwise: bool = False, relu: bool = True) -> Any:
        """A convolution with zeros around its input, and with a ReLU unless that is unwanted."""
        c_in = x.shape[-1]
        return ng.conv2d(
            x,
            strides=(1, stride, stride, 1),
            act_func=ng.relu if relu else None,
            par_ich=self.parallel,
            par_och=self.parallel,
            **self.parameters((c_out, k, k, c_in), k * k * (1 if depthwise else c_in)),
        )

    def dense(self, x: Any, c_out: int) -> Any:
        """A fully connected layer, without a ReLU."""
        flat = ng.reshape(x, (1, math.prod(x.shape)))
        return ng.matmul(
            flat,
            transposed_b=True,
            par_left_col=self.parallel,
            par_out_col=self.parallel,
            **self.parameters((c_out, flat.shape[-1]), flat.shape[-1]),
        )

    def max_pool(self, x: Any) -> Any:
        """Of 2 x 2 pixels."""
        window = (1, 2, 2, 1)
        return ng.max_pool_serial(x, ksize=window, strides=window, dtype=ng.int8, par=self.parallel)

    def mean(self, x: Any) -> Any:
        """Over all pixels."""
        window = (1, *x.shape[1:3], 1)
        kinds = {"dtype": ng.int8, "sum_dtype": ng.int32}
        return ng.avg_pool_serial(x, ksize=window, strides=window, padding="VALID", par=self.parallel, **kinds)

    def add(self, x: Any, y: Any) -> Any:
        """The ReLU of a sum."""
        total = ng.scaled_add(x, y, 1, 1, 1, dtype=ng.int8, sum_dtype=ng.int32, par=self.parallel)
        return ng.relu(total, dtype=ng.int8, par=self.parallel)


def tiny16(net: Network) -> Any:
    """As Tiny16 of peer_networks.py."""
    x = net.max_pool(net.conv(net.image(16, 3), 16))
    x = net.max_pool(net.conv(x, 32))
    return net.dense(x, 10)


def dsblock(net: Network) -> Any:
    """As DsBlock of peer_networks.py."""
    x = net.conv(net.image(16, 16), 16, depthwise=True)
    x = net.conv(x, 32, 1)
    x = net.conv(x, 32, stride=2, depthwise=True)
    x = net.conv(x, 64, 1)
    return net.dense(net.mean(x), 10)


def resnet8(net: Network) -> Any:
    """As ResNet8 of peer_networks.py."""
    x = net.conv(net.image(32, 3), 16)
    for c_out, stride in ((16, 1), (32, 2), (64, 2)):
        y = net.conv(net.conv(x, c_out, stride=stride), c_out, relu=False)
        x = net.add(y, x if stride == 1 else net.conv(x, c_out, 1, stride, relu=False))
    return net.dense(net.mean(x), 10)


def mbv1(net: Network) -> Any:
    """As MobileNetV1 of peer_networks.py."""
    x = net.conv(net.image(96, 3), 8, stride=2)
    for c_out, stride in ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *((128, 1),) * 5, (256, 2), (256, 1)):
        x = net.conv(net.conv(x, x.shape[-1], stride=stride, depthwise=True), c_out, 1)
    return net.dense(net.mean(x), 2)


NETWORKS = {"tiny16": tiny16, "dsblock": dsblock, "resnet8": resnet8, "mbv1": mbv1}


def bench(accelerator: Any, memory: Any) -> Any:
    """A module that runs one frame and says how many cycles lie between the start's write and the end that polling sees."""
    m = vg.Module("bench")
    clk, rst = m.Input("CLK"), m.Input("RST")
    ports = m.copy_sim_ports(accelerator, exclude=("CLK", "RESETN"))
    resetn = m.Wire("RESETN")
    resetn.assign(vg.Not(rst))
    ports["CLK"], ports["RESETN"] = clk, resetn
    model = axi.AxiMemoryModel(m, "memory", clk, rst, memimg=memory, memimg_name="memory.hex", memimg_datawidth=8)
    model.connect(ports, "maxi")
    control = vthread.AXIMLite(m, "control", clk, rst, noio=True)
    control.connect(ports, "saxi")
    m.Instance(accelerator, "uut", ports=m.connect_ports(accelerator))
    cycle = m.Reg("cycle", 64, initval=0)
    begin = m.Reg("begin_cycle", 64, initval=0)
    end = m.Reg("end_cycle", 64, initval=0)
    vg.Seq(m, "count", clk, rst)(cycle.inc())

    def run() -> None:
        for _ in range(SETTLING):
            pass
        begin.value = cycle
        ng.sim.start(control)
        ng.sim.wait(control)
        end.value = cycle

    vthread.Thread(m, "run", clk, rst, run).start()
    m.EmbeddedCode(
        "always @(posedge CLK) if (end_cycle != 0) begin\n"
        f'$display("cycles %0d", end_cycle - begin_cycle); $writememh("after.hex", _memory_mem); $finish;\n'
        f'end else if (cycle == {LIMIT}) begin $display("no end in {LIMIT} cycles"); $finish; end\n'
    )
    return m


def without_iverilog(self: Any) -> None:
    """Stands for Pyverilog's preprocessor, which starts a program: NNgen's divider, all that it reads, has no directives."""
    Path(self.iv[-1]).write_text("".join(Path(name).read_text() for name in self.filelist))


def main() -> None:
    """See the module's docstring."""
    name, parallel, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    VerilogPreprocessor.preprocess = without_iverilog
    started = time.perf_counter()
    net = Network(parallel)
    output = NETWORKS[name](net)
    accelerator = ng.to_veriloggen([output], "nngen", silent=True)
    text = accelerator.to_verilog()
    seconds = time.perf_counter() - started
    (folder / "nngen.v").write_text(text)
    frame = net.rng.integers(0, 128, net.input.shape)
    expected = ng.eval([output], image=frame)[0]
    values = {storage: storage.value for storage in net.storages} | {net.input: frame}
    used = max(storage.addr + storage.memory_size for storage in [*values, output])
    memory = np.zeros(2 ** math.ceil(math.log2(used + TEMPORARY)), dtype=np.int64)
    for storage, value in values.items():
        axi.set_memory(memory, value, 8, storage.dtype.width, storage.addr, storage.get_word_alignment())
    os.chdir(folder)
    (folder / "bench.v").write_text(bench(accelerator, memory).to_verilog().split("module nngen\n")[0])
    made = {"generate_s": seconds, "address": output.addr, "expected": expected.ravel().tolist(), "nngen": ng.__version__}
    (folder / "made.json").write_text(json.dumps(made))


if __name__ == "__main__":
    main()
