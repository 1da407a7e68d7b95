"""Scores of whole photos."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from ebb.errors import UsageError
from ebb_train.data.sources import Photos
from ebb_train.metrics.protocols import find_protocol
from ebb_train.models.network import PyNet
from ebb_train.models.pynet import PyNetConfig
from ebb_train.pixels import enlarge
from ebb_train.settings import MonitorSettings
from ebb_train.training import validation as module
from ebb_train.training.validation import NUM_EXAMPLES, Validator, find_validator
from tests.helpers.datasets import photos, record, write_ebb, write_set

if TYPE_CHECKING:
    from numpy.typing import NDArray

FABRIC = Fabric(accelerator="cpu", devices=1)
NOBODY = cast("PyNet", None)


class Pairs:
    """Some scenes, as a source."""

    folder = Path("none")

    def __init__(self, count: int, sizes: tuple[int, int] = (96, 64)) -> None:
        self._count, self._sizes = count, sizes
        self.asked: list[int] = []

    def __len__(self) -> int:
        return self._count

    def read(self, index: int) -> Photos:
        self.asked.append(index)
        return Photos(str(index), *photos(index, *self._sizes))

    def fingerprint(self) -> str:
        return ""


@pytest.fixture
def half_grey(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that turns the photo half way to grey, at half the size."""

    def render(_: PyNet, wide: NDArray[np.uint8], *_others: object) -> NDArray[np.float32]:
        return wide[::2, ::2].astype(np.float32) / 510 + np.float32(0.25)

    monkeypatch.setattr(module, "render_full_image", render)


@pytest.mark.usefixtures("half_grey")
def test_scores_are_means_over_the_pairs_at_the_size_of_the_photo() -> None:
    protocol = find_protocol("ebb")
    found = Validator(Pairs(4), protocol).validate(NOBODY, FABRIC)
    expected = []
    for index in range(4):
        wide, _, shallow = (photos(index)[part] for part in (0, 2, 1))
        output = enlarge(wide[::2, ::2].astype(np.float32) / 510 + np.float32(0.25), wide.shape)
        expected.append(protocol.score(output, shallow))
    assert found.scores == pytest.approx(
        {name: np.mean([scores[name] for scores in expected]) for name in ("psnr", "ssim")}
    )
    assert [pair.pair_id for pair in found.examples] == ["0", "1", "2"]
    assert found.examples[0].output.shape == (64, 96, 3)


@pytest.mark.usefixtures("half_grey")
def test_pairs_are_chosen_evenly_and_shared_among_ranks() -> None:
    asked, sums = [], []
    for rank in range(2):
        pairs = Pairs(10)
        fabric = SimpleNamespace(
            global_rank=rank,
            world_size=2,
            autocast=FABRIC.autocast,
            all_reduce=lambda values, reduce_op: (sums.append(values), values)[1],
        )
        validator = Validator(pairs, find_protocol("ebb"), 5)
        validator.validate(NOBODY, cast("Fabric", fabric))
        asked.append(pairs.asked)
    assert asked == [[0, 4, 8], [2, 6]]
    whole = Validator(Pairs(10), find_protocol("ebb"), 5).validate(NOBODY, FABRIC)
    together = sum(sums)
    assert whole.scores["psnr"] == pytest.approx(float(together[0][0]) / 5)


@pytest.mark.usefixtures("half_grey")
def test_without_a_protocol_pairs_are_only_rendered() -> None:
    found = Validator(Pairs(9), None, NUM_EXAMPLES).validate(NOBODY, FABRIC)
    assert found.scores == {}
    assert [pair.pair_id for pair in found.examples] == ["0", "3", "6"]


@pytest.mark.parametrize("level", [7, 2, 1])
def test_a_network_of_every_level_gives_pictures_of_the_photos_size(level: int) -> None:
    torch.set_num_threads(1)
    network = PyNet(PyNetConfig(level=level, width=1 / 64))
    found = Validator(Pairs(1, (70, 66)), find_protocol("ebb")).validate(network, FABRIC)
    assert found.examples[0].output.shape == (66, 70, 3)
    assert 0 < found.scores["psnr"] < 40


def test_selection_of_pairs(tmp_path: Path) -> None:
    notes: list[str] = []
    write_ebb(tmp_path, range(4))
    write_ebb(tmp_path, range(2), split="test")
    assert find_validator(tmp_path, MonitorSettings(validate_on="train"), notes.append).num_pairs == 4
    assert find_validator(tmp_path, MonitorSettings(validate_on="test"), notes.append).num_pairs == 2
    watch = MonitorSettings(validate_on="train", validate_pairs=3)
    assert find_validator(tmp_path, watch, notes.append).num_pairs == 3
    assert notes == []


def test_a_set_without_the_split(tmp_path: Path) -> None:
    notes: list[str] = []
    found = find_validator(write_set(tmp_path, [[record(0)]]), MonitorSettings(), notes.append)
    assert (found.protocol, found.num_pairs) == (None, 1)
    assert notes == ["note: no val pairs to validate on: training pairs are shown, not scored"]


def test_an_unknown_protocol(tmp_path: Path) -> None:
    values: dict[str, Any] = {"protocol": "ours"}
    with pytest.raises(UsageError, match="known: ebb"):
        find_validator(tmp_path, MonitorSettings(**values), lambda _: None)
