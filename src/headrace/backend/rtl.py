# SPDX-License-Identifier: Apache-2.0
"""Renders a design as SystemVerilog: the network's top module and the memory files of its engines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from headrace.backend.design import Design, Instance, Stream, WeightStream, unread
from headrace.engines.base import Engine, Parameter
from headrace.errors import BuildError
from headrace.resources import data_dir

NETWORK = "headrace_network"
"""Name of the top module."""
TECHNOLOGY = "technology_pkg"
"""Package of what is known of the device; builds bring their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireView:
    """A stream's data width and name."""

    name: str
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceView:
    """An instance as finished SystemVerilog text."""

    name: str
    module: str
    parameters: tuple[tuple[str, str], ...]
    connections: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkView:
    """All that the template writes."""

    module: str
    title: str
    inputs: tuple[Stream | WeightStream, ...]
    outputs: tuple[Stream, ...]
    wires: tuple[WireView, ...]
    shared: tuple[tuple[str, str], ...]
    """(wire, wire whose data bus it shares)."""
    unread: tuple[str, ...]
    instances: tuple[InstanceView, ...]


def _literal(value: Parameter) -> str:
    if isinstance(value, bool):
        return f"1'b{int(value)}"
    return str(value)


def _bundle(wires: Iterable[str], suffix: str) -> str:
    names = [f"{wire}_{suffix}" for wire in wires]
    return names[0] if len(names) == 1 else "{" + ", ".join(reversed(names)) + "}"


Ports = tuple[tuple[str, str, str], ...]


def _separate(ports: Ports, wires: tuple[str, ...]) -> list[tuple[str, str]]:
    pairs = []
    for (valid, ready, data), wire in zip(ports, wires, strict=True):
        pairs += [(valid, f"{wire}_valid"), (ready, f"{wire}_ready"), (data, f"{wire}_data")]
    return pairs


def _inputs(engine: Engine, wires: tuple[str, ...]) -> list[tuple[str, str]]:
    if engine.bundled_in:
        return [("valid_i", _bundle(wires, "valid")), ("ready_o", _bundle(wires, "ready")), ("data_i", _bundle(wires, "data"))]
    return _separate(engine.in_ports, wires)


def _outputs(engine: Engine, wires: tuple[str, ...]) -> list[tuple[str, str]]:
    if engine.bundled_out:
        return [("valid_o", _bundle(wires, "valid")), ("ready_i", _bundle(wires, "ready")), ("data_o", f"{wires[0]}_data")]
    return _separate(engine.out_ports, wires)


def _instance(instance: Instance) -> InstanceView:
    engine = instance.engine
    return InstanceView(
        name=f"u_{engine.name}",
        module=engine.module,
        parameters=tuple((name, _literal(value)) for name, value in engine.parameters().items()),
        connections=(
            *_inputs(engine, instance.inputs),
            *engine.tied_ports(),
            *_outputs(engine, instance.outputs),
        ),
    )


def _shared_outputs(design: Design) -> dict[str, str]:
    """Wires of a bundled output that share the data bus of the first one."""
    shared: dict[str, str] = {}
    for instance in design.instances:
        if instance.engine.bundled_out:
            shared.update((wire, instance.outputs[0]) for wire in instance.outputs[1:])
    return shared


def _dataless(connections: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Zeros come in and nothing comes out, but for what says that it does."""
    for port, signal in connections:
        cut = signal.rstrip("}").endswith("_data")
        yield port, ("" if port.endswith("_o") else "'0") if cut else signal


def render_network(design: Design, title: str, *, dataless: bool = False) -> str:
    """The network's top module as SystemVerilog text.

    Args:
        dataless: join only what says when beats pass, for simulations of the timing, which no data decide.
    """
    instances = [_instance(i) for i in design.instances]
    if dataless:
        instances = [replace(i, connections=tuple(_dataless(i.connections))) for i in instances]
    view = NetworkView(
        module=NETWORK,
        title=title,
        inputs=(*design.inputs, *design.weights),
        outputs=design.outputs,
        wires=tuple(WireView(name=name, width=width) for name, width in design.wires.items()),
        shared=tuple(_shared_outputs(design).items()),
        unread=tuple(unread(design)),
        instances=tuple(instances),
    )
    return template("network.sv.j2").render(net=view)


def template(name: str) -> Template:
    """A template of SystemVerilog."""
    environment = Environment(
        loader=PackageLoader("headrace", "backend"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template(name)


def rtl_sources(tops: Iterable[str]) -> list[Path]:
    """The files under hw/rtl that hold ``tops`` and everything that they instantiate, packages first, then by name.

    Raises:
        BuildError: no file holds a module.
    """
    known = {path.stem: path for path in sorted((data_dir("hw") / "rtl").rglob("*.sv"))}
    found: set[str] = set()
    queue = sorted(set(tops))
    while queue:
        name = queue.pop()
        if name in found:
            continue
        if name not in known:
            raise BuildError(f"the installation lacks the hardware source {name}.sv; install headrace again")
        found.add(name)
        code = re.sub(r"//.*", "", known[name].read_text())
        queue.extend(set(re.findall(r"\b\w+\b", code)) & known.keys() - found)
    return sorted((known[name] for name in found), key=lambda path: ("_pkg" not in path.stem, path.stem))


def write_rtl(design: Design, folder: Path, title: str, *, dataless: bool = False) -> list[str]:
    """Writes top, engine sources and memory files into ``folder``; returns the source file names in compile order.

    Args:
        dataless: see `render_network`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    own = {i.engine.module: text for i in design.instances if (text := i.engine.own_module()) is not None}
    for source in rtl_sources(i.engine.module for i in design.instances if i.engine.module not in own):
        is_package = source.stem == TECHNOLOGY
        (folder / source.name).write_text(design.technology.package() if is_package else source.read_text())
        names.append(source.name)
    for module, text in own.items():
        (folder / f"{module}.sv").write_text(text)
        names.append(f"{module}.sv")
    (folder / f"{NETWORK}.sv").write_text(render_network(design, title, dataless=dataless))
    write_roms(design, folder / "rom")
    return [*names, f"{NETWORK}.sv"]


def write_roms(design: Design, folder: Path) -> None:
    """Writes the memory contents of all engines and the words that stream to them, one hexadecimal word a line."""
    folder.mkdir(parents=True, exist_ok=True)
    for instance in design.instances:
        streamed = instance.engine.streamed()
        for rom in (*instance.engine.roms(), *([streamed] if streamed else [])):
            (folder / rom.file).write_text("\n".join(rom.lines()) + "\n")
