"""Every network by name: trained for a few steps, stopped and resumed, rendered, exported."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ebb.errors import InvalidInput, UsageError
from ebb.progress import SilentProgress
from ebb_train.api.models import load_model
from ebb_train.data.sources import open_source
from ebb_train.export.onnx.export import export_onnx
from ebb_train.models.pynet import PyNetConfig
from ebb_train.models.weights import read_weights
from ebb_train.networks.registry import NETWORKS
from ebb_train.networks.spec import NetworkConfig
from ebb_train.settings import ComputeSettings, FitSettings, MonitorSettings
from ebb_train.training.network_stages import NetworkStages
from ebb_train.training.training import FitReport, fit
from tests.helpers.datasets import record, write_set

pytestmark = pytest.mark.usefixtures("one_torch_thread")

WIDTH = 1 / 16
COMPUTE = ComputeSettings(device="cpu", loaders=0, checkpoint_every=1)
MONITOR = MonitorSettings(log_every=1, validate_every=2, validate_on="train", validate_pairs=1)
ONE_STAGE = "[[stage]]\niterations = 3\nbatch = 1\ncrop = 64\n"
SLOW = {"dbsi-style": "its hourglass has one width", "xiong-style": "its members are those of the thin one"}


class Killed(BaseException):
    """Stands for the end of the process: nothing is saved because of it."""


@dataclass
class Killer(SilentProgress):
    """Progress that ends the run after some steps."""

    left: int

    def advance(self, *_: Any) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set whose f-numbers are known."""
    path = tmp_path_factory.mktemp("stages")
    write_set(path / "set", [[replace(record(i), f_number_shallow=2.8) for i in range(2)]])
    return path


def train(
    folder: Path, out: Path, name: str, schedule: str = ONE_STAGE, kill_after: int = 0, **settings: Any
) -> FitReport:
    """A run, or the rest of one."""
    (folder / "schedule.toml").write_text(schedule)
    config = NetworkConfig(model=name, width=1.0 if name == "dbsi-style" else WIDTH)
    chosen = FitSettings(schedule=str(folder / "schedule.toml"), ema=0.5, **settings)
    progress = Killer(kill_after) if kill_after else None
    return fit(folder / "set", out, config, chosen, COMPUTE, MONITOR, progress=progress)


def log(run: Path) -> list[dict[str, Any]]:
    """All lines of the log, without times."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "samples_per_s"} for line in lines]


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in SLOW])
def test_a_network_trains_resumes_renders_and_is_exported(folder: Path, tmp_path: Path, name: str) -> None:
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    report = train(folder, straight, name)
    assert (report.steps, report.weights.name) == (3, "stage-1-best.safetensors")
    assert report.scores["psnr"] > 0

    with pytest.raises(Killed):
        train(folder, stopped, name, kill_after=2)
    torch.manual_seed(99)  # what the global generator holds must not matter
    assert train(folder, stopped, name).resumed_at in (1, 2)
    for weights in ("stage-1", "stage-1-best"):
        files = [run / f"{weights}.safetensors" for run in (straight, stopped)]
        assert files[0].read_bytes() == files[1].read_bytes()
    assert log(straight) == log(stopped)
    losses = [line["loss"] for line in log(straight) if "loss" in line]
    assert len(set(losses)) == 3, "it learns"

    model = load_model(straight)
    depth = np.full((12, 19), 90, np.uint8) if model.needs_depth else None
    photo = np.random.default_rng(0).integers(0, 256, (37, 51, 3), np.uint8)
    picture = model(photo, depth, f_number=2.8)
    assert (picture.shape, picture.dtype) == (photo.shape, np.uint8)

    exported = export_onnx(straight, tmp_path / "a.onnx", level=None, clip=False)
    assert max(parity.max for parity in exported.parity) <= 1e-4
    assert exported.sha256 is not None


STAGES = """
[[stage]]
iterations = 2
batch = 1
crop = 64
part = "first"

