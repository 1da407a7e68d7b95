"""The picture of a pair, for accepted and rejected pairs, and messages for unknown ids."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ebb import results
from ebb.arrays import Rgb8
from ebb.dataset.catalog import Pair, pairs_of, read_catalog, write_catalog
from ebb.errors import InvalidInput, Reason, UsageError
from ebb.formats.png import decode_png
from ebb.progress import SilentProgress
from ebb.report import debug_picture
from ebb.report.canvas import BAD, GOOD, MARK
from ebb.report.debug_picture import (
    CAPTION,
    HEADER,
    MARGIN,
    PANEL,
    WIDTH,
    compose,
    find_pair,
    write_debug_picture,
)
from ebb.scan.data_set import Request
from ebb.settings import AlignSettings, RunSettings
from ebb.stages import import_
from ebb.workspace import Workspace, open_workspace, read_workspace
from tests.helpers.published import write_data_set

SETTINGS, RUN = AlignSettings(height=256), RunSettings(workers=1)


@pytest.fixture
def workspace(root: Path, tmp_path: Path) -> Iterator[Workspace]:
    shutil.copytree(root, tmp_path / "set")
    with open_workspace(tmp_path / "set") as opened:
        yield opened


def find(workspace: Workspace, wide: str) -> Pair:
    pairs = pairs_of(read_catalog(workspace.catalog_file))
    return next(pair for pair in pairs if pair.wide.name == wide)


def pair_of(workspace: Workspace, wide: str) -> str:
    return find(workspace, wide).pair_id


def count(picture: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    """Pixels of a colour, less what antialiasing blends away."""
    return int((np.abs(picture.astype(int) - colour).max(axis=2) < 8).sum())


def drawn(workspace: Workspace, wide: str, settings: AlignSettings = SETTINGS) -> Rgb8:
    pair = find(workspace, wide)
    return compose(pair, settings, debug_picture.examine_pair(pair, settings))


def test_an_accepted_pair(workspace: Workspace) -> None:
    pair_id = pair_of(workspace, "IMG_0001.JPG")
    before = workspace.state.stage_rows(results.ALIGN)
    report = write_debug_picture(workspace, pair_id, SETTINGS, RUN)
    assert (report.pair_id, report.verdict, report.detail) == (pair_id, "ok", "")
    assert report.picture == str(workspace.root / "debug" / f"{pair_id}.png")
    picture = decode_png(Path(report.picture).read_bytes())
    assert picture.shape[1] == WIDTH
    assert count(picture[: HEADER + 24], GOOD) > 200
    assert count(picture[: HEADER + 24], BAD) == 0
    assert workspace.state.stage_rows(results.ALIGN) == before


def test_an_imported_pair_is_drawn_as_registration_finds_it(tmp_path: Path) -> None:
    folder = write_data_set(tmp_path / "EBB", "ebb", ["shifted"])
    with open_workspace(tmp_path / "set", create=True) as workspace:
        import_.run(workspace, Request(source=folder), AlignSettings(), RUN, SilentProgress())
        report = write_debug_picture(workspace, "train/original/1.png", AlignSettings(), RUN)
        assert (report.verdict, report.detail) == ("ok", "")


def test_a_pair_without_any_motion(workspace: Workspace) -> None:
    report = write_debug_picture(workspace, pair_of(workspace, "IMG_0011.JPG"), SETTINGS, RUN)
    assert report.verdict in (Reason.TOO_FEW_MATCHES, Reason.TOO_FEW_INLIERS)
    assert "matches" in report.detail
    picture = decode_png(Path(report.picture).read_bytes())
    assert count(picture[: HEADER + 24], BAD) > 200
    assert count(picture, MARK) < 500  # there is no common crop to draw, only confetti of that colour


@pytest.mark.parametrize(("wide", "rows"), [("IMG_0011.JPG", 1), ("IMG_0001.JPG", 2)])
def test_the_caption_of_the_detail_fits_its_rows(workspace: Workspace, wide: str, rows: int) -> None:
    caption, picture = debug_picture._zoom(debug_picture.examine_pair(find(workspace, wide), SETTINGS))
    assert len(picture) == rows * (debug_picture.ZOOM + 2)
    assert caption.endswith("after alignment (below)" if rows == 2 else "no motion was found")


def test_the_overlay_is_grey_after_alignment(workspace: Workspace) -> None:
    """After alignment the overlay has no coloured fringes."""
    picture = drawn(workspace, "IMG_0001.JPG").astype(int)
    step = CAPTION + PANEL.height + MARGIN
    top = HEADER + 22 + step + CAPTION
    rows = slice(top + 60, top + PANEL.height - 60)
    left, right = MARGIN + 60, 2 * MARGIN + PANEL.width + 60
    before, after = (np.ptp(picture[rows, x : x + PANEL.width - 120], axis=2).mean() for x in (left, right))
    assert after < 0.35 * before
    assert count(picture, MARK) > 1000


def test_every_rejecting_gate_is_named(workspace: Workspace) -> None:
    strict = dataclasses.replace(SETTINGS, max_unexplained=0.0, min_inlier_ratio=1.0, max_residual_px=1e-6)
    pair_id = pair_of(workspace, "IMG_0001.JPG")
    report = write_debug_picture(workspace, pair_id, strict, RUN)
    assert report.verdict == Reason.TOO_FEW_INLIERS
    assert "less than 100%" in report.detail
    examined = debug_picture.examine_pair(find(workspace, "IMG_0001.JPG"), strict)
    assert examined.rejections[0].reason is Reason.TOO_FEW_INLIERS
    assert Reason.LOW_SIMILARITY in {one.reason for one in examined.rejections}
    lines = dict(debug_picture._measurement_lines(strict, examined))
    failing = [text for text, colour in lines.items() if colour == BAD]
    assert any(text.startswith("inlier_ratio") and text.endswith(" share  (at least 1)") for text in failing)
    assert any(text.startswith("residual_px") for text in failing)
    assert not any(text.startswith("overlap") for text in failing)


def test_the_beginning_of_an_id_is_enough(workspace: Workspace) -> None:
    pair_id = pair_of(workspace, "IMG_0001.JPG")
    assert write_debug_picture(workspace, pair_id[:6].upper(), SETTINGS, RUN).pair_id == pair_id


def test_an_unknown_id_suggests_similar_ones(workspace: Workspace) -> None:
    pair_id = pair_of(workspace, "IMG_0001.JPG")
    mistyped = pair_id[1] + pair_id[0] + pair_id[2:]
    with pytest.raises(UsageError, match=f"no pair has the id or a file of the name '{mistyped}'") as error:
        write_debug_picture(workspace, mistyped, SETTINGS, RUN)
    assert f"near it: {pair_id}" in error.value.hint
    for nothing_like_it in ("", "zzz"):
        with pytest.raises(UsageError, match="no pair") as error:
            write_debug_picture(workspace, nothing_like_it, SETTINGS, RUN)
        assert "pairs here: " in error.value.hint
        assert pair_id in error.value.hint


def test_pairs_by_the_names_of_their_files(workspace: Workspace) -> None:
    pairs = pairs_of(read_catalog(workspace.catalog_file))
    wanted = pair_of(workspace, "IMG_0001.JPG")
    for name in ("IMG_0001.JPG", "img_0002.jpg", "IMG_0001", wanted, wanted[:6].upper()):
        assert find_pair(pairs, name).pair_id == wanted


def test_names_of_several_pairs(workspace: Workspace) -> None:
    pairs = pairs_of(read_catalog(workspace.catalog_file))
    twice = [dataclasses.replace(pair, pair_id=f"ab0{number}") for number, pair in enumerate(pairs[:2])]
    same = [dataclasses.replace(pair, wide=pairs[0].wide) for pair in twice]
    for found, name in ((twice, "ab"), (same, "IMG_0001.JPG")):
        with pytest.raises(UsageError, match=f"more than one pair is called '{name}'") as error:
            find_pair(found, name)
        assert "ab00 (" in error.value.hint
        assert "ab01 (" in error.value.hint


def test_the_name_of_a_scene_is_that_of_its_first_pair(workspace: Workspace) -> None:
    pair = pairs_of(read_catalog(workspace.catalog_file))[0]
    further = dataclasses.replace(pair, pair_id=f"{pair.pair_id}-f028")
    assert find_pair([further, pair], pair.pair_id) is pair
    assert find_pair([further, pair], further.pair_id) is further


def test_a_missing_file(root: Path, workspace: Workspace) -> None:
    rows = read_catalog(workspace.catalog_file)
    moved = [dataclasses.replace(row, folder=str(workspace.root / "nowhere")) for row in rows]
    workspace.catalog_file.write_bytes(write_catalog(moved))
    with pytest.raises(InvalidInput, match=r"IMG_0001.JPG: cannot be read"):
        write_debug_picture(workspace, pair_of(workspace, "IMG_0001.JPG"), SETTINGS, RUN)


def test_it_can_be_drawn_while_the_folder_is_locked(workspace: Workspace) -> None:
    with read_workspace(workspace.root) as beside:
        report = write_debug_picture(beside, pair_of(beside, "IMG_0001.JPG"), SETTINGS, RUN)
    assert Path(report.picture).exists()


def test_nothing_is_drawn_into_the_target_of_a_link(workspace: Workspace, tmp_path: Path) -> None:
    (workspace.root / "debug").symlink_to(tmp_path)
    with pytest.raises(InvalidInput, match="debug: a symbolic link"):
        write_debug_picture(workspace, pair_of(workspace, "IMG_0001.JPG"), SETTINGS, RUN)
