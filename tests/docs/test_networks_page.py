"""The page of the networks lists each of them with its size."""

from __future__ import annotations

from pathlib import Path

import pytest

from ebb_train.networks.registry import NETWORKS, find_spec

PAGE = Path(__file__).parents[2] / "docs" / "networks.md"


def rows() -> dict[str, list[str]]:
    """Name → cells of its row in the first table."""
    table = PAGE.read_text().split("\n\n| network |")[0]
    lines = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| `")]
    return {cells[0].strip(" `"): [cell.strip() for cell in cells[1:]] for cells in lines}


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_and_inputs(name: str) -> None:
    spec = find_spec(name)
    _, parameters, _, takes = rows()[name]
    assert int(parameters.replace(",", "")) == spec.parameters
    words = {"depth": "depth", "strength": "f-number", "position": "position"}
    assert [plane for plane, word in words.items() if word in takes] == list(spec.planes)


def test_nothing_else_is_listed() -> None:
    assert rows().keys() == NETWORKS.keys()
