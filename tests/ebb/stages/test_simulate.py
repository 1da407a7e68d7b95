"""Simulated folders: the same bytes with any number of workers and interruptions."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from ebb.cli import main
from ebb.errors import DatasetLocked, ExitCode, InvalidInput, OutputError, Reason, UsageError
from ebb.photo.decode import decode
from ebb.progress import SilentProgress
from ebb.runner.stage import StageReport
from ebb.settings import IngestSettings, RunSettings, SimulateSettings
from ebb.simulation.plan import PairKind
from ebb.simulation.simulate import DEPTH_SCALE
from ebb.simulation.truth import PairTruth
from ebb.stages import ingest, simulate
from ebb.workspace import open_workspace
from tests.helpers.captures import scene
from tests.helpers.settings import RUN

SETTINGS = SimulateSettings(scenes=5, seed=6, bad=0.5, size="192x128", format="jpeg")


def make(folder: Path, settings: SimulateSettings = SETTINGS, run: RunSettings = RUN) -> StageReport:
    return simulate.run(folder, settings, run, SilentProgress())


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def truth(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / simulate.TRUTH_FILE).to_pylist()
    return rows


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "made"
    report = make(folder)
    assert (report.ok, report.failed, report.unchanged) == (5, 0, 0)
    return folder


@pytest.fixture
def made(made_once: Path, tmp_path: Path) -> Path:
    shutil.copytree(made_once, tmp_path / "made")
    return tmp_path / "made"


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos with depth in different formats, one of them portrait, and one photo without."""
    folder = tmp_path_factory.mktemp("album")
    for name, seed, size in (("b.png", 1, (480, 320)), ("a.jpg", 2, (330, 495)), ("c.jpg", 3, (480, 320))):
        cv2.imwrite(str(folder / name), scene(seed, size))
    near_below = np.linspace(0, 1, 80, dtype=np.float32)[:, None].repeat(120, axis=1)
    np.save(folder / "b_depth.npy", near_below)
    cv2.imwrite(str(folder / "a_depth.png"), (near_below.T * 65535).astype(np.uint16))
    return folder


