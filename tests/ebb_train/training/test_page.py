"""The page of a run: content, and independence of other files."""

from __future__ import annotations

import base64
import json
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ebb.formats.png import encode_png
from ebb.settings import as_dict
from ebb_train.settings import SCHEDULES
from ebb_train.training.page import PAGE, charts, stage_row, write_page

if TYPE_CHECKING:
    from pathlib import Path

STEPS = {"level-7": 40, "level-6": 60}
LOG: list[dict[str, Any]] = [
    {"level": 7, "step": step, "total": step, "l1": 1 / step, "loss": 1 / step, "gradient_norm": 0.1}
    for step in (10, 20, 30, 40)
] + [
    {"level": 7, "step": 40, "total": 40, "validation": {"psnr": 17.25, "ssim": 0.5}, "pairs": 2},
    {"level": 6, "step": 10, "total": 50, "l1": 0.02, "loss": 0.02, "gradient_norm": float("inf")},
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "<b>mine & yours"
    (folder / "pictures").mkdir(parents=True)
    (folder / "pictures" / "level-7.png").write_bytes(encode_png(np.full((8, 16, 3), 90, np.uint8)))
    rows = {
        row.level: as_dict(row)
        for row in SCHEDULES["paper"].with_crop(0, 1024).rows
        if row.level in (1, 6, 7)
    }
    identity = {
        "network": {"width": 0.125},
        "schedule": rows,
        "settings": {"seed": 3},
        "dataset": {"sha256": "ab" * 32},
    }
    (folder / "run.json").write_text(json.dumps(identity))
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LOG))
    write_page(folder, STEPS)
    return folder


class Tags(HTMLParser):
    """Every tag with its attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


def test_the_page_has_levels_curves_and_settings(run: Path) -> None:
    page = Tags((run / PAGE).read_text())
    words = " ".join(page.text.split())
    assert "50 of 100 steps" in words
    assert "finished" not in words
    assert "7 40 of 40 0.1000 0.0250 17.25 dB" in words
    assert "6 10 of 60 0.0200" in words
    assert "sha256 abab" in words
    adam = "learning rate 5e-05, Adam as in TensorFlow, epsilon 1e-08"
    assert (
        f"level 7 5,000 steps of 50 crops of 1024 px, {adam}, loss 100 l1 "
        f"level 6 5,000 steps of 50 crops of 1024 px, {adam}, loss 100 l1 "
        f"level 1 100,000 steps of 5 crops of 1024 px, {adam}, loss 10 l1 + 10 ssim + 0.1 vgg "
        "seed 3"
    ) in words
    assert [attrs["aria-label"] for tag, attrs in page.tags if tag == "svg"] == [
        "validation: PSNR (dB)", "validation: SSIM", "training: L1", "training: length of the gradient",
    ]  # fmt: skip


def test_the_page_is_self_contained(run: Path) -> None:
    page = Tags((run / PAGE).read_text())
    assert [attrs for tag, attrs in page.tags if tag == "script"] == [{}]  # its own, inside
    assert not {"link", "iframe", "object", "form"} & {tag for tag, _ in page.tags}
    links = [attrs["href"] or "" for _, attrs in page.tags if "href" in attrs]
    assert links == ["run.json", "log.jsonl", "pictures/level-7.png"]
    assert all((run / link).exists() for link in links)
    (picture,) = [attrs["src"] or "" for _, attrs in page.tags if "src" in attrs]
    kind, data = picture.split(",")
    assert kind == "data:image/jpeg;base64"
    assert base64.b64decode(data).startswith(b"\xff\xd8")
    assert not any(name == "style" or name.startswith("on") for _, attrs in page.tags for name in attrs)


def test_names_are_escaped(run: Path) -> None:
    text = (run / PAGE).read_text()
    assert "<b>mine" not in text
    assert "&lt;b&gt;mine &amp; yours: training" in text


def test_a_finished_run_and_a_run_that_has_just_started(run: Path) -> None:
    write_page(run, {"level-7": 40, "level-6": 10})
    assert "50 of 50 steps, finished" in (run / PAGE).read_text()
    (run / "log.jsonl").unlink()
    write_page(run, STEPS)
    assert "0 of 100 steps" in (run / PAGE).read_text()


def test_values_that_are_not_finite_leave_a_gap() -> None:
    found = {chart.title: chart for chart in charts(LOG, STEPS)}
    assert len(found["training: length of the gradient"].lines) == 1
    assert len(found["training: L1"].lines) == 2


def test_a_level_that_has_not_started() -> None:
    row = stage_row(LOG, "level-5", 30)
    assert row.texts == ("0 of 30", "", "", "")


def test_one_line_of_a_level_is_no_start() -> None:
    assert stage_row(LOG, "level-6", 60).texts == ("10 of 60", "", "0.0200", "")
