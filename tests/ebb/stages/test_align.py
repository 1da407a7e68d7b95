"""Align against the truth that comes with the sample captures, and against made motions."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ebb import results
from ebb.arrays import Homography, Size
from ebb.dataset.catalog import CatalogRow, pairs_of, read_catalog
from ebb.errors import Reason, Status
from ebb.formats.png import decode_png
from ebb.geometry.homography import apply, corner_error_px
from ebb.progress import SilentProgress
from ebb.results import StoredAlignment
from ebb.runner.items import Outcome
from ebb.runner.local import failed
from ebb.runner.stage import StageReport
from ebb.settings import AlignSettings, IngestSettings, RunSettings
from ebb.stages import align, ingest
from ebb.state import StageRow
from ebb.workspace import Workspace, open_workspace
from tests.helpers.captures import SAMPLE, SHIFT, SIZE, write_card
from tests.helpers.series import FRAME, write_series
from tests.helpers.settings import ALIGN, RUN


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sample") / "set"
    with open_workspace(root, create=True) as workspace:
        ingest.run(workspace, SAMPLE / "captures", IngestSettings(), RUN, SilentProgress())
        align.run(workspace, AlignSettings(), RUN, SilentProgress())
    return root


def row_of(root: Path, wide: str) -> StageRow[StoredAlignment]:
    with open_workspace(root) as workspace:
        pairs = {pair.wide.name: pair for pair in pairs_of(read_catalog(workspace.catalog_file))}
        return workspace.state.stage_rows(results.ALIGN)[pairs[wide].pair_id]


def motion(row: StageRow[StoredAlignment]) -> Homography:
    assert row.value is not None
    return np.reshape(row.value.H_shallow_to_wide, (3, 3))


def truth(pair_id: str) -> dict[str, object]:
    pairs = json.loads((SAMPLE / "truth.json").read_text())["pairs"]
    return next(pair for pair in pairs if pair["id"] == pair_id)


@pytest.mark.parametrize(("wide", "pair_id"), [("IMG_0301.DNG", "s01_table"), ("IMG_0304.DNG", "s02_garden")])
def test_corner_error_against_the_truth(sample: Path, wide: str, pair_id: str) -> None:
    """Bar: mean corner error within 0.5 px at 1024 px height; measured 0.10 and 0.04."""
    pair = truth(pair_id)
    size = Size(pair["width"], pair["height"])  # type: ignore[arg-type]
    H = motion(row_of(sample, wide))
    errors = corner_error_px(H, np.linalg.inv(np.array(pair["H"])), size)
    assert errors.mean() * 1024 / size.height < 0.2


def test_in_focus_error_with_parallax(sample: Path) -> None:
    """The truth homography holds at the focus plane: pixels whose blur disc is below 2 px."""
    import cv2

    pair = truth("s03_street_parallax")
    K1, K2, R = (np.array(pair[name]) for name in ("K1", "K2", "R"))
    values = cv2.imread(str(SAMPLE / "captures" / "IMG_0305_depth.png"), cv2.IMREAD_UNCHANGED)
    y, x = np.nonzero(values)
    metres = 16384 / values[y, x].astype(np.float64)
    blur = K1[0, 0] * pair["aperture_m"][1] * abs(1 / metres - 1 / pair["focus_m"])  # type: ignore[index,operator]
    x, y, metres = x[blur < 2], y[blur < 2], metres[blur < 2]
    points = metres * (np.linalg.inv(K1) @ np.stack([x, y, np.ones_like(x)]))
    projected = K2 @ (R @ points + np.array(pair["t"])[:, None])
    scale = 1728 / 1920  # the JPEG files are smaller than the frames that the truth speaks of
    shallow = (projected[:2] / projected[2]).T * scale + (scale - 1) / 2
    wide = np.stack([x, y], axis=1) * scale + (scale - 1) / 2
    H = motion(row_of(sample, "IMG_0305.JPG"))
    errors = np.linalg.norm(apply(H, shallow) - wide, axis=1) * 1024 / 1152
    assert len(errors) > 10_000
    assert errors.mean() < 0.1


def test_two_different_scenes_are_rejected(sample: Path) -> None:
    row = row_of(sample, "IMG_0307.JPG")
    assert (row.status, row.value) == (Status.REJECTED, None)
    assert row.reason in (Reason.TOO_FEW_INLIERS, Reason.TOO_FEW_MATCHES)


def test_stored_photos_are_aligned(aligned: Workspace) -> None:
    for pair_id, row in aligned.state.stage_rows(results.ALIGN).items():
        assert row.value is not None
        wide, shallow = (
            decode_png((aligned.pair(pair_id) / name).read_bytes()) for name in ("wide.png", "shallow.png")
        )
        assert wide.shape == shallow.shape == (256, row.value.size.width, 3)
        H = motion(row)
        corners = np.array([[0, 0], [SIZE[0] - 1, 0], [0, SIZE[1] - 1], [SIZE[0] - 1, SIZE[1] - 1.0]])
        assert np.abs(apply(H, corners) - (corners - SHIFT)).max() < 0.2
        similarity = np.corrcoef(wide.ravel().astype(float), shallow.ravel().astype(float))[0, 1]
        assert similarity > 0.95


def test_a_second_run_repeats_only_changed_pairs(aligned: Workspace) -> None:
    settings = aligned.settings(AlignSettings)
    assert align.run(aligned, settings, RUN, SilentProgress()).unchanged == 3
    (pair_id, *_) = aligned.state.stage_rows(results.ALIGN)
    (aligned.pair(pair_id) / "wide.png").unlink()
    assert align.run(aligned, settings, RUN, SilentProgress()).unchanged == 2
    report = align.run(aligned, AlignSettings(height=128), RUN, SilentProgress())
    assert (report.unchanged, report.ok) == (0, 3)


def test_the_number_of_workers_changes_nothing(aligned: Workspace, card: Path, tmp_path: Path) -> None:
    rows = aligned.state.stage_rows(results.ALIGN)
    with open_workspace(tmp_path / "alone", create=True) as workspace:
        one = RunSettings(workers=1)
        ingest.run(workspace, card, IngestSettings(), one, SilentProgress())
        align.run(workspace, aligned.settings(AlignSettings), one, SilentProgress())
        again = workspace.state.stage_rows(results.ALIGN)
    assert {key: row.outputs for key, row in again.items()} == {key: row.outputs for key, row in rows.items()}


def test_photos_are_never_enlarged(aligned: Workspace) -> None:
    report = align.run(aligned, AlignSettings(height=512), RUN, SilentProgress())
    assert report.reasons == {"too_small": 3}


def test_a_file_that_changed_since_ingest_is_found(tmp_path: Path) -> None:
    write_card(tmp_path / "raw", 2)
    with open_workspace(tmp_path / "set", create=True) as workspace:
        ingest.run(workspace, tmp_path / "raw", IngestSettings(), RUN, SilentProgress())
        shutil.copy(tmp_path / "raw" / "IMG_0004.JPG", tmp_path / "raw" / "IMG_0002.JPG")
        (tmp_path / "raw" / "IMG_0003.JPG").unlink()
        report = align.run(workspace, AlignSettings(height=256), RUN, SilentProgress())
        assert report.reasons == {"input_changed": 1, "unreadable": 1}
        details = {row.detail for row in workspace.state.stage_rows(results.ALIGN).values()}
        assert "IMG_0002.JPG: not the bytes that were ingested" in details


# --- series ----------------------------------------------------------------------------------------------


def rows_of(workspace: Workspace) -> dict[str, StageRow[StoredAlignment]]:
    """Rows of the first scene by the end of their names; the pair of the largest aperture has none."""
    pairs = pairs_of(read_catalog(workspace.catalog_file))
    rows = workspace.state.stage_rows(results.ALIGN)
    return {pair.pair_id[17:]: rows[pair.pair_id] for pair in pairs if pair.scene == pairs[0].scene}


def align_series(workspace: Workspace) -> StageReport:
    return align.run(workspace, ALIGN, RUN, SilentProgress())


def test_pairs_of_a_series_share_the_wide_photo_and_follow_the_truth(series: Workspace) -> None:
    truths = dict(zip(("f080", "f028", ""), write_series(series.root / "again", 0), strict=True))
    rows = rows_of(series)
    assert list(rows) == ["", "f028", "f080"]
    assert len({row.outputs["wide.png"] for row in rows.values()}) == 1
    assert len({row.outputs["shallow.png"] for row in rows.values()}) == 3
    for name, row in rows.items():
        true_H = np.reshape(truths[name].H_shallow_to_wide, (3, 3))
        assert corner_error_px(motion(row), true_H, FRAME).mean() < 0.3
    assert align_series(series).unchanged == 6


def test_a_series_that_grows_is_aligned_again_and_no_other(series: Workspace) -> None:
    before = rows_of(series)
    write_series(series.root.parent / "raw", 0, (4.0,))
    ingest.run(series, series.root.parent / "raw", IngestSettings(series=True), RUN, SilentProgress())
    report = align_series(series)
    assert (report.unchanged, report.ok) == (3, 7)
    after = rows_of(series)
    assert list(after) == ["", "f028", "f040", "f080"]
    assert len({row.outputs["wide.png"] for row in after.values()}) == 1
    assert all(after[name].key != before[name].key for name in before)


def test_a_photo_that_cannot_be_read_costs_its_own_pair_and_joins_later(series: Workspace) -> None:
    pairs = pairs_of(read_catalog(series.catalog_file))
    (lost,) = (pair for pair in pairs[:3] if pair.shallow.f_number == 2.8)
    path = series.root.parent / "raw" / lost.shallow.name
    sound = path.read_bytes()
    whole = rows_of(series)
    path.write_bytes(b"damaged")
    shutil.rmtree(series.pair(lost.pair_id))
    report = align_series(series)
    assert (report.unchanged, report.ok, report.reasons) == (3, 5, {"input_changed": 1})
    without = rows_of(series)
    assert without[""].outputs["wide.png"] == without["f080"].outputs["wide.png"]
    path.write_bytes(sound)
    assert align_series(series).ok == 6
    assert {name: row.outputs for name, row in rows_of(series).items()} == {
        name: row.outputs for name, row in whole.items()
    }


def job(number: int) -> align.AlignJob:
    row = CatalogRow(folder="raw", name=f"{number}.JPG")
    return align.AlignJob(str(number), "key", row, row, Path("set"), ALIGN, "scene", is_series=True)


@pytest.mark.parametrize(
    ("bad", "alone", "expected"),
    [
        ({2}, {2}, {1: "ok", 2: "error", 3: "ok"}),
        ({1, 2, 3}, {1, 2, 3}, {1: "error", 2: "error", 3: "error"}),
        ({2}, set(), {1: "error", 2: "error", 3: "error"}),
    ],
)
def test_a_pair_that_takes_the_worker_with_it_is_left_out_of_its_series(
    monkeypatch: pytest.MonkeyPatch, bad: set[int], alone: set[int], expected: dict[int, str]
) -> None:
    """``bad`` pairs stop the worker of their series, ``alone`` those that do so by themselves too."""

    def outcome(job: Any, failing: set[int], value: Any) -> Outcome[Any, Any]:
        members = job if isinstance(job, tuple) else (job,)
        if any(int(one.pair_id) in failing for one in members):
            return failed(job, Reason.WORKER_CRASH, "gone")
        return Outcome(job=job, status=Status.OK, value=value)

    def run_items(work: object, jobs: Any, settings: object) -> Iterator[Outcome[Any, Any]]:
        for one in jobs:
            if isinstance(one, tuple):
                yield outcome(one, bad, [outcome(member, set(), "aligned") for member in one])
            else:
                yield outcome(one, alone, "alone")

    monkeypatch.setattr(align, "run_items", run_items)
    found = list(align.run_jobs(align.align_pair, [job(1), job(2), job(3)], RUN))
    assert {int(one.job.pair_id): str(one.status) for one in found} == expected
    assert {one.value for one in found if one.status is Status.OK} <= {"aligned"}
    assert len(found) == 3