[[stage]]
iterations = 2
batch = 2
crop = 64
copy = "second=first"
learning_rate = 1e-3
"""


def test_parts_learn_one_after_the_other(folder: Path, tmp_path: Path) -> None:
    """The first network alone; then both, the second of which starts as a copy of the first."""
    train(folder, tmp_path / "a", "stacked-dmshn", STAGES)
    first, _ = read_weights(tmp_path / "a" / "stage-1.safetensors")
    both, _ = read_weights(tmp_path / "a" / "stage-2.safetensors")
    name = "encoders.0.0.weight"
    assert not (first[f"second.{name}"] == first[f"first.{name}"]).all()
    # two steps of Adam at a rate of 1e-3 move no weight farther than 2e-3
    for part in ("first", "second"):
        moved = np.abs(both[f"{part}.{name}"] - first[f"first.{name}"])
        assert 0 < moved.max() <= 2.1e-3
    with pytest.raises(Killed):
        train(folder, tmp_path / "b", "stacked-dmshn", STAGES, kill_after=3)
    train(folder, tmp_path / "b", "stacked-dmshn", STAGES)
    for weights in ("stage-1", "stage-2"):
        files = [tmp_path / run / f"{weights}.safetensors" for run in ("a", "b")]
        assert files[0].read_bytes() == files[1].read_bytes()
    assert [(line["stage"], line["step"]) for line in log(tmp_path / "a") if "loss" in line] == [
        (1, 1), (1, 2), (2, 1), (2, 2),
    ]  # fmt: skip
    words = (tmp_path / "a" / "report.html").read_text()
    assert "stage 2" in words
    assert "for first" in words


def test_other_members_are_left_alone(folder: Path, tmp_path: Path) -> None:
    rows = [f'[[stage]]\niterations = 1\nbatch = 1\ncrop = 64\npart = "members.{i}"\n' for i in (0, 4)]
    train(folder, tmp_path, "xiong-style-thin", "\n".join(rows))
    first, _ = read_weights(tmp_path / "stage-1.safetensors")
    second, _ = read_weights(tmp_path / "stage-2.safetensors")
    changed = {name.split(".")[1] for name in first if not (first[name] == second[name]).all()}
    assert changed == {"4"}


def test_the_height_of_the_photos_is_kept(folder: Path, tmp_path: Path) -> None:
    """The blur of DBSI is a share of it; a stage on reduced photos blurs by fewer pixels."""
    report = train(folder, tmp_path, "dbsi-style-thin", ONE_STAGE + "scale = 4\n")
    model = load_model(report.weights)
    assert isinstance(model.config, NetworkConfig)
    assert model.config.photo_height == 64


@pytest.mark.parametrize(
    ("name", "schedule", "settings", "message"),
    [
        (
            "dmshn",
            ONE_STAGE + 'part = "third"\n',
            {},
            r"stage 1: dmshn has no part 'third' \(its parts: encoders",
        ),
        (
            "dddf",
            ONE_STAGE + "scale = 4\n",
            {},
            r"crops of 64 pixels, reduced by 4 \(dddf takes multiples of 128",
        ),
        ("zheng-style", ONE_STAGE + "scale = 4\n", {}, r"zheng-style takes multiples of 32, from 96 on"),
        ("dmshn", ONE_STAGE, {"weight_init": "paper"}, "--weight-init paper is for PyNET, not dmshn"),
    ],
)
def test_settings_that_do_not_go_together(
    folder: Path, tmp_path: Path, name: str, schedule: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        train(folder, tmp_path / "run", name, schedule, **settings)
    assert not (tmp_path / "run" / "run.json").exists()


def test_missing_inputs_and_another_width(tmp_path: Path) -> None:
    write_set(tmp_path / "set", [[record(0, has_depth=False)]])
    with pytest.raises(InvalidInput, match="has no depth map, and dddf takes one .make one with: ebb depth"):
        train(tmp_path, tmp_path / "a", "dddf")
    with pytest.raises(InvalidInput, match="has no f-number, and the network takes it"):
        train(tmp_path, tmp_path / "b", "bokehlicious-small")
    with pytest.raises(UsageError, match="its hourglass has one width .dbsi-style-thin"):
        NetworkStages(NetworkConfig(model="dbsi-style", width=0.5)).schedule(FitSettings())


def test_a_run_folder_of_another_network(folder: Path, tmp_path: Path) -> None:
    train(folder, tmp_path, "dmshn")
    with pytest.raises(UsageError, match=r"a run with other settings: network\.model is dmshn, not dddf"):
        train(folder, tmp_path, "dddf")
    settings = FitSettings(schedule="smoke")
    with pytest.raises(UsageError, match="a run with other settings: network.in_channels is None, not 4"):
        fit(folder / "set", tmp_path, PyNetConfig(level=7, width=1 / 64), settings, COMPUTE)


def test_a_step_costs_more_with_more_and_larger_crops() -> None:
    stages = NetworkStages(NetworkConfig(model="dmshn"))
    first = stages.spec.schedule.rows[0]
    cost = stages.step_cost(first)
    assert stages.step_cost(replace(first, batch=8)) > 1.9 * cost
    assert stages.step_cost(replace(first, crop=512)) > 3.8 * cost
    assert stages.step_cost(replace(first, crop=512, scale=2)) == cost


def test_noise_has_what_the_network_takes(folder: Path) -> None:
    stages = NetworkStages(NetworkConfig(model="bokehlicious-small")).for_data(open_source(folder / "set"))
    photo, planes = stages.noise(replace(stages.spec.schedule.rows[0], crop=64), 2)
    assert photo.shape == (2, 3, 64, 64)
    assert {name: tuple(plane.shape) for name, plane in planes.items()} == {
        "strength": (2, 1),
        "position": (2, 2, 64, 64),
    }
