"""Pages are self-contained, and only their own script can run."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest

from ebb.pages.page import address, file_links, render_page

VALUES = {
    "title": "<script>alert(1)</script>",
    "about": "a & b",
    "scored": 0,
    "intervals": "",
    "files": [("scores.csv", "scores.csv")],
    "tables": [],
    "worst": [],
    "best": [],
    "suspected": [],
    "ranked_by": "PSNR",
    "pair_tables": [
        {
            "title": "ebb",
            "heads": ["pair", "status", "PSNR"],
            "rows": [
                {
                    "failed": True,
                    "address": "#pair-1",
                    "texts": ['"><img src=x onerror=alert(1)>', "ok"],
                    "numbers": [{"value": "1.5", "text": "1.5"}],
                }
            ],
        }
    ],
    "model": {"model": "identity"},
}


@pytest.fixture
def page() -> str:
    return render_page("ebb_train.evaluation", "evaluate.html.jinja", **VALUES)


def test_texts_are_escaped(page: str) -> None:
    assert "alert(1)</script>" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_flags_of_commands_are_not_divided() -> None:
    texts = ["<b> lower --min-inliers, raise --max-gap", "a--b"]
    row = {"failed": False, "address": "", "texts": texts, "numbers": []}
    table = {"title": "ebb", "heads": ["what", "to do"], "rows": [row]}
    page = render_page("ebb_train.evaluation", "evaluate.html.jinja", **{**VALUES, "pair_tables": [table]})
    flags = re.findall(r'<span class="flag">(.*?)</span>', page)
    assert flags == ["--min-inliers", "--max-gap"]
    assert "&lt;b&gt; lower <span" in page
    assert ".flag { white-space: nowrap; }" in page


def test_the_policy_allows_the_pages_own_style_and_script_alone(page: str) -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    policy = policy.replace("&#39;", "'")
    for tag in ("style", "script"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:; ")


def test_nothing_is_fetched_and_nothing_is_inline(page: str) -> None:
    assert not re.search(r"https?://|url\(|@import|<link", page)
    assert not re.search(r"<[^>]+\s(style|on\w+)=", page)


def test_cells_have_headings_for_narrow_screens(page: str) -> None:
    """On narrow screens rows become blocks in which each value has its heading."""
    assert re.findall(r'<td[^>]* data-head="([^"]*)"', page) == ["pair", "status", "PSNR"]
    for width, tables in (("40rem", "table"), ("76rem", "table.wide")):
        pattern = rf"@media \(max-width: {width}\) {{\n  {re.escape(tables)}, (.*?)\n}}"
        (rules,) = re.findall(pattern, page, re.DOTALL)
        assert f"{tables} td::before {{ content: attr(data-head);" in rules
    assert "overflow-x" not in page
    assert page.index("<main>") < page.index("<h1>") < page.index("</main>")


def test_links_to_files_and_parts(page: str, tmp_path: Path) -> None:
    assert '<a href="scores.csv">scores.csv</a>' in page
    assert '<a href="#pair-1">' in page
    assert address(tmp_path / "a b" / "c.png", tmp_path / "d") == "../a%20b/c.png"
    (tmp_path / "b.csv").touch()
    assert file_links(tmp_path, ("a.csv", "b.csv")) == [("b.csv", "b.csv")]


def luminance(colour: str) -> float:
    """Relative luminance of #rgb or #rrggbb (WCAG 2.2)."""
    digits = colour.lstrip("#")
    parts = [digits[i : i + len(digits) // 3] for i in range(0, len(digits), len(digits) // 3)]
    light = [int(part * (3 - len(part)), 16) / 255 for part in parts]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in light]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("scheme", "background"), [(0, "#fff"), (1, "#121212")])
def test_coloured_text_has_contrast_in_light_and_dark_mode(page: str, scheme: int, background: str) -> None:
    colours = re.findall(r"--(?:dim|accent|bad): (#\w+)", page)
    assert len(colours) == 6
    for colour in colours[3 * scheme : 3 * scheme + 3]:
        low, high = sorted((luminance(colour), luminance(background)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, colour


def test_equal_values_give_equal_pages(page: str) -> None:
    assert render_page("ebb_train.evaluation", "evaluate.html.jinja", **VALUES) == page


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(Exception, match="undefined"):
        render_page("ebb_train.evaluation", "evaluate.html.jinja", title="a", about="b")
