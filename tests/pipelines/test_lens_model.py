"""The pipeline of the lens model, on sets of a few small scenes."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ebb_train.lens.fitting import FitPlan
from ebb_train.lens.network import load_repair

ROOT = Path(__file__).parents[2]


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The pipeline with small sets and a short run, which writes below ``tmp_path``."""
    spec = importlib.util.spec_from_file_location("lens_model", ROOT / "pipelines" / "lens_model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def short(steps: int = 1) -> FitPlan:
        sizes = {"fine": 4, "middle": 6, "coarse": 8, "blocks": 1}
        return FitPlan(steps=steps, side=32, batch=2, validate_every=1, validation_batches=1, **sizes)

    monkeypatch.setattr(module, "FitPlan", short)
    monkeypatch.setattr(module, "SIDE", 64)
    monkeypatch.setattr(module, "SETS", {name: (2, seed) for name, (_, seed) in module.SETS.items()})
    for name in ("LIMITS", "TEST", "UNSEEN"):
        monkeypatch.setattr(module, name, (1, getattr(module, name)[1]))
    monkeypatch.setattr(module, "TIMED", 1)
    monkeypatch.setattr(module, "TIMED_BATCHES", 1)
    monkeypatch.setattr(module, "timing", lambda network: {"seconds": 0.5, "threads": 1, "load_average": 1.0})
    for name, file in (
        ("RESULT", "result.json"),
        ("CARD", "card.md"),
        ("SHEET", "worst.jpg"),
        ("SHIPPED", "shipped.safetensors"),
    ):
        monkeypatch.setattr(module, name, tmp_path / file)
    return module


def run(pipeline: ModuleType, monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["lens_model.py", *words])
    pipeline.main()


def test_from_nothing_to_the_card(
    pipeline: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pipeline, "helps", lambda results: True)
    run(pipeline, monkeypatch, "--out", str(tmp_path / "lens"), "--steps", "2", "--workers", "1", "--ship")
    facts = json.loads((tmp_path / "result.json").read_text())
    assert facts["steps"] == facts["planned_steps"] == 2
    assert [row["strength"] for row in facts["results"]] == ["none", "median", "hard"]
    assert set(facts["unseen"]) == {"3.3", "7.7", "14.0"}
    assert facts["step_ms"] > 0 < facts["batch_ms"]
    assert f"SHA-256 `{facts['sha256']}`" in (tmp_path / "card.md").read_text()
    assert load_repair(tmp_path / "shipped.safetensors").config.fine == 4
    assert (tmp_path / "worst.jpg").read_bytes().startswith(b"\xff\xd8")
    assert (tmp_path / "lens" / "worst.png").read_bytes().startswith(b"\x89PNG")


def test_weights_that_do_not_help_are_not_shipped(
    pipeline: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pipeline, "helps", lambda results: False)
    with pytest.raises(SystemExit, match="does not help"):
        run(
            pipeline, monkeypatch, "--out", str(tmp_path / "lens"), "--steps", "1", "--workers", "1", "--ship"
        )
    assert not (tmp_path / "shipped.safetensors").exists()
    assert "not in the package" in (tmp_path / "card.md").read_text()


def test_sets_have_seeds_of_their_own(pipeline: ModuleType) -> None:
    groups = [*pipeline.SETS.values(), pipeline.LIMITS, pipeline.TEST]
    seeds = [seed for _, seed in groups] + [pipeline.UNSEEN[1] + k for k in range(len(pipeline.RADII))]
    assert len(set(seeds)) == len(seeds)
