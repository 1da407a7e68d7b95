"""Ingest on real files: catalogue, reasons, resume, overriding pairs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ebb.dataset.catalog import pairs_of, read_catalog
from ebb.errors import ExitCode, InvalidInput, Reason, Status, UsageError
from ebb.progress import SilentProgress
from ebb.report.summary import ingest_text
from ebb.settings import IngestSettings, RunSettings
from ebb.stages import ingest
from ebb.workspace import Workspace, open_workspace
from tests.helpers.captures import SAMPLE, scene, shot, write_card, write_pair
from tests.helpers.series import write_series

RUN = RunSettings(workers=2)


def run(workspace: Workspace, folder: Path, **settings: object) -> ingest.IngestReport:
    return ingest.run(workspace, folder, IngestSettings(**settings), RUN, SilentProgress())  # type: ignore[arg-type]


def test_the_sample_captures(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "set", create=True) as workspace:
        report = run(workspace, SAMPLE / "captures")
        assert (report.num_files, report.num_captures, report.num_pairs) == (15, 11, 4)
        assert report.exit_code is ExitCode.DONE
        assert report.reasons == {"jpeg_twin": 2, "missing_partner": 1, "unsupported_file": 1}
        pairs = pairs_of(read_catalog(workspace.catalog_file))
    names = [(pair.wide.name, pair.shallow.name, pair.depth and pair.depth.name) for pair in pairs]
    assert names == [
        ("IMG_0301.DNG", "IMG_0302.DNG", "IMG_0301_depth.png"),
        ("IMG_0304.DNG", "IMG_0303.DNG", "IMG_0304_depth.png"),
        ("IMG_0305.JPG", "IMG_0306.JPG", "IMG_0305_depth.png"),
        ("IMG_0307.JPG", "IMG_0308.JPG", None),
    ]
    garden = pairs[1].wide
    assert (garden.width, garden.height, garden.orientation) == (1280, 1920, 6)
    assert (garden.camera, garden.lens, garden.focal_length_mm) == ("Canon EOS 7D", "EF50mm f/1.8 II", 50)
    assert (garden.f_number, garden.iso, garden.exposure_time_s) == (16, 400, pytest.approx(1 / 60))
    assert garden.captured_at is not None
    assert garden.captured_at.isoformat() == "2019-06-02T14:10:48.620000"


def test_only_what_changed_is_read_again(tmp_path: Path) -> None:
    write_card(tmp_path / "raw", 2)
    with open_workspace(tmp_path / "set", create=True) as workspace:
        assert run(workspace, tmp_path / "raw").unchanged == 0
        first = workspace.catalog_file.read_bytes()
        assert run(workspace, tmp_path / "raw").unchanged == 6
        assert workspace.catalog_file.read_bytes() == first
        (tmp_path / "raw" / "IMG_0002.JPG").write_bytes(shot(scene(9), 1.8, 6))
        (tmp_path / "raw" / "IMG_0001_depth.png").unlink()
        report = run(workspace, tmp_path / "raw")
        assert (report.unchanged, report.num_files) == (4, 5)


def test_two_folders_share_a_catalogue(tmp_path: Path) -> None:
    write_pair(tmp_path / "day1", 1, seed=1, seconds=0)
    write_pair(tmp_path / "day2", 1, seed=2, seconds=86400)
    with open_workspace(tmp_path / "set", create=True) as workspace:
        run(workspace, tmp_path / "day1")
        run(workspace, tmp_path / "day2")
        run(workspace, tmp_path / "day1")
        assert len(pairs_of(read_catalog(workspace.catalog_file))) == 2


def test_a_pairs_file_overrides(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    write_card(raw, 2)
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("wide,shallow\nIMG_0001.JPG,IMG_0004.JPG\n")
    with open_workspace(tmp_path / "set", create=True) as workspace:
        report = run(workspace, raw, pairs=pairs)
        (pair,) = pairs_of(report.rows)
        assert (pair.wide.name, pair.shallow.name) == ("IMG_0001.JPG", "IMG_0004.JPG")
        assert report.reasons == {"not_in_pairs_file": 2}
        pairs.write_text("wide,shallow\nIMG_0001.JPG,IMG_0009.JPG\n")
        with pytest.raises(UsageError, match=r"\.csv: line 2: .*IMG_0009\.JPG"):
            run(workspace, raw, pairs=pairs)
        with pytest.raises(UsageError, match=r"none.csv: cannot read .* \(correct --pairs"):
            run(workspace, raw, pairs=tmp_path / "none.csv")
        pairs.write_bytes("wide,shallow\nf\xfcr,gegen\n".encode("latin-1"))
        with pytest.raises(UsageError, match=r"not UTF-8: .*CSV UTF-8"):
            run(workspace, raw, pairs=pairs)


def test_a_pairs_file_that_names_a_damaged_photo(tmp_path: Path) -> None:
    raw, pairs = tmp_path / "raw", tmp_path / "pairs.csv"
    write_card(raw, 1)
    (raw / "IMG_0002.JPG").write_bytes(b"")
    pairs.write_text("wide,shallow\nIMG_0001.JPG,IMG_0002.JPG\n")
    with pytest.raises(UsageError, match=r"line 2: 'IMG_0002.JPG' is no usable photo: .*: the file is empty"):
        ingest.preview(raw, IngestSettings(pairs=pairs), RUN, SilentProgress())


def test_the_first_suffix_of_several_depth_files_is_used(tmp_path: Path) -> None:
    """The order is that of ``ebb-train render`` and ``ebb simulate``."""
    write_card(tmp_path / "raw", 1)
    for suffix in ("npy", "tif"):
        (tmp_path / "raw" / f"IMG_0001_depth.{suffix}").write_bytes(b"another map")
    with open_workspace(tmp_path / "set", create=True) as workspace:
        run(workspace, tmp_path / "raw")
        rows = read_catalog(workspace.catalog_file)
    depth = {row.name: bool(row.pair_id) for row in rows if row.role == "depth"}
    assert depth == {f"IMG_0001_depth.{kind}": kind == "png" for kind in ("png", "npy", "tif")}


def test_preview_and_explain_write_nothing(tmp_path: Path) -> None:
    write_card(tmp_path / "raw", 1)
    (tmp_path / "raw" / "notes.txt").write_text("x")
    before = sorted(tmp_path.rglob("*"))
    settings, progress = IngestSettings(), SilentProgress()
    assert ingest.preview(tmp_path / "raw", settings, RUN, progress).num_pairs == 1
    text = ingest.explain_file(tmp_path / "raw", "IMG_0002.JPG", settings, RUN, progress)
    assert "IMG_0001.JPG" in text
    assert "5.00 s" in text
    assert "unsupported_file" in ingest.explain_file(tmp_path / "raw", "notes.txt", settings, RUN, progress)
    assert "depth" in ingest.explain_file(tmp_path / "raw", "IMG_0001_depth.png", settings, RUN, progress)
    with pytest.raises(UsageError, match="--explain IMG_9.JPG: there is no such file"):
        ingest.explain_file(tmp_path / "raw", "IMG_9.JPG", settings, RUN, progress)
    assert sorted(tmp_path.rglob("*")) == before


def test_explain_takes_a_path_before_a_bare_name(tmp_path: Path) -> None:
    for name in ("a.JPG", "1/a.JPG", "1/b.JPG", "2/b.JPG"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    told = ingest.explain_file(tmp_path, "a.JPG", IngestSettings(), RUN, SilentProgress())
    assert told.splitlines()[0] == "a.JPG"
    with pytest.raises(UsageError, match=r"fits 2 files: 1/b.JPG, 2/b.JPG \(name one with its path\)"):
        ingest.explain_file(tmp_path, "b.JPG", IngestSettings(), RUN, SilentProgress())


def test_explain_takes_what_tab_completion_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "raw" / "1").mkdir(parents=True)
    for name in ("a.JPG", "1/a.JPG"):
        (tmp_path / "raw" / name).touch()
    (tmp_path / "link").symlink_to(tmp_path / "raw")
    monkeypatch.chdir(tmp_path)
    for typed, name in (("raw/1/a.JPG", "1/a.JPG"), ("link/a.JPG", "a.JPG"), ("./raw/a.JPG", "a.JPG")):
        told = ingest.explain_file(Path("raw"), typed, IngestSettings(), RUN, SilentProgress())
        assert told.splitlines()[0] == name


def test_a_wrong_name_to_explain_is_found_before_any_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "IMG_0309.JPG").touch()
    monkeypatch.setattr(ingest, "read_folder", None)  # would be called to read them
    with pytest.raises(UsageError, match=r"--explain IMG_0309: there is no such file \(close: IMG_0309.JPG"):
        ingest.explain_file(tmp_path, "IMG_0309", IngestSettings(), RUN, SilentProgress())


def test_not_a_folder(tmp_path: Path) -> None:
    with (
        open_workspace(tmp_path / "set", create=True) as workspace,
        pytest.raises(InvalidInput, match="not a folder"),
    ):
        run(workspace, tmp_path / "nothing")


def test_a_name_that_is_not_text_is_a_row(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path / "raw")
    write_card(tmp_path / "raw", 1)
    Path(os.fsdecode(folder + b"/IMG_\xff.CR2")).write_bytes(b"x")
    (tmp_path / "raw" / "IMG_\\xff.CR2").write_bytes(b"x")  # as its escapes would read
    with open_workspace(tmp_path / "set", create=True) as workspace:
        report = run(workspace, tmp_path / "raw")
    rows = {row.name: row for row in report.rows if row.status is Status.ERROR}
    assert list(rows) == ["IMG_\\xff.CR2", "IMG_\\xff.CR2 (not UTF-8)"]
    row = rows["IMG_\\xff.CR2 (not UTF-8)"]
    assert row.reason is Reason.UNREADABLE
    assert "rename the file" in row.detail


def test_hidden_files_devices_and_loops_are_skipped(tmp_path: Path) -> None:
    write_pair(tmp_path / "raw", 1, seed=1, seconds=0)
    (tmp_path / "raw" / ".IMG_0009.JPG").write_bytes(b"x")
    os.mkfifo(tmp_path / "raw" / "IMG_0010.JPG")
    (tmp_path / "raw" / "loop").symlink_to(tmp_path / "raw")
    with open_workspace(tmp_path / "set", create=True) as workspace:
        assert run(workspace, tmp_path / "raw").num_files == 2


def test_a_damaged_partner_is_mentioned(tmp_path: Path) -> None:
    _, shallow = write_pair(tmp_path, 9, seed=1, seconds=0)
    shallow.write_bytes(shallow.read_bytes()[:5000])
    rows = {row.name: row for row in ingest.preview(tmp_path, IngestSettings(), RUN, SilentProgress()).rows}
    assert rows["IMG_0010.JPG"].reason is Reason.CORRUPT_INPUT
    assert rows["IMG_0009.JPG"].detail.endswith("; IMG_0010.JPG next to it is broken")
    assert "next to it is broken" in ingest.explain_file(
        tmp_path, "IMG_0009.JPG", IngestSettings(), RUN, SilentProgress()
    )


def test_a_moved_folder_occurs_once(tmp_path: Path) -> None:
    for name in ("card", "other"):
        write_pair(tmp_path / name, 1, seed=len(name), seconds=0)
    (tmp_path / "card" / "notes.txt").touch()
    with open_workspace(tmp_path / "set", create=True) as workspace:
        run(workspace, tmp_path / "card")
        run(workspace, tmp_path / "other")
        (tmp_path / "card").rename(tmp_path / "moved")
        run(workspace, tmp_path / "moved")
        rows = read_catalog(workspace.catalog_file)
        assert {Path(row.folder).name for row in rows} == {"other", "moved"}
        assert {Path(row.folder).name for row in workspace.state.file_rows()} == {"other", "moved"}
        assert len(pairs_of(rows)) == 2
        (tmp_path / "other").rename(tmp_path / "unplugged")
        run(workspace, tmp_path / "moved")
        assert len(pairs_of(read_catalog(workspace.catalog_file))) == 2, "it may come back"


def test_a_series_is_told_of_and_paired(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for number in (0, 1):
        write_series(raw, number)
    with open_workspace(tmp_path / "set", create=True) as workspace:
        plain = run(workspace, raw)
        assert (plain.num_pairs, plain.num_scenes, plain.num_further) == (2, 2, 2)
        assert "\n2 scenes hold photos at further apertures; --series uses them\n" in ingest_text(plain)
        first = {pair.pair_id for pair in pairs_of(read_catalog(workspace.catalog_file))}
        report = run(workspace, raw, series=True)
        assert (report.num_pairs, report.num_scenes, report.num_further) == (6, 2, 0)
        assert ingest_text(report) == "10 files, 8 captures, 6 pairs of 2 scenes"
        assert report.wide_f_numbers == {"f/16": 2}
        rows = read_catalog(workspace.catalog_file)
    pairs = pairs_of(rows)
    assert first < {pair.pair_id for pair in pairs}
    assert [pair.shallow.f_number for pair in pairs] == [1.8, 2.8, 8.0] * 2
    assert all(
        pair.depth and pair.depth.name == pair.wide.name.replace(".JPG", "_depth.png") for pair in pairs
    )
    of_scene = [row for row in rows if row.scene == pairs[0].scene]
    assert [(row.role, row.f_number, row.partner_f_number) for row in of_scene] == [
        ("wide", 16.0, 1.8),
        ("depth", None, None),
        ("shallow", 8.0, 16.0),
        ("shallow", 2.8, 16.0),
        ("shallow", 1.8, 16.0),
    ]


def test_a_pairs_file_may_name_a_series(tmp_path: Path) -> None:
    raw, listed = tmp_path / "raw", tmp_path / "pairs.csv"
    write_series(raw, 0)
    listed.write_text("wide,shallow\nIMG_0100.JPG,IMG_0101.JPG\nIMG_0100.JPG,IMG_0104.JPG\n")
    with open_workspace(tmp_path / "set", create=True) as workspace:
        reports = [run(workspace, raw, pairs=listed, series=series) for series in (False, True)]
    assert [(report.num_pairs, report.num_scenes, report.num_further) for report in reports] == [
        (2, 1, 0)
    ] * 2
    assert [pair.shallow.name for pair in pairs_of(reports[0].rows)] == ["IMG_0104.JPG", "IMG_0101.JPG"]
