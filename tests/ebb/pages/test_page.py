"""Pages hold everything they need, and nothing that could run but their own script."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from ebb.pages.page import render_page

FACTS = {
    "title": "<script>alert(1)</script>",
    "about": "a & b",
    "scored": 0,
    "grids": [],
    "worst": [],
    "best": [],
    "ranked_by": "PSNR",
    "heads": ["pair"],
    "num_text": 1,
    "pairs": [{"failed": True, "texts": ['"><img src=x onerror=alert(1)>'], "numbers": []}],
    "model": {"model": "identity"},
}


@pytest.fixture
def page() -> str:
    return render_page("ebb_train.report", "evaluate.html.jinja", **FACTS)


def test_texts_are_escaped(page: str) -> None:
    assert "alert(1)</script>" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in page


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


def test_equal_facts_give_equal_pages(page: str) -> None:
    assert render_page("ebb_train.report", "evaluate.html.jinja", **FACTS) == page


def test_a_fact_that_is_missing_is_an_error() -> None:
    with pytest.raises(Exception, match="undefined"):
        render_page("ebb_train.report", "evaluate.html.jinja", title="a")
