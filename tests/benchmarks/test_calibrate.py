# SPDX-License-Identifier: Apache-2.0
"""How near the compiler's expectations come to what Yosys makes of whole networks."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from calibrate import DOC, MARKS, NETWORKS, RESULTS, Choices, Network, expected, figures, synthesised, table
from pages import with_table

ROWS = {row["network"]: row for row in json.loads(RESULTS.read_text())}
ALL = [network for networks in NETWORKS.values() for network in networks]


def test_the_page_shows_all_networks() -> None:
    assert list(ROWS) == [network.title for network in ALL]
    page = DOC.read_text()
    assert page == with_table(page, MARKS, table(list(ROWS.values()))), "run: python benchmarks/calibrate.py"


@pytest.mark.parametrize("network", [n for n in ALL if n.model.startswith("cellnet")], ids=lambda network: network.title)
def test_detectors_are_expected_within_15_percent(network: Network) -> None:
    row = ROWS[network.title]
    for name, made in row["made"].items():
        assert abs(row["expected"][name] - made) <= 0.15 * made, name


@pytest.mark.parametrize("network", ALL, ids=lambda network: network.title)
def test_what_is_recorded_is_expected_by_this_compiler(network: Network) -> None:
    row = ROWS[network.title]
    engines = Choices(**json.loads(row["choices"])).engines(network)
    assert expected(network, engines) == row["expected"], "run: python benchmarks/calibrate.py"


@pytest.mark.deep
def test_what_is_recorded_is_made_of_this_rtl() -> None:
    (network,) = (n for n in ALL if n.title == "tiny on pynq-z2")
    assert figures(network, *synthesised(network)) == ROWS[network.title], "run: python benchmarks/calibrate.py"
