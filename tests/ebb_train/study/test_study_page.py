"""The page of a study: content, escaping, and independence of other files."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from ebb_train.study.analysis import StudyAnalysis, analyse_votes
from ebb_train.study.study_page import MAX_BARS, bar_charts, interval_charts, study_page, warnings_of
from tests.helpers.simulated_study import simulated_opinions, simulated_pairs

HOSTILE = "<script>alert(1)</script>\"&'<b>"


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


@pytest.fixture(scope="module")
def opinions() -> StudyAnalysis:
    return analyse_votes(simulated_opinions(0))


def test_the_page_of_opinions(opinions: StudyAnalysis) -> None:
    page = Tags(study_page(opinions, [("results.json", "results.json")]))
    words = " ".join(page.text.split())
    assert "16 started, 16 finished, 15 used" in words
    assert opinions.plan.sha256 in words
    assert "lower is better" in words
    assert "All methods are separated." in words
    assert f"{opinions.checks[7].rater} " in words
    labels = [attrs["aria-label"] for tag, attrs in page.tags if tag == "svg"]
    assert labels == [
        "Rank and mean opinion score, lower is better", "Differences, below 0 the first is better",
        "Number of pictures by number of votes",
    ]  # fmt: skip
    failed = [attrs for tag, attrs in page.tags if tag == "tr" and attrs.get("class") == "failed"]
    assert len(failed) == 1


def test_the_page_of_pairs() -> None:
    words = " ".join(Tags(study_page(analyse_votes(simulated_pairs(0)))).text.split())
    assert "Bradley-Terry" in words
    assert "Number of pairs of pictures by number of votes" in words
    assert "good over poor" in words


def test_the_page_is_self_contained(opinions: StudyAnalysis) -> None:
    page = Tags(study_page(opinions))
    assert [attrs for tag, attrs in page.tags if tag == "script"] == [{}]
    assert not {"link", "iframe", "object", "form", "img"} & {tag for tag, _ in page.tags}
    links = [attrs["href"] for _, attrs in page.tags if "href" in attrs]
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    assert links
    assert {link.removeprefix("#") for link in links if link} <= ids
    assert not any(name == "style" or name.startswith("on") for _, attrs in page.tags for name in attrs)


def test_names_are_escaped() -> None:
    study = simulated_opinions(0, methods={HOSTILE: 1.0, "b": 1.4})
    sessions = tuple(replace(one, rater=f"{one.rater}{HOSTILE}") for one in study.sessions)
    votes = tuple(
        replace(vote, rater=f"{vote.rater}{HOSTILE}", image=f"{vote.image}{HOSTILE}") for vote in study.votes
    )
    page = study_page(analyse_votes(replace(study, name=HOSTILE, sessions=sessions, votes=votes)))
    assert HOSTILE not in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_changed_plan_and_no_used_raters_are_said(opinions: StudyAnalysis) -> None:
    assert warnings_of(opinions) == []
    changed = replace(opinions, stored_plan_hash="0" * 64)
    assert "was changed after the study began" in " ".join(Tags(study_page(changed)).text.split())
    study = simulated_opinions(0)
    strict = replace(study.plan, min_median_seconds=100.0)
    nobody = analyse_votes(replace(study, plan=strict, stored_plan_hash=""))
    assert warnings_of(nobody) == ["The rules exclude all raters: the numbers below are those of all raters."]
    assert "those of all raters" in study_page(nobody)


def test_many_numbers_of_votes_are_put_together(opinions: StudyAnalysis) -> None:
    counts = dict.fromkeys(range(5, 65), 1)
    (chart,) = bar_charts(replace(opinions, votes_per_picture=counts))
    assert len(chart.bars) <= MAX_BARS
    assert sum(bar.number for bar in chart.bars) == 60
    assert chart.bars[0].name == "5–9"
    assert bar_charts(replace(opinions, votes_per_picture={})) == []


def test_the_means_without_exclusions_are_drawn_too(opinions: StudyAnalysis) -> None:
    scores, differences = interval_charts(opinions)
    assert [row.name for row in scores.rows] == ["1  good", "2  fair", "3  poor"]
    assert all(row.other is not None for row in scores.rows)
    assert all(row.other is None for row in differences.rows)
