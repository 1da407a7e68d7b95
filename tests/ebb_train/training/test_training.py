"""Small complete runs: their files, and resuming after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from ebb.errors import ExitCode, InvalidInput, MissingDependency, UsageError
from ebb_train.models.network import load_pynet
from ebb_train.models.pynet import PyNetConfig
from ebb_train.models.weights import read_pynet
from ebb_train.settings import ComputeSettings, FitSettings, MonitorSettings
from ebb_train.training.trainer import Diverged, Trainer
from ebb_train.training.training import FitReport, fit
from tests.helpers.datasets import record, write_ebb, write_set

if TYPE_CHECKING:
    from ebb.errors import Reason, Status

ROOT = Path(__file__).parents[3]
CONFIG = PyNetConfig(level=5, width=1 / 64)
COMPUTE = ComputeSettings(device="cpu", loaders=0, checkpoint_every=4)
MONITOR = MonitorSettings(log_every=3, validate_every=5, validate_on="train")
STEPS = {7: 6, 6: 10, 5: 8}
"""24 in all; steps 7 … 16 are level 6."""


pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set and a schedule."""
    path = tmp_path_factory.mktemp("fit")
    write_set(path / "set", [[record(i) for i in range(5)]])
    rows = [
        f"[[level]]\nlevel = {n}\niterations = {k}\nbatch = 2\nlearning_rate = 1e-3\n"
        + ('adam = "tensorflow"\nepsilon = 1e-7\nloss = { l1 = 100.0 }\n' if n == 6 else "")
        for n, k in STEPS.items()
    ]
    (path / "schedule.toml").write_text("\n".join(rows))
    return path


@pytest.fixture(scope="module")
def settings(folder: Path) -> FitSettings:
    return FitSettings(schedule=str(folder / "schedule.toml"), seed=7)


@pytest.fixture(scope="module")
def straight(folder: Path, settings: FitSettings) -> Path:
    """A run without a stop."""
    report = fit(folder / "set", folder / "straight", CONFIG, settings, COMPUTE, MONITOR)
    assert (report.steps, report.resumed_at) == (24, 0)
    return folder / "straight"


class Killed(BaseException):
    """Stands for the end of the process: nothing is saved because of it."""


class Killer:
    """Progress that ends the run after some steps."""

    def __init__(self, steps: int, error: BaseException | None = None) -> None:
        self._left = steps
        self._error = error or Killed()
        self.stages: list[tuple[str, int]] = []
        self.told: list[str] = []

    def start(self, stage: str, total: int) -> None:
        self.stages.append((stage, total))

    def advance(self, name: str, status: Status, reason: Reason | None, detail: str) -> None:
        self._left -= 1
        if self._left == 0:
            raise self._error

    def tell(self, text: str) -> None:
        self.told.append(text)

    def finish(self) -> None:
        self.stages.append(("finish", 0))


def assert_same_run(run: Path, straight: Path) -> None:
    for name in [f"level-{number}{which}.safetensors" for number in STEPS for which in ("", "-best")]:
        assert (run / name).read_bytes() == (straight / name).read_bytes()
    logs = [
        [json.loads(line) for line in (path / "log.jsonl").read_text().splitlines()]
        for path in (run, straight)
    ]
    assert [line["total"] for line in logs[0]] == [line["total"] for line in logs[1]]
    assert [line.get("validation") for line in logs[0]] == [line.get("validation") for line in logs[1]]
    assert logs[0][-2]["loss"] == pytest.approx(logs[1][-2]["loss"])
    files = [path / "checkpoints" / "00000024" / "training.pt" for path in (run, straight)]
    assert torch.equal(*(torch.load(file, weights_only=True)["rng"] for file in files))


@pytest.mark.parametrize("steps", [3, 6, 11, 16, 17])
def test_a_kill_changes_no_bit(
    folder: Path, settings: FitSettings, straight: Path, tmp_path: Path, steps: int
) -> None:
    """In the first level before any checkpoint, at both ends of a level, in the middle, after 6 → 5."""
    out = tmp_path / "run"
    with pytest.raises(Killed):
        fit(folder / "set", out, CONFIG, settings, COMPUTE, MONITOR, progress=Killer(steps))
    torch.manual_seed(steps)  # what the global generator holds must not matter
    notes: list[str] = []
    report = fit(folder / "set", out, CONFIG, settings, COMPUTE, MONITOR, note=notes.append)
    assert report.steps == 24
    assert report.resumed_at == {3: 0, 6: 6, 11: 10, 16: 16, 17: 16}[steps]
    assert len(notes) == (report.resumed_at > 0)
    assert_same_run(out, straight)


