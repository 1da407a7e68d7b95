"""The page of a dataset folder."""

from __future__ import annotations

import base64
import html
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from ebb import results
from ebb.dataset.catalog import read_catalog, write_catalog
from ebb.errors import InvalidInput, Reason, Status
from ebb.formats.png import decode_png
from ebb.measurements import QUALITY
from ebb.progress import SilentProgress
from ebb.report import dataset_page
from ebb.report.dataset_page import MeasuredPair, most_doubtful, write_dataset_page
from ebb.report.status import PairStatus, dataset_status
from ebb.settings import AlignSettings, ShardSettings
from ebb.stages import shard
from ebb.workspace import open_workspace, read_workspace


class Tables(HTMLParser):
    """Texts of all table cells, a list a row, and addresses of all pictures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.pictures: list[dict[str, str | None]] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")
        if tag == "img":
            self.pictures.append(dict(attrs))
        self._inside = self._inside or tag == "td"

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "td"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.rows[-1][-1] += data


@pytest.fixture
def page(root: Path) -> str:
    return (root / "report.html").read_text(encoding="utf-8")


def test_every_pair_has_a_row_with_its_status(root: Path, page: str) -> None:
    rows = {row[0]: row for row in Tables(page).rows if row}
    with read_workspace(root) as workspace:
        pairs = dataset_status(workspace).pairs
        aligned = workspace.state.stage_rows(results.ALIGN)
    assert len(pairs) == 3
    for pair in pairs:
        _, wide, shallow, where, said, overlap, *_ = rows[pair.pair_id]
        assert (wide, shallow, where) == (pair.wide, pair.shallow, pair.split or "align")
        if pair.status is Status.OK:
            assert said == "ok"
            kept = aligned[pair.pair_id].value
            assert kept is not None
            assert float(overlap) == pytest.approx(kept.measurements["overlap"], rel=0.01)
        else:
            assert said == f"{pair.reason}: {pair.detail}"


def test_reasons_come_with_advice(page: str) -> None:
    rows = Tables(page).rows
    assert ["missing_partner", Reason.MISSING_PARTNER.advice, "1"] in rows
    assert ["align", "2", "1", "0", "0"] in rows


def test_unused_files_are_listed_with_their_reasons(root: Path, page: str) -> None:
    with read_workspace(root) as workspace:
        catalog = read_catalog(workspace.catalog_file)
    aside = [row for row in catalog if row.reason is not None]
    assert len(aside) > 1
    rows = Tables(page).rows
    for row in aside:
        assert [row.name, str(row.reason), row.detail] in rows


def test_rejected_pairs_are_shown_with_their_original_photos(root: Path, page: str) -> None:
    with read_workspace(root) as workspace:
        (refused,) = [pair for pair in dataset_status(workspace).pairs if pair.status is Status.REJECTED]
    pictures = [picture for picture in Tables(page).pictures if refused.pair_id in str(picture["alt"])]
    assert [picture["data-name"] for picture in pictures] == ["wide", "shallow"]
    assert f'<a href="#pair-{refused.pair_id}">{refused.pair_id}</a>' in page


def test_every_link_leads_to_a_file_or_a_part_of_the_page(root: Path, page: str) -> None:
    links = re.findall(r'<a href="([^"]*)"', page)
    assert {"contact_sheet.png", "shards/README.md", "#refused", "#pairs"} <= set(links)
    assert any(link.startswith("pairs/") for link in links)
    for link in links:
        assert f'id="{link[1:]}"' in page if link.startswith("#") else (root / link).exists()


def test_a_rejected_pair_with_missing_files(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(root, tmp_path / "set")
    monkeypatch.setattr(dataset_page, "read_previews", lambda _: {})
    with open_workspace(tmp_path / "set") as workspace:
        text = write_dataset_page(workspace).read_text(encoding="utf-8")
    assert "(its files are missing or cannot be opened)" in text


def test_accepted_pairs_are_shown(root: Path, page: str) -> None:
    pictures = [picture for picture in Tables(page).pictures if "data-name" in picture][
        2:
    ]  # behind the refused pair
    assert [picture["data-name"] for picture in pictures] == ["wide", "shallow", "depth"] * 2
    pair_id = str(pictures[0]["alt"]).rpartition(" ")[2]
    shown = cv2.imdecode(
        np.frombuffer(base64.b64decode(str(pictures[0]["src"]).partition(",")[2]), np.uint8),
        cv2.IMREAD_COLOR_RGB,
    )
    stored = decode_png((root / "pairs" / pair_id / "wide.png").read_bytes())
    assert shown is not None
    assert np.abs(cv2.resize(stored, shown.shape[1::-1]).astype(int) - shown).mean() < 12


def test_the_cut_by_quality_counts_as_the_shards_do(page: str) -> None:
    found = re.search(r'data-kept="(\[[^"]*\])"', page)
    assert found
    kept = json.loads(found[1])
    assert len(kept) == 101
    assert kept[0] == 2
    assert kept == sorted(kept, reverse=True)
    qualities = [float(text) for text in re.findall(r'data-quality="([\d.]+)"', page)]
    assert len(qualities) == 2
    assert qualities == sorted(qualities)
    assert all(kept[int(100 * quality) - 1] >= 2 - index for index, quality in enumerate(qualities))


def test_nothing_is_fetched(page: str) -> None:
    assert not re.search(r"https?://|url\(|@import|<link|<[^>]+\s(style|on\w+)=", page)


def test_names_of_files_are_escaped(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "set")
    with open_workspace(tmp_path / "set") as workspace:
        for row in workspace.state.stage_rows(results.ALIGN).values():
            if row.status is Status.REJECTED:
                workspace.state.put_stage(replace(row, detail="<script>alert(1)</script>"))
        text = write_dataset_page(workspace).read_text(encoding="utf-8")
    assert "alert(1)</script>" not in text
    assert any("<script>alert(1)</script>" in cell for row in Tables(text).rows for cell in row)


def test_the_same_folder_gives_the_same_page(root: Path, page: str) -> None:
    with read_workspace(root) as workspace:
        assert write_dataset_page(workspace).read_text(encoding="utf-8") == page


def test_nothing_done_yet(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "set")
    with open_workspace(tmp_path / "set") as workspace:
        workspace.save_settings(align=AlignSettings(height=128))
        text = write_dataset_page(workspace).read_text(encoding="utf-8")
        assert "<svg" not in text
        assert ["align", "0", "0", "0", "3"] in Tables(text).rows
        workspace.catalog_file.unlink()
        with pytest.raises(InvalidInput, match="no catalogue"):
            write_dataset_page(workspace)


def test_a_folder_without_pairs_has_no_empty_tables(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "set")
    with open_workspace(tmp_path / "set") as workspace:
        rows = [row for row in read_catalog(workspace.catalog_file) if row.reason is not None]
        workspace.catalog_file.write_bytes(write_catalog(rows))
        text = write_dataset_page(workspace).read_text(encoding="utf-8")
    assert "Files that are not used" in text
    assert not re.findall(r"<h2[^>]*>(?:Cameras|All pairs)", text)
    assert "#pairs" not in text


def test_commands_name_the_folder(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "my set")
    with open_workspace(tmp_path / "my set") as workspace:
        text = write_dataset_page(workspace).read_text(encoding="utf-8")
    (first, *_) = re.findall("<code>(.*?)</code>", text)
    command = html.unescape(re.sub("<.*?>", "", first))
    assert command == "ebb align --debug PAIR_ID --dataset 'my set'"
    assert str(tmp_path) not in re.sub(r"<dd>.*?</dd>", "", text)


def test_pairs_that_the_shards_leave_out_stay_among_the_accepted(root: Path, tmp_path: Path) -> None:
    """The slider counts all that alignment accepted, so that a smallest quality can also be lowered."""
    shutil.copytree(root, tmp_path / "set")
    with open_workspace(tmp_path / "set") as workspace:
        ranks = [
            row.value.measurements[QUALITY]
            for row in workspace.state.stage_rows(results.ALIGN).values()
            if row.value
        ]
        shard.run(workspace, ShardSettings(test=0, val=0, min_quality=max(ranks)), SilentProgress())
        text = write_dataset_page(workspace).read_text(encoding="utf-8")
    assert "of 2 pairs are kept" in text
    assert any("low_quality: quality rank" in cell for row in Tables(text).rows for cell in row)


def test_pairs_closest_to_a_limit_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_page, "NUM_DOUBTFUL", 2)
    residuals = {"fine": 0.1, "bare": 0.49, "near": 0.4}
    pairs = [
        MeasuredPair(
            status=PairStatus(pair_id=name, wide="", shallow="", stage="depth", status=Status.OK),
            measured={"residual_px": value, "defocus_px": 30.0, "similarity": 0.999},
        )
        for name, value in residuals.items()
    ]
    found = most_doubtful(pairs, AlignSettings(max_residual_px=0.5))
    assert [pair.status.pair_id for pair in found] == ["bare", "near"]