@pytest.fixture(scope="module")
def made_of_photos(album: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos") / "made"
    assert make(folder, dataclasses.replace(SETTINGS, scenes=0, bad=0.0, from_rgbd=album)).ok == 2
    return folder


def test_every_row_of_the_truth_has_its_files(made_once: Path) -> None:
    rows = truth(made_once)
    assert [row["index"] for row in rows] == [0, 1, 2, 3, 4]
    assert set(rows[0]) == {field.name for field in dataclasses.fields(PairTruth)}
    expected = {simulate.TRUTH_FILE}
    for row in rows:
        expected |= {row["depth"], *(row[role] for role in ("wide", "shallow") if row["missing"] != role)}
        assert (row["expected"] == "aligned") == (row["kind"] == PairKind.GOOD)
        assert all(Reason(reason) for reason in row["reasons"])
    assert set(files(made_once)) == expected


def test_homographies_are_inverse_to_each_other_after_the_file(made_once: Path) -> None:
    for row in truth(made_once):
        if row["kind"] != PairKind.UNRELATED:
            there, back = (
                np.reshape(row[f"H_{way}"], (3, 3)) for way in ("wide_to_shallow", "shallow_to_wide")
            )
            product = there @ back
            np.testing.assert_allclose(product / product[2, 2], np.eye(3), atol=1e-9)


def test_one_worker_gives_the_same_bytes_as_two(made_once: Path, tmp_path: Path) -> None:
    make(tmp_path / "one", run=RunSettings(workers=1))
    assert files(tmp_path / "one") == files(made_once)


def test_finished_pairs_are_kept(made: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.iterdir() if path.suffix == ".JPG"}
    report = make(made)
    assert (report.ok, report.unchanged) == (5, 5)
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize("damage", ["gone", "changed", "truth gone"])
def test_an_interrupted_or_damaged_folder_is_completed(made: Path, made_once: Path, damage: str) -> None:
    victim = made / truth(made)[2]["depth"]
    if damage == "truth gone":
        (made / simulate.TRUTH_FILE).unlink()
    elif damage == "gone":
        victim.unlink()
    else:
        victim.write_bytes(b"not a depth file")
    (made / f".{victim.name}.99.tmp").write_bytes(b"half a file")
    report = make(made)
    assert report.unchanged == (5 if damage == "truth gone" else 4)
    assert files(made) == files(made_once)


def test_truth_is_the_done_mark(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is removed before the first pair is made again, and written last."""

    def interrupted(*_arguments: object) -> StageReport:
        raise KeyboardInterrupt

    (made / truth(made)[0]["depth"]).unlink()
    monkeypatch.setattr(simulate, "run_pairs", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make(made)
    assert not (made / simulate.TRUTH_FILE).exists()


def test_more_scenes_keep_the_existing_ones(made: Path, made_once: Path) -> None:
    report = make(made, dataclasses.replace(SETTINGS, scenes=6))
    assert (report.ok, report.unchanged) == (6, 5)
    old, new = files(made_once), files(made)
    del old[simulate.TRUTH_FILE]
    assert old.items() <= new.items()
    assert truth(made)[:5] == truth(made_once)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"seed": 7},
            r"holds another simulation \(--seed 6 --bad 0.5 --size 192x128 --format jpeg --low-pass 0.5\)",
        ),
        ({"size": "240x160"}, "holds another simulation"),
        ({"format": "dng"}, "holds another simulation"),
        ({"low_pass": 0.0}, "holds another simulation"),
        ({"scenes": 2}, "holds 5 pairs, 2 are asked for"),
    ],
)
def test_another_simulation_is_refused(
    made: Path, made_once: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(OutputError, match=message):
        make(made, dataclasses.replace(SETTINGS, **change))
    assert files(made) == files(made_once)


def test_photos_do_not_go_into_a_procedural_folder(made: Path, album: Path) -> None:
    with pytest.raises(OutputError, match="another simulation"):
        make(made, dataclasses.replace(SETTINGS, from_rgbd=album))


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "IMG_0001.DNG").write_bytes(b"a photo from holidays")
    with pytest.raises(OutputError, match="there are other files in it"):
        make(tmp_path)
    assert files(tmp_path) == {"IMG_0001.DNG": b"a photo from holidays"}


def test_two_runs_at_once(made: Path) -> None:
    with open_workspace(made / simulate.BOOKS), pytest.raises(DatasetLocked):
        make(made)


def test_ingest_pairs_what_can_be_paired(made: Path, tmp_path: Path) -> None:
    with open_workspace(tmp_path / "set", create=True) as workspace:
        report = ingest.run(workspace, made, IngestSettings(), RUN, SilentProgress())
    alone = {
        row["wide"] if row["missing"] == "shallow" else row["shallow"]
        for row in truth(made)
        if row["missing"]
    }
    assert report.num_pairs == 5 - len(alone)
    assert report.failed == 0
    aside = {row.name: row.reason for row in report.rows if row.reason}
    assert {name for name, reason in aside.items() if reason is Reason.MISSING_PARTNER} == alone


def test_dng_files_develop_to_the_size_of_the_truth(tmp_path: Path) -> None:
    make(tmp_path / "dng", dataclasses.replace(SETTINGS, scenes=2, size="96x64", format="dng", bad=0.0))
    for row in truth(tmp_path / "dng"):
        for role in ("wide", "shallow"):
            assert row[role].endswith(".DNG")
            photo = decode((tmp_path / "dng" / row[role]).read_bytes(), ".dng", row["orientation"])
            assert photo.shape == (row["height"], row["width"], 3)


@pytest.mark.parametrize(("bad", "kinds"), [(0.0, {PairKind.GOOD}), (1.0, set(PairKind) - {PairKind.GOOD})])
def test_bad_share(tmp_path: Path, bad: float, kinds: set[PairKind]) -> None:
    make(tmp_path / "made", dataclasses.replace(SETTINGS, scenes=2, size="96x64", bad=bad))
    assert {row["kind"] for row in truth(tmp_path / "made")} <= {str(kind) for kind in kinds}


def test_photos_with_depth_become_captures(album: Path, made_of_photos: Path) -> None:
    """One upright capture pair per photo, which shows the photo."""
    portrait, landscape = truth(made_of_photos)
    assert (portrait["width"], portrait["height"]) == (128, 192)
    assert (landscape["width"], landscape["height"]) == (192, 128)
    data = (made_of_photos / landscape["wide"]).read_bytes()
    found = decode(data, ".jpg", landscape["orientation"])[..., 1].astype(float)
    photo = decode((album / "b.png").read_bytes(), ".png", 1)
    # 15 pixels of margin: 222 x 158 of the scene are the middle 450 x 320 of the photo.
    frame = cv2.resize(photo[:, 15:-15], (222, 158), interpolation=cv2.INTER_AREA)[15:-15, 15:-15, 1]
    frame = cv2.GaussianBlur(frame, (3, 3), 0)  # the camera's low-pass filter
    assert np.corrcoef(found.ravel(), frame.ravel().astype(float))[0, 1] > 0.97


def test_depth_of_photos_is_kept(made_of_photos: Path) -> None:
    row = truth(made_of_photos)[1]
    stored = cv2.imread(str(made_of_photos / row["depth"]), cv2.IMREAD_UNCHANGED)
    assert stored.shape == (128, 192)
    metres = DEPTH_SCALE / stored.astype(float)
    assert (np.diff(metres.mean(axis=1)) < 0).all()  # nearer below
    assert 1.2 <= metres.min() <= row["focus_m_wide"] <= metres.max() <= 12


def test_kinds_of_defects_possible_with_photos(album: Path, tmp_path: Path) -> None:
    single = tmp_path / "album"
    single.mkdir()
    for name in ("b.png", "b_depth.npy"):
        shutil.copy(album / name, single)
    settings = dataclasses.replace(SETTINGS, scenes=12, size="96x64", bad=1.0)
    make(tmp_path / "two", dataclasses.replace(settings, from_rgbd=album))
    make(tmp_path / "one", dataclasses.replace(settings, from_rgbd=single))
    of_two, of_one = ({row["kind"] for row in truth(tmp_path / name)} for name in ("two", "one"))
    assert PairKind.UNRELATED in of_two
    assert not {PairKind.MOVED_SUBJECT, PairKind.GOOD} & of_two
    assert not {PairKind.MOVED_SUBJECT, PairKind.UNRELATED, PairKind.GOOD} & of_one


def test_a_changed_photo_is_simulated_again(album: Path, tmp_path: Path) -> None:
    copy = tmp_path / "album"
    shutil.copytree(album, copy)
    settings = dataclasses.replace(SETTINGS, scenes=0, bad=0.0, from_rgbd=copy)
    make(tmp_path / "made", settings)
    before = files(tmp_path / "made")
    cv2.imwrite(str(copy / "b.png"), scene(9, (480, 320)))
    make(tmp_path / "made", settings)
    after = files(tmp_path / "made")
    first, second = truth(tmp_path / "made")
    assert after[first["wide"]] == before[first["wide"]]
    assert after[second["wide"]] != before[second["wide"]]


def test_an_unusable_photo_fails_alone(album: Path, tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, scenes=0, bad=0.0, size="320x300", from_rgbd=album)
    report = make(tmp_path / "made", settings)
    assert (report.ok, report.rejected, report.reasons) == (0, 2, {Reason.TOO_SMALL: 2})
    assert truth(tmp_path / "made") == []


def test_no_photo_with_depth(tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    with pytest.raises(InvalidInput, match="no photo with a depth file"):
        make(tmp_path / "made", dataclasses.replace(SETTINGS, from_rgbd=tmp_path / "album"))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": "1296"}, "--size 1296 .width x height"),
        ({"size": "0x864"}, "--size 0x864"),
        ({"size": "864x1296"}, "landscape"),
        ({"size": "1295x864"}, "an odd side"),
        ({"bad": 1.5}, "--bad 1.5 is not between 0 and 1"),
        ({"seed": -1}, "--seed -1 is negative"),
        ({"scenes": -3}, "--scenes -3 is negative"),
    ],
)
def test_invalid_settings(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        SimulateSettings(**values)


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = "--scenes 1 --seed 2 --size 96x64 --format jpeg --bad 0 --workers 1 --json --quiet"
    with pytest.raises(SystemExit) as ended:
        main(["simulate", str(tmp_path / "made"), *flags.split()])
    assert ended.value.code == ExitCode.DONE
    facts = json.loads(capsys.readouterr().out)
    assert (facts["stage"], facts["ok"], facts["truth"]) == (
        "simulate",
        1,
        str(tmp_path / "made" / "truth.parquet"),
    )
