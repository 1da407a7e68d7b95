"""The table of weights files."""

from __future__ import annotations

import re

import pytest

from ebb.published_weights import ONNX_MAGIC, WEIGHTS


@pytest.mark.parametrize("name", WEIGHTS)
def test_every_entry_is_whole(name: str) -> None:
    known = WEIGHTS[name]
    assert known.url.startswith("https://")
    assert re.fullmatch(r"EBB_[A-Z0-9_]+_WEIGHTS", known.variable)
    assert known.sha256 is None or re.fullmatch("[0-9a-f]{8,64}", known.sha256)
    assert bool(known.warning) == (known.sha256 is None)
    assert all(len(begin) <= 4 for begin in known.magic)
    assert known.licence


def test_files_and_variables_are_not_shared() -> None:
    assert len({known.file_name for known in WEIGHTS.values()}) == len(WEIGHTS)
    assert len({known.variable for known in WEIGHTS.values()}) == len(WEIGHTS)


def test_the_small_depth_network() -> None:
    known = WEIGHTS["depth-anything-v2-small"]
    assert (known.size, known.magic) == ("99.1 MB", ONNX_MAGIC)
    assert "Apache-2.0" in known.licence
    assert known.sha256 is not None
    assert len(known.sha256) == 64
    assert re.search("/resolve/[0-9a-f]{40}/", known.url), "one version, whatever becomes of the branch"


def test_onnx_files_begin_like_this() -> None:
    onnx = pytest.importorskip("onnx")
    graph = onnx.helper.make_graph([], "g", [], [])
    assert onnx.helper.make_model(graph).SerializeToString().startswith(ONNX_MAGIC[0])
