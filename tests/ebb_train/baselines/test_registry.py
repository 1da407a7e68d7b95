"""Models by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ebb.errors import InvalidInput, UsageError
from ebb_train.baselines import lens
from ebb_train.baselines.registry import BUILDERS, build_model
from ebb_train.models.network import PyNet, save_pynet
from ebb_train.models.pynet import PyNetConfig
from tests.helpers.repair import colour_network

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def packaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lens, "packaged_network", colour_network)


def test_every_name_builds_the_model_of_that_name() -> None:
    assert [build_model(name, list).name for name in BUILDERS] == [
        "identity",
        "gain",
        "gaussian",
        "layered",
        "lens",
        "portrait",
        "pixel-style",
    ]


def test_masks_follow_a_colon(tmp_path: Path) -> None:
    assert build_model("portrait:depth", list).name == "portrait"
    assert build_model("portrait:grabcut", list).name == "portrait-grabcut"
    assert build_model(f"pixel-style:{tmp_path}", list).name == "pixel-style-masks"
    with pytest.raises(UsageError, match="no masks are called 'hair'"):
        build_model("portrait:hair", list)
    with pytest.raises(UsageError, match=r"layered takes no masks \(those that do: portrait, pixel-style\)"):
        build_model("layered:grabcut", list)


def test_a_path_is_a_weights_file(tmp_path: Path) -> None:
    path = tmp_path / "run 7.safetensors"
    save_pynet(path, PyNet(PyNetConfig(width=0.03)), source="a test")
    assert build_model(str(path), list).name == "run 7"
    path.rename(tmp_path / "level-1.safetensors")
    assert build_model(str(tmp_path), list).name == "level-1"
    with pytest.raises(InvalidInput, match="no such weights file"):
        build_model(str(tmp_path / "none.safetensors"), list)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        build_model("identitty", list)
    assert str(caught.value) == (
        "no model is called 'identitty' "
        "(one of: identity, gain, gaussian, layered, lens, portrait, pixel-style, "
        "or the path of a .safetensors file or a run folder)"
    )
