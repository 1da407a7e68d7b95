"""One row per pair, even if it fails."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ebb.errors import Reason, Status, UsageError
from ebb.formats.png import encode_png
from ebb.progress import SilentProgress
from ebb_train.data.sources import Photos, open_source
from ebb_train.evaluation import scores
from ebb_train.evaluation.predictions import PictureFolder
from ebb_train.evaluation.scores import Scoring, score_all, score_pair
from ebb_train.metrics.lpips import Missing
from ebb_train.metrics.protocols import find_protocol
from ebb_train.metrics.regions import find_regions
from tests.helpers.datasets import photos, record, write_set
from tests.helpers.doubles import RecordedProgress

if TYPE_CHECKING:
    from pathlib import Path

PROTOCOLS = ("ebb", "pynet2020")


pytestmark = pytest.mark.usefixtures("no_lpips_weights")


@pytest.fixture
def scoring(tmp_path: Path) -> Scoring:
    """Four pairs of 96 x 96: a good picture, none, one of another size, a damaged one."""
    rows = [record(number, 96, 96) for number in range(4)]
    source = open_source(write_set(tmp_path / "set", [rows]))
    folder = tmp_path / "pictures"
    folder.mkdir()
    good, _, small, damaged = (folder / f"{row.pair_id}.png" for row in rows)
    good.write_bytes(encode_png(photos(0, 96, 96)[0]))
    small.write_bytes(encode_png(photos(2)[0]))
    damaged.write_bytes(encode_png(photos(3)[0])[:500])
    return Scoring(source=source, pictures=PictureFolder(folder), protocols=PROTOCOLS)


def test_scores_are_stored_under_the_name_of_their_protocol(scoring: Scoring) -> None:
    row = score_pair(scoring, 0)
    wide, shallow, _ = photos(0, 96, 96)
    expected = {
        f"{name}.{metric}": value
        for name in PROTOCOLS
        for metric, value in find_protocol(name).score(wide, shallow).items()
    } | {f"regions.{name}": value for name, value in find_regions(wide, shallow).score(wide).items()}
    assert {name: value for name, value in row.scores.items() if not name.startswith("artefacts")} == expected
    assert {"artefacts.severity", "artefacts.flagged", "artefacts.drift"} <= set(row.scores)
    assert row.status is Status.OK
    assert row.missing["ebb.ms_ssim"] == "requires at least 161 pixels per side"
    assert "weights of alexnet" in row.missing["ebb.lpips"]


def test_failures_are_rows_with_a_reason(scoring: Scoring) -> None:
    progress = RecordedProgress()
    rows = score_all(scoring, 1, progress)
    assert [row.reason for row in rows] == [
        None,
        Reason.NO_PREDICTION,
        Reason.BAD_PREDICTION,
        Reason.BAD_PREDICTION,
    ]
    assert "sizes differ: 96 x 64 and 96 x 96" in rows[2].detail
    assert "damaged" in rows[3].detail
    assert [name for name, _, _ in progress.items] == [record(number).pair_id for number in range(4)]
    assert all(not row.scores for row in rows[1:])


def test_the_reason_for_a_missing_picture_is_kept(scoring: Scoring) -> None:
    again = Scoring(
        source=scoring.source, pictures=scoring.pictures, protocols=PROTOCOLS, failures={0: "no depth"}
    )
    assert (score_pair(again, 0).reason, score_pair(again, 0).detail) == (Reason.NO_PREDICTION, "no depth")


def test_several_processes_give_the_same_rows(scoring: Scoring) -> None:
    plain = replace(scoring, protocols=("pynet2020",))
    assert score_all(plain, 2, SilentProgress()) == score_all(plain, 1, SilentProgress())


class DeadlySource:
    """Ends the process that reads its second pair."""

    def __init__(self, folder: Path, signal_number: int = 0) -> None:
        self.folder = folder
        self.signal_number = signal_number

    def __len__(self) -> int:
        return 3

    def read(self, index: int) -> Photos:
        if index == 1:
            os.kill(os.getpid(), self.signal_number)
            os._exit(7)
        return Photos(str(index), *photos(index))

    def fingerprint(self) -> str:
        return ""


@pytest.mark.parametrize(
    ("signal_number", "detail"), [(0, "exit code 7"), (signal.SIGKILL, "signal 9 (SIGKILL)")]
)
def test_a_process_that_dies_fails_one_pair(tmp_path: Path, signal_number: int, detail: str) -> None:
    for index in range(3):
        (tmp_path / f"{index}.png").write_bytes(encode_png(photos(index)[0]))
    source = DeadlySource(tmp_path, signal_number)
    scoring = Scoring(source=source, pictures=PictureFolder(tmp_path), protocols=("ebb",))
    rows = score_all(scoring, 2, SilentProgress())
    assert [row.reason for row in rows] == [None, Reason.WORKER_CRASH, None]
    assert detail in rows[1].detail


def test_a_damaged_pair_is_distinguished_from_a_bad_picture(scoring: Scoring, tmp_path: Path) -> None:
    (shard,) = (tmp_path / "set").glob("*.parquet")
    data = bytearray(shard.read_bytes())
    data[2000:2100] = bytes(100)
    shard.write_bytes(bytes(data))
    assert Reason.CORRUPT_INPUT in {row.reason for row in score_all(scoring, 1, SilentProgress())}


def test_an_unknown_protocol_ends_the_run_before_it_starts(scoring: Scoring) -> None:
    odd = Scoring(source=scoring.source, pictures=scoring.pictures, protocols=("ebb", "psnr"))
    with pytest.raises(UsageError, match="no protocol is called 'psnr'"):
        score_all(odd, 1, SilentProgress())


def test_equal_pictures_have_no_finite_psnr(tmp_path: Path) -> None:
    source = open_source(write_set(tmp_path / "set", [[record(0)]]))
    (tmp_path / f"{record(0).pair_id}.png").write_bytes(record(0).shallow)
    row = score_pair(Scoring(source=source, pictures=PictureFolder(tmp_path), protocols=("ebb",)), 0)
    assert np.isinf(row.scores["ebb.psnr"])
    assert row.scores["ebb.ssim"] == 1


def test_lpips_uses_the_requested_network(scoring: Scoring, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def find(net: str) -> Missing:
        asked.append(net)
        return Missing("no weights")

    monkeypatch.setattr(scores, "usable_lpips", find)
    (row, *_) = score_all(replace(scoring, lpips="vgg"), 1, SilentProgress())
    assert set(asked) == {"vgg"}
    assert row.missing["ebb.lpips"] == "no weights"
