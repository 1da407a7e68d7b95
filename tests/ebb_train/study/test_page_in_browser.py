"""The page of a study in a real browser: by keyboard alone, by touch at the width of a phone, at night."""

from __future__ import annotations

import io
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from ebb_train.study.config import CONFIG
from ebb_train.study.schema import open_store_to_read
from tests.helpers.browser import PROGRAM, SHIFT, Browser, browser
from tests.helpers.study_folders import running, small_study

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium on this machine")

READY = "!document.querySelector('#votes button').disabled"
THANKS = "!document.getElementById('thanks').hidden"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    pytest.importorskip("websockets")
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def make(folder: Path, seconds_seen: float = 0.05, **settings: Any) -> Path:
    few = {"questions": 8, "references": 1, "anchors": 1, "traps": 1, "repeats": 1}
    study = small_study(folder, methods=2, images=3, **(few | settings)).folder
    path = study / CONFIG
    path.write_text(path.read_text().replace("min_seconds_seen = 0.8", f"min_seconds_seen = {seconds_seen}"))
    return study


def votes(study: Path) -> list[tuple[int, int]]:
    with closing(open_store_to_read(study)) as db:
        return db.execute("SELECT position, value FROM vote ORDER BY session, position").fetchall()


def text(tab: Browser, name: str) -> str:
    found: str = tab.run(f"document.getElementById('{name}').textContent")
    return found


def focused(tab: Browser) -> str:
    found: str = tab.run("document.activeElement.id")
    return found


def start(tab: Browser, address: str) -> None:
    tab.console.clear()
    tab.requested.clear()
    tab.open(address)
    tab.until("!document.getElementById('welcome').hidden")


def begin_by_keyboard(tab: Browser) -> None:
    assert tab.run("document.activeElement.tagName") == "H1"
    tab.press("Tab")
    assert focused(tab) == "agree"
    tab.press(" ")
    tab.press("Tab")
    assert focused(tab) == "begin"
    tab.press("Enter")
    tab.until("!document.getElementById('task').hidden")


def train_by_keyboard(tab: Browser, keys: str | list[str]) -> list[str]:
    """Answer the training; the feedback to each answer."""
    found = []
    for number, key in enumerate(keys, start=1):
        tab.until(f"document.getElementById('count').textContent === 'Example {number} of 3' && {READY}")
        tab.press(key)
        tab.until("!document.getElementById('next').hidden")
        found.append(text(tab, "feedback"))
        assert focused(tab) == "next"
        tab.press("Enter")
    return found


def question(tab: Browser, number: int) -> None:
    start_of = f"document.getElementById('count').textContent.startsWith('Question {number} of ')"
    tab.until(f"{start_of} && {READY}")


def test_by_keyboard_alone_from_consent_to_thanks(tab: Browser, tmp_path: Path) -> None:
    study = make(tmp_path)
    tab.size(1280, 800)
    tab.night(is_on=False)
    with running(study) as address:
        start(tab, address)
        begin_by_keyboard(tab)
        feedback = train_by_keyboard(tab, "042")
        assert feedback == ["That is right."] * 3
        given = []
        for number in range(8):
            question(tab, number + 1)
            given.append((number, (3 * number + 1) % 5))
            if number == 2:
                tab.press("p")
                tab.until("document.getElementById('paused').open")
                tab.press("4")  # no answer while paused
                assert focused(tab) == "resume"
                tab.press("Enter")
                tab.until("!document.getElementById('paused').open")
                assert focused(tab) == "count"
            tab.press(str(given[-1][1]))
        tab.until(THANKS)
        assert votes(study) == given
        assert all(url.startswith(address) for url in tab.requested if not url.startswith("about:"))
        assert tab.console == []


