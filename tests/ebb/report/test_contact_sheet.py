"""The contact sheet."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from ebb.formats.png import decode_png
from ebb.report import contact_sheet
from ebb.report.canvas import text_width
from ebb.report.contact_sheet import CAPTION, MARGIN, TILE_HEIGHT, write_contact_sheet
from ebb.report.dataset_page import write_dataset_page
from ebb.settings import AlignSettings
from ebb.workspace import open_workspace


def test_one_row_per_pair_with_three_pictures(root: Path) -> None:
    sheet = decode_png((root / "contact_sheet.png").read_bytes())
    assert len(sheet) == 2 * (CAPTION + TILE_HEIGHT + MARGIN) + MARGIN
    first = sheet[MARGIN + CAPTION : MARGIN + CAPTION + TILE_HEIGHT, MARGIN:].astype(float)
    tile = (first.shape[1]) // 3
    wide, shallow, depth = (first[:, i * tile : (i + 1) * tile - MARGIN] for i in range(3))
    assert np.corrcoef(wide.ravel(), shallow.ravel())[0, 1] > 0.9
    assert np.ptp(depth, axis=2).max() == 0


def test_many_pairs_are_thinned_out_evenly(root: Path, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    monkeypatch.setattr(contact_sheet, "MAX_PAIRS", 1)
    shutil.copytree(root, tmp_path / "set")
    with open_workspace(tmp_path / "set") as workspace:
        path = write_contact_sheet(workspace)
    assert path is not None
    assert len(decode_png(path.read_bytes())) == CAPTION + TILE_HEIGHT + 2 * MARGIN


def test_captions_of_portrait_pairs_are_whole() -> None:
    """Captions may be wider than the photos."""
    caption = "1c72414965a93e1e  DSC00001_portrait.ARW + DSC00002_portrait.ARW  train"
    strip = np.full((TILE_HEIGHT, 200, 3), 90, np.uint8)
    sheet = contact_sheet._stack([(caption, strip)])
    assert sheet.shape[1] == text_width(caption) + 2 * MARGIN > 400
    text = sheet[MARGIN : MARGIN + CAPTION].max(axis=(0, 2)) > 200
    assert text[-MARGIN - 12 : -MARGIN].any(), "its last letters are there"
    assert not text[-MARGIN:].any()


def test_without_finished_pairs_there_is_no_sheet(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "set")
    with open_workspace(tmp_path / "set") as workspace:
        workspace.save_settings(align=AlignSettings(height=128))
        assert write_contact_sheet(workspace) is None


def test_damaged_photos_are_left_out(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "set")
    first, *others = sorted((tmp_path / "set" / "pairs").iterdir())
    (first / "wide.png").write_bytes(b"torn")
    for folder in others:
        shutil.rmtree(folder)
    with open_workspace(tmp_path / "set") as workspace:
        assert write_contact_sheet(workspace) is not None
        page = write_dataset_page(workspace).read_text(encoding="utf-8")
        assert page.count("damaged: wide") == 1
        shutil.rmtree(first)
        assert write_contact_sheet(workspace) is None