def test_a_real_kill_changes_no_bit(
    folder: Path, settings: FitSettings, straight: Path, tmp_path: Path
) -> None:
    """SIGKILL after 11 steps, in a process of its own; then 13 more."""
    code = f"""
import os, signal, sys
import torch; torch.set_num_threads(1)
from pathlib import Path
from ebb.progress import SilentProgress
from ebb_train.models.pynet import PyNetConfig
from ebb_train.settings import ComputeSettings, FitSettings
from ebb_train.training.training import fit
class Killer(SilentProgress):
    done = 0
    def advance(self, *_):
        self.done += 1
        if self.done == 11:
            os.kill(os.getpid(), signal.SIGKILL)
compute = ComputeSettings(device="cpu", loaders=0, checkpoint_every=1)
data, out = Path({str(folder / "set")!r}), Path({str(tmp_path / "run")!r})
fit(data, out, {CONFIG!r}, {settings!r}, compute, progress=Killer())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    report = fit(folder / "set", tmp_path / "run", CONFIG, settings, COMPUTE, MONITOR)
    assert report.resumed_at == 11
    for number in STEPS:
        name = f"level-{number}.safetensors"
        assert (tmp_path / "run" / name).read_bytes() == (straight / name).read_bytes()


def test_a_kill_changes_no_bit_of_the_moving_average(
    folder: Path, settings: FitSettings, straight: Path, tmp_path: Path
) -> None:
    with_ema = replace(settings, ema=0.8)
    one, other = tmp_path / "one", tmp_path / "other"
    fit(folder / "set", one, CONFIG, with_ema, COMPUTE, MONITOR)
    for steps in (9, 10):
        with pytest.raises(Killed):
            fit(folder / "set", other, CONFIG, with_ema, COMPUTE, MONITOR, progress=Killer(steps))
    fit(folder / "set", other, CONFIG, with_ema, COMPUTE, MONITOR)
    assert_same_run(other, one)
    # averaging does not change what is trained, only what is saved
    name = "checkpoints/00000024/weights.safetensors"
    kept, plain = (read_pynet(run / name)[0] for run in (one, straight))
    assert all((kept[key] == plain[key]).all() for key in plain)
    assert (one / "level-5.safetensors").read_bytes() != (straight / "level-5.safetensors").read_bytes()


def test_files_of_a_finished_run(straight: Path, folder: Path) -> None:
    assert sorted(path.name for path in straight.iterdir()) == [
        ".lock", "checkpoints", "level-5-best.safetensors", "level-5.safetensors",
        "level-6-best.safetensors", "level-6.safetensors", "level-7-best.safetensors", "level-7.safetensors",
        "log.jsonl", "pictures", "report.html", "run.json", "tensorboard", "threads.json",
    ]  # fmt: skip
    assert sorted(path.name for path in (straight / "checkpoints").iterdir()) == ["00000020", "00000024"]
    log = [json.loads(line) for line in (straight / "log.jsonl").read_text().splitlines()]
    lines = [line for line in log if "validation" not in line]
    assert [(line["level"], line["step"]) for line in lines] == [
        (7, 3), (7, 6), (6, 3), (6, 6), (6, 9), (6, 10), (5, 3), (5, 6), (5, 8),
    ]  # fmt: skip
    for line in lines:
        factor = 100 if line["level"] == 6 else 1
        assert line["loss"] == pytest.approx(factor * line["l1"], rel=1e-6)
        assert line["loss"] > 0 < line["gradient_norm"]
    scored = [line for line in log if "validation" in line]
    assert [(line["level"], line["step"]) for line in scored] == [
        (7, 5),
        (7, 6),
        (6, 5),
        (6, 10),
        (5, 5),
        (5, 8),
    ]
    network = load_pynet(straight / "level-5.safetensors")
    assert network.config == CONFIG
    identity = json.loads((straight / "run.json").read_text())
    assert identity["schedule"]["5"]["crop"] == 64
    recorded = {name: identity["schedule"]["6"][name] for name in ("adam", "epsilon", "loss")}
    assert recorded == {
        "adam": "tensorflow", "epsilon": 1e-7, "loss": {"l1": 100.0, "ssim": 0.0, "vgg": 0.0},
    }  # fmt: skip
    assert identity["settings"]["weight_init"] == "fan_in"
    assert identity["dataset"]["pairs"] == 5


def test_a_level_starts_from_the_one_before_and_trains_it_along(straight: Path) -> None:
    before, _ = read_pynet(straight / "level-7.safetensors")
    after, _ = read_pynet(straight / "level-6.safetensors")
    name = "level_7.a4.3x3.1.shift"  # normalised maps of one pixel hide the weights before them
    moved = abs(after[name] - before[name])
    assert 0 < moved.max() < 10 * 1e-3 * 1.5  # ten steps of Adam
    assert (after["level_7.out.weight"] == before["level_7.out.weight"]).all()


def test_a_finished_run_is_not_changed(straight: Path, folder: Path, settings: FitSettings) -> None:
    before = {path: path.read_bytes() for path in straight.glob("*.*")}
    report = fit(folder / "set", straight, CONFIG, settings, COMPUTE, MONITOR)
    assert report.resumed_at == 24
    assert {path: path.read_bytes() for path in straight.glob("*.*")} == before


def test_another_seed_gives_other_weights(
    straight: Path, folder: Path, settings: FitSettings, tmp_path: Path
) -> None:
    other = FitSettings(schedule=settings.schedule, seed=8)
    fit(folder / "set", tmp_path, PyNetConfig(level=7, width=1 / 64), other, COMPUTE)
    assert (tmp_path / "level-7.safetensors").read_bytes() != (straight / "level-7.safetensors").read_bytes()


def test_other_settings_are_refused(straight: Path, folder: Path, settings: FitSettings) -> None:
    with pytest.raises(UsageError, match=r"settings\.augment is paper, not flips"):
        fit(folder / "set", straight, CONFIG, replace(settings, augment="flips"), COMPUTE)
    write_ebb(folder / "ebb", range(5))
    with pytest.raises(UsageError, match=r"dataset\.sha256 is [0-9a-f]{64}, not"):
        fit(folder / "ebb", straight, CONFIG, settings, COMPUTE, MONITOR)


def test_an_ebb_folder_gives_the_same_as_its_shards(
    straight: Path, folder: Path, settings: FitSettings, tmp_path: Path
) -> None:
    write_ebb(tmp_path / "ebb", range(5))
    config = PyNetConfig(level=7, width=1 / 64)
    for data, out in ((folder / "set", "a"), (tmp_path / "ebb", "b")):
        fit(data, tmp_path / out, config, settings, COMPUTE, MONITOR)
    assert (tmp_path / "a" / "level-7.safetensors").read_bytes() == (
        tmp_path / "b" / "level-7.safetensors"
    ).read_bytes()


def test_progress_is_told_the_remaining_steps(folder: Path, settings: FitSettings, tmp_path: Path) -> None:
    first, second = Killer(11), Killer(100)
    with pytest.raises(Killed):
        fit(folder / "set", tmp_path, CONFIG, settings, COMPUTE, MONITOR, progress=first)
    fit(folder / "set", tmp_path, CONFIG, settings, COMPUTE, MONITOR, progress=second)
    assert first.stages == [("level 7", 6), ("finish", 0), ("level 6", 10), ("finish", 0)]
    assert second.stages == [("level 6", 6), ("finish", 0), ("level 5", 8), ("finish", 0)]


def test_other_threads_are_noted(folder: Path, settings: FitSettings, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        fit(folder / "set", tmp_path, CONFIG, settings, COMPUTE, MONITOR, progress=Killer(4))
    notes: list[str] = []
    data, two = folder / "set", replace(COMPUTE, threads=2)
    with pytest.raises(Killed):
        fit(data, tmp_path, CONFIG, settings, two, MONITOR, progress=Killer(1), note=notes.append)
    assert torch.get_num_threads() == 1, "the caller's number is back"
    assert notes[0] == "resuming after step 4 of level 7"
    assert notes[1].startswith("note: threads 2, 1 before: the last bits")


def test_a_resumed_run_keeps_its_number_of_threads(
    folder: Path, settings: FitSettings, straight: Path, tmp_path: Path
) -> None:
    """With more cores two threads might be faster, and bits would differ."""
    with pytest.raises(Killed):
        fit(folder / "set", tmp_path, CONFIG, settings, COMPUTE, MONITOR, progress=Killer(11))
    notes: list[str] = []
    (tmp_path / "threads.json").write_text('{"7": 1, "6": 1, "5": 1}')
    torch.set_num_threads(2)
    try:
        fit(folder / "set", tmp_path, CONFIG, settings, COMPUTE, MONITOR, note=notes.append)
    finally:
        torch.set_num_threads(1)
    assert notes == ["resuming after step 4 of level 6"]
    assert_same_run(tmp_path, straight)


def test_a_loss_that_is_not_finite_names_the_step_and_keeps_the_checkpoint(
    folder: Path, settings: FitSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(*_: object) -> dict[str, float]:
        raise Diverged("training diverged: l1 nan; samples ab, cd")

    with pytest.raises(Killed):
        fit(folder / "set", tmp_path, CONFIG, settings, COMPUTE, MONITOR, progress=Killer(5))
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", step)
        with pytest.raises(
            Diverged, match=r"level 7, step 5: .* l1 nan; samples ab, cd \(the last checkpoint is kept"
        ):
            fit(folder / "set", tmp_path, CONFIG, settings, COMPUTE, MONITOR)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["00000004"]


def test_missing_depth_is_reported_before_a_run_folder_is_made(settings: FitSettings, tmp_path: Path) -> None:
    write_set(tmp_path / "set", [[record(0, has_depth=False)]])
    with pytest.raises(InvalidInput, match=r"has no depth map \(make one with: ebb depth"):
        fit(tmp_path / "set", tmp_path / "run", CONFIG, settings, COMPUTE, MONITOR)
    assert not (tmp_path / "run").exists()


def test_too_little_memory_is_reported_with_advice(
    folder: Path, settings: FitSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(*_: object) -> dict[str, float]:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.")

    monkeypatch.setattr(Trainer, "step", step)
    message = (
        r"level 7, step 1: not enough memory for batches of \d+ crops of \d+ pixels \(lower --micro-batch"
    )
    with pytest.raises(UsageError, match=message):
        fit(folder / "set", tmp_path, CONFIG, settings, COMPUTE, MONITOR)


def test_too_little_memory_for_validation_has_its_own_message(
    folder: Path, settings: FitSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def render(*_: object) -> None:
        raise MemoryError("not enough memory for a photo of 96 x 64")

    monkeypatch.setattr("ebb_train.training.validation.render_full_image", render)
    message = r"not enough memory for a photo of 96 x 64 \(validation renders whole photos.*is kept"
    with pytest.raises(UsageError, match=message):
        fit(folder / "set", tmp_path, CONFIG, settings, COMPUTE, MONITOR)


def test_missing_packages_are_reported_before_anything_is_made(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EBB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EBB_VGG19_WEIGHTS", raising=False)
    out = tmp_path / "run"
    with pytest.raises(MissingDependency, match="--vgg-weight 0") as caught:
        fit(folder / "set", out, PyNetConfig(width=1 / 64), FitSettings(schedule="paper"), COMPUTE)
    assert caught.value.exit_code == ExitCode.MISSING
    with pytest.raises(InvalidInput, match="no such folder"):  # without the term the weights are not missed
        fit(tmp_path / "none", out, PyNetConfig(), FitSettings(schedule="paper", vgg_weight=0), COMPUTE)
    with pytest.raises(InvalidInput, match="no such folder"):  # nor above level 1
        fit(tmp_path / "none", out, CONFIG, FitSettings(schedule="paper"), COMPUTE)
    assert not out.exists()


def test_a_report_names_scores_weights_and_page() -> None:
    scores = {"ms_ssim": 0.5, "psnr": 14.376, "ssim": 0.25}
    report = FitReport(
        run=Path("run"),
        weights=Path("run/level-1-best.safetensors"),
        steps=1234,
        resumed_at=0,
        scores=scores,
        scored_on="2 val pairs",
    )
    text = "1,234 steps; PSNR 14.38 dB, SSIM 0.2500, MS-SSIM 0.5000 on 2 val pairs"
    assert report.text() == f"{text}\nweights: run/level-1-best.safetensors"
    assert report.page == Path("run/report.html")
    assert report.as_dict()["scores"] == scores