def test_by_touch_on_a_phone_with_a_break_and_deletion(tab: Browser, tmp_path: Path) -> None:
    study = make(tmp_path)
    tab.size(390, 844, scale=2, is_phone=True)
    tab.night()
    with running(study) as address:
        start(tab, address)
        tab.tap("#agree")
        tab.tap("#begin")
        for _ in range(3):
            tab.until(READY)
            tab.tap("#votes button:nth-child(2)")
            tab.until("!document.getElementById('next').hidden")
            tab.tap("#next")
        question(tab, 1)
        assert tab.run("document.documentElement.scrollWidth") <= 390
        assert tab.run("document.documentElement.scrollHeight") <= 844
        tab.tap("#votes button:nth-child(3)")
        question(tab, 2)
        tab.open(address)  # as if the page had been closed; the session is in the storage of the browser
        question(tab, 2)
        link = tab.run("location.href")
        assert link.startswith(address + "#")
        tab.run("localStorage.clear()")
        tab.open(link)  # as on another device
        question(tab, 2)
        for number in range(2, 9):
            question(tab, number)
            tab.tap("#votes button:nth-child(5)")
        tab.until(THANKS)
        assert votes(study) == [(0, 2), *((number, 4) for number in range(1, 8))]
        tab.tap("#delete-finished")
        tab.until("document.getElementById('confirm').open")
        tab.tap("#erase")
        tab.until("!document.getElementById('message').hidden")
        assert votes(study) == []
        assert tab.run("localStorage.length") == 0
        assert tab.console == []


def test_pairs_by_arrow_keys(tab: Browser, tmp_path: Path) -> None:
    study = make(tmp_path, answer="pair", references=0)
    tab.size(1280, 800)
    with running(study) as address:
        start(tab, address)
        begin_by_keyboard(tab)
        feedback = train_by_keyboard(tab, ["ArrowLeft", "=", "ArrowLeft"])
        assert feedback == ["That is right."] * 2 + ["Look again: here we expect the right one."]
        total = int(text(tab, "count").rpartition(" ")[2]) if "Question" in text(tab, "count") else 0
        question(tab, 1)
        total = total or int(text(tab, "count").rpartition(" ")[2])
        for number in range(total):
            question(tab, number + 1)
            tab.press("=")
        tab.until(THANKS)
        assert votes(study) == [(number, 1) for number in range(total)]


def test_no_answer_before_both_pictures_were_seen(tab: Browser, tmp_path: Path) -> None:
    study = make(tmp_path, seconds_seen=0.8)
    tab.size(1280, 800)
    with running(study) as address:
        start(tab, address)
        begin_by_keyboard(tab)
        train_by_keyboard(tab, "042")
        tab.until("document.getElementById('count').textContent.startsWith('Question 1')")
        tab.press("3")
        assert not tab.run(READY)
        assert votes(study) == []
        began = tab.run("performance.now()")
        question(tab, 1)
        assert tab.run("performance.now()") - began > 500
        tab.press("2")
        question(tab, 2)
        assert votes(study) == [(0, 2)]


def test_one_zoom_and_position_for_both_and_swapping(tab: Browser, tmp_path: Path) -> None:
    study = make(tmp_path)
    tab.size(1000, 500)
    places = "[...document.querySelectorAll('.view img')].map((e) => e.style.transform)"
    shown = "[...document.querySelectorAll('.view img.shown')].map((e) => e.alt)"
    with running(study) as address:
        start(tab, address)
        begin_by_keyboard(tab)
        train_by_keyboard(tab, "042")
        question(tab, 1)
        fit = set(tab.run(places))
        assert len(fit) == 1
        boxes = "[...document.querySelectorAll('.view')].map((e) => [e.clientWidth, e.clientHeight])"
        first, second = tab.run(boxes)
        assert first == second
        tab.press("+")
        zoomed = set(tab.run(places))
        tab.press("ArrowRight", SHIFT)
        moved = set(tab.run(places))
        assert len(zoomed) == len(moved) == 1
        assert len(fit | zoomed | moved) == 3
        assert text(tab, "zoom").endswith("%")
        assert tab.run(shown) == ["Target photo", "Result"]
        tab.hold("f", is_down=True)
        assert tab.run(shown) == ["Result", "Target photo"]
        assert [text(tab, name) for name in ("left-name", "right-name")] == ["Result", "Target photo"]
        tab.hold("f", is_down=False)
        assert tab.run(shown) == ["Target photo", "Result"]
        tab.press("3")
        question(tab, 2)
        with closing(open_store_to_read(study)) as db:
            assert db.execute("SELECT zoomed FROM vote").fetchall() == [(1,)]


