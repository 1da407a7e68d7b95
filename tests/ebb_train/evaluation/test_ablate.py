"""Figures 8 and 6."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from ebb.command import run_verb
from ebb.errors import ExitCode, InvalidInput, UsageError
from ebb.formats.png import decode_png
from ebb.progress import SilentProgress
from ebb_train.cli import app
from ebb_train.evaluation.ablate import REPORT, STRIPS, VARIANTS, ablate, variants
from ebb_train.evaluation.evaluate import PAGE, PREDICTIONS
from ebb_train.evaluation.settings import ScoreSettings
from ebb_train.inference.whole_photo import render_full_image
from ebb_train.models.network import PyNet, load_pynet, save_pynet
from ebb_train.models.pynet import PyNetConfig
from ebb_train.pixels import from_unit
from tests.helpers.datasets import photos, record, write_set

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = ScoreSettings(split="train", workers=1, cases=1)
CONFIG = PyNetConfig(width=0.05)
NAMES = ["whole", "no level 7", "no level 7 to 6", "no level 7 to 5", "no level 7 to 4", "depth zeroed"]


pytestmark = pytest.mark.usefixtures("no_lpips_weights")


def saved(path: Path, config: PyNetConfig = CONFIG) -> Path:
    network = PyNet(config)
    network.reset_parameters(torch.Generator().manual_seed(1), "fan_in")
    with torch.no_grad():
        for name, values in network.named_parameters():
            if ".out." in name:
                values.mul_(20)  # heads start small: pictures that differ by less than a grey level
    save_pynet(path, network, source="a test")
    return path


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_set(tmp_path / "set", [[record(number) for number in range(2)]])


def test_every_variant_is_rendered_and_compared(dataset: Path, tmp_path: Path) -> None:
    weights = saved(tmp_path / "a.safetensors")
    found = ablate(weights, dataset, tmp_path / "out", SETTINGS, progress=SilentProgress())
    assert [entry.name for entry in found.entries] == NAMES
    network = load_pynet(weights)
    pair_id = record(0).pair_id
    wide, _, depth = photos(0)

    def picture(name: str) -> np.ndarray:  # type: ignore[type-arg]
        folder = tmp_path / "out" / VARIANTS / name.replace(" ", "-") / PREDICTIONS
        return decode_png((folder / f"{pair_id}.png").read_bytes())

    np.testing.assert_array_equal(picture("whole"), from_unit(render_full_image(network, wide, depth)))
    blank = render_full_image(network, wide, np.zeros_like(depth))
    np.testing.assert_array_equal(picture("depth zeroed"), from_unit(blank))
    pictures = {picture(name).tobytes() for name in NAMES}
    assert len(pictures) == len(NAMES)
    strip = decode_png((tmp_path / "out" / STRIPS / f"{pair_id}.png").read_bytes())
    assert strip.shape[1] > 8 * 96
    assert (tmp_path / "out" / PAGE).read_text().count("data:image/jpeg") == 8


def test_json_describes_the_change_and_is_reproducible(dataset: Path, tmp_path: Path) -> None:
    weights = saved(tmp_path / "a.safetensors")
    for place in ("one", "two", "one"):
        ablate(weights, dataset, tmp_path / place, SETTINGS, progress=SilentProgress())
    text = (tmp_path / "one" / REPORT).read_bytes()
    assert text == (tmp_path / "two" / REPORT).read_bytes()
    changes = [model["model"]["change"] for model in json.loads(text)["models"]]
    assert changes[0] == "none"
    assert changes[4] == "levels 7 to 4 replaced by zeros"
    assert changes[5] == "the depth map replaced by zeros"


def test_a_network_trained_without_depth_is_compared_for_figure_6(tmp_path: Path) -> None:
    weights = saved(tmp_path / "a.safetensors")
    flat = saved(tmp_path / "flat.safetensors", replace(CONFIG, in_channels=3))
    models = variants(weights, flat, "cpu")
    assert models[-1].name == "trained without depth"
    assert not models[-1].needs_depth
    assert [model.name for model in variants(flat, None, "cpu")] == NAMES[:5]
    with pytest.raises(InvalidInput, match="this network uses depth"):
        variants(weights, weights, "cpu")


def test_a_folder_belongs_to_one_network(dataset: Path, tmp_path: Path) -> None:
    ablate(saved(tmp_path / "a.safetensors"), dataset, tmp_path / "out", SETTINGS, progress=SilentProgress())
    other = saved(tmp_path / "b.safetensors", replace(CONFIG, norm="none"))
    with pytest.raises(UsageError, match="pictures made with other settings"):
        ablate(other, dataset, tmp_path / "out", SETTINGS, progress=SilentProgress())


def test_the_command(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = saved(tmp_path / "a.safetensors")
    flags = [
        "--out",
        str(tmp_path / "out"),
        "--split",
        "train",
        "--workers",
        "1",
        "--skip-regions",
        "--skip-artefacts",
    ]
    assert run_verb(app, ["ablate", str(weights), str(dataset), *flags]) is ExitCode.DONE
    said = capsys.readouterr().out
    assert "Paired difference from whole, ebb" in said
    assert "Costs" not in said
    assert (
        run_verb(app, ["ablate", str(tmp_path / "none.safetensors"), str(dataset), *flags])
        is ExitCode.INVALID_INPUT
    )


def test_pairs_without_depth_are_an_error(tmp_path: Path) -> None:
    dataset = write_set(tmp_path / "set", [[record(0, has_depth=False)]])
    with pytest.raises(InvalidInput, match=r"a\.safetensors: this network needs depth, .*--in-channels 3"):
        ablate(
            saved(tmp_path / "a.safetensors"), dataset, tmp_path / "out", SETTINGS, progress=SilentProgress()
        )
