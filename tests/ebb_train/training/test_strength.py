"""Training of an adjustable strength: what it learns, what stays, and how it goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import torch

from ebb.errors import InvalidInput, UsageError
from ebb.formats.png import encode_png
from ebb_train.data.apertures import open_apertures
from ebb_train.data.dataset import CropSettings
from ebb_train.models.identity import start_as_photo
from ebb_train.models.network import PyNet
from ebb_train.models.pynet import PyNetConfig
from ebb_train.models.strength import StrengthConfig, load_strength
from ebb_train.training.strength import StrengthBatches, StrengthTrainer, fit_strength
from ebb_train.training.strength_settings import StrengthSettings
from tests.helpers.datasets import photos, record, write_set

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.data.apertures import ApertureSource

pytestmark = pytest.mark.usefixtures("one_torch_thread")
SETTINGS = StrengthSettings(steps=6, batch=2, crop=64, save_every=3)


def base(level: int = 5) -> PyNet:
    network = PyNet(PyNetConfig(level=level, width=1 / 32))
    network.reset_parameters(torch.Generator().manual_seed(0), "fan_in")
    for new in range(7, level - 1, -1):
        start_as_photo(network, new)
    return network


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ApertureSource:
    """Two scenes at f/2, f/4 and f/8: the smaller the aperture, the brighter the background."""
    rows = []
    for number in range(6):
        f_number = (2.0, 4.0, 8.0)[number % 3]
        brighter, _, _ = photos(number // 3)
        brighter[:, 48:] = cv2.convertScaleAbs(brighter[:, 48:], beta=100 * (1 - 2 / f_number))
        row = replace(record(number), wide=record(number // 3).wide, shallow=encode_png(brighter))
        rows.append(replace(row, depth=record(number // 3).depth, f_number_shallow=f_number))
    return open_apertures(write_set(tmp_path_factory.mktemp("series"), [rows]))


def test_batches_are_a_function_of_seed_and_step(source: ApertureSource) -> None:
    batches = [
        StrengthBatches(source, StrengthConfig(f_number=2), CropSettings(level=5, side=64)) for _ in "ab"
    ]
    assert batches[0].f_numbers == [4.0, 8.0]  # the largest aperture teaches nothing
    for step in (0, 5, 3):
        one, other = (made.draw(step, 3) for made in batches)
        assert torch.equal(one.photo, other.photo)
        assert torch.equal(one.strength, other.strength)
    assert set(torch.cat([batches[0].draw(step, 4).strength for step in range(6)]).tolist()) == {0.5, 0.25}
    assert float(one.focus[0]) == pytest.approx(220 / 255, abs=0.02)  # of the subject


def test_pairs_of_larger_apertures_only(source: ApertureSource) -> None:
    with pytest.raises(InvalidInput, match="no pairs of smaller apertures than f/8"):
        StrengthBatches(source, StrengthConfig(f_number=8), CropSettings(level=5, side=64))


def test_it_learns_and_the_base_stays(source: ApertureSource, tmp_path: Path) -> None:
    settings = replace(SETTINGS, steps=60, learning_rate=1e-2, save_every=60)
    trainer = StrengthTrainer(base(level=3), settings, source)  # whose pictures are the photo
    losses = [trainer.advance() for _ in range(60)]
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:10])
    trainer.save(tmp_path)
    found = load_strength(tmp_path / "strength.safetensors")
    assert found.strength_config == StrengthConfig(f_number=2.0)
    expected = base(level=3).state_dict()
    assert all(torch.equal(values, expected[name]) for name, values in found.base.state_dict().items())


def test_an_interrupted_run_goes_on_to_the_same_bits(source: ApertureSource, tmp_path: Path) -> None:
    said: list[str] = []
    whole = fit_strength(source, base(), tmp_path / "whole", SETTINGS)
    fit_strength(source, base(), tmp_path / "parts", replace(SETTINGS, steps=3))
    parts = fit_strength(source, base(), tmp_path / "parts", SETTINGS, said.append)
    assert said[0] == "resuming after step 3"
    assert parts.read_bytes() == whole.read_bytes()
    assert len((tmp_path / "parts" / "log.jsonl").read_text().splitlines()) == 2


def test_a_signal_saves_the_run(
    source: ApertureSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = StrengthTrainer.advance

    def interrupted(self: StrengthTrainer) -> float:
        if self.step == 2:
            raise KeyboardInterrupt
        return advance(self)

    monkeypatch.setattr(StrengthTrainer, "advance", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit_strength(source, base(), tmp_path, SETTINGS)
    monkeypatch.undo()
    trainer = StrengthTrainer(base(), SETTINGS, source)
    assert trainer.resume(tmp_path)
    assert trainer.step == 2


def test_a_run_of_other_weights_is_refused(source: ApertureSource, tmp_path: Path) -> None:
    fit_strength(source, base(), tmp_path, replace(SETTINGS, steps=1))
    with pytest.raises(InvalidInput, match="of a run with other settings, weights or pairs"):
        fit_strength(source, base(level=6), tmp_path, SETTINGS)
    (tmp_path / "training.pt").write_bytes(b"PK")
    with pytest.raises(InvalidInput):
        fit_strength(source, base(), tmp_path, SETTINGS)


@pytest.mark.parametrize(
    "wrong", [{"crop": 100}, {"steps": 0}, {"learning_rate": 0.0}, {"f_number": -1.0}, {"seed": -1}]
)
def test_settings_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        StrengthSettings(**wrong)  # type: ignore[arg-type]