def test_what_a_screen_reader_is_told(tab: Browser, tmp_path: Path) -> None:
    study = make(tmp_path)
    with running(study) as address:
        start(tab, address)
        begin_by_keyboard(tab)
        train_by_keyboard(tab, "042")
        question(tab, 1)
        assert focused(tab) == "count"
        assert text(tab, "status") == "You can answer now."
        nodes = tab.send("Accessibility.getFullAXTree")["nodes"]
        named = [
            (node["role"]["value"], node["name"]["value"])
            for node in nodes
            if not node["ignored"] and node.get("name", {}).get("value")
        ]
        for expected in (
            *(("button", "0, almost identical"), ("button", "4, mostly different"), ("button", "Pause")),
            *(("button", "Zoom in"), ("image", "Target photo"), ("image", "Result")),
            *(("progressbar", "Answered questions"), ("heading", "Question 1 of 8")),
            ("group", "How different is the result from the target photo?"),
        ):
            assert expected in named, named
        buttons = [name for role, name in named if role == "button"]
        assert len(buttons) == len(set(buttons)) == 5 + 5


@pytest.mark.parametrize("is_night", [False, True])
def test_everything_around_the_pictures_is_neutral_grey(
    is_night: bool,
    tab: Browser,
    tmp_path: Path,
) -> None:
    study = make(tmp_path)
    tab.size(1000, 600)
    tab.night(is_on=is_night)
    with running(study) as address:
        start(tab, address)
        begin_by_keyboard(tab)
        train_by_keyboard(tab, "042")
        question(tab, 1)
        tab.run(
            "document.querySelectorAll('.view').forEach((e) => e.style.setProperty('visibility', 'hidden'))"
        )
        tab.run("document.querySelectorAll('.view img').forEach((e) => e.classList.remove('shown'))")
        with Image.open(io.BytesIO(tab.screenshot())) as image:
            pixels = np.asarray(image.convert("RGB")).astype(int)
        assert (pixels.max(axis=2) - pixels.min(axis=2)).max() == 0
        stage = int(np.median(pixels[150:250]))
        assert (stage < 100) == is_night


def test_texts_of_the_study_are_not_html(tab: Browser, tmp_path: Path) -> None:
    evil = "<img src=x onerror=\"document.title='broken'\">"
    study = make(tmp_path, title=evil, contact=evil)
    with running(study) as address:
        start(tab, address)
        assert tab.run("document.title") == evil
        assert tab.run("document.querySelectorAll('#welcome img').length") == 0
        assert evil in tab.run("document.getElementById('welcome').innerText")
        begin_by_keyboard(tab)
        assert tab.console == []


def test_a_wrong_link_does_not_end_the_session_of_this_browser(tab: Browser, tmp_path: Path) -> None:
    study = make(tmp_path)
    with running(study) as address:
        start(tab, address)
        begin_by_keyboard(tab)
        train_by_keyboard(tab, "042")
        question(tab, 1)
        own = tab.run("location.hash")
        tab.open(f"{address}#{'x' * 43}")
        question(tab, 1)
        assert tab.run("location.hash") == own
        tab.run("localStorage.clear()")
        tab.open(f"{address}#{'x' * 43}")
        tab.until("!document.getElementById('welcome').hidden")
        assert tab.run("location.hash") == ""


def test_a_connection_that_is_lost_loses_no_answer(tab: Browser, tmp_path: Path) -> None:
    study = make(tmp_path)
    with running(study) as address:
        start(tab, address)
        begin_by_keyboard(tab)
        train_by_keyboard(tab, "042")
        question(tab, 1)
        tab.run(
            "window.realFetch = window.fetch; window.fetch = () => Promise.reject(new TypeError('offline'))"
        )
        tab.press("3")
        assert votes(study) == []
        tab.run("window.fetch = window.realFetch")
        question(tab, 2)
        assert votes(study) == [(0, 3)]
