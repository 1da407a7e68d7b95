"""Tables of the results of a study."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ebb_train.study.analysis import StudyAnalysis, analyse_votes
from ebb_train.study.study_tables import (
    interval,
    notes_of,
    number,
    p_text,
    result_tables,
    rule_rows,
    summary_table,
)
from tests.helpers.simulated_study import simulated_opinions, simulated_pairs


@pytest.fixture(scope="module")
def opinions() -> StudyAnalysis:
    return analyse_votes(simulated_opinions(1, methods={"poor": 2.3, "good": 0.9, "alike": 0.92}))


@pytest.fixture(scope="module")
def pairs() -> StudyAnalysis:
    return analyse_votes(simulated_pairs(1))


def test_scores_are_in_the_order_of_the_means(opinions: StudyAnalysis) -> None:
    table = summary_table(opinions)
    means = [float(str(cells[1])) for _, cells in table.rows]
    assert means == sorted(means)
    assert {name: str(cells[0]) for name, cells in table.rows} == {"good": "1", "alike": "1", "poor": "3"}
    assert table.heads == [
        "rank",
        "MOS ↓",
        "all raters",
        "bias removed",
        "weighted",
        "BT.500",
        "images",
        "votes",
    ]
    assert "lower is better" in table.notes[0]
    assert "…" in table.rows[0][1][1].interval


def test_every_kind_of_result_has_its_table(opinions: StudyAnalysis, pairs: StudyAnalysis) -> None:
    assert [table.title for table in result_tables(opinions)] == [
        "Mean opinion scores", "Differences", "Hidden references and anchors", "Agreement of the raters",
        "Votes that would separate tied methods",
    ]  # fmt: skip
    assert [table.title for table in result_tables(pairs)] == ["Scores from pairs", "Wins", "Preferences"]
    assert all(
        len(cells) == len(table.heads)
        for found in (opinions, pairs)
        for table in result_tables(found)
        for _, cells in table.rows
    )


def test_differences_and_further_votes(opinions: StudyAnalysis) -> None:
    tables = {table.title: table for table in result_tables(opinions)}
    differences = {name: [str(cell) for cell in cells] for name, cells in tables["Differences"].rows}
    assert differences["good − alike"][-1] == "no"
    assert differences["poor − good"][-1] == "yes"
    assert differences["poor − good"][0].startswith("+")
    assert differences["poor − good"][3] == "< 0.001"
    ((name, cells),) = tables["Votes that would separate tied methods"].rows
    assert name == "good, alike"
    (missing,) = opinions.missing
    assert str(cells[2]) == f"{missing.votes_more:,}"
    without = replace(opinions, missing=(replace(missing, votes_more=None, images_more=None),))
    assert "too few images" in result_tables(without)[-1].reasons[0]


def test_wins_and_preferences(pairs: StudyAnalysis) -> None:
    scores, wins, preferences = result_tables(pairs)
    assert [name for name, _ in scores.rows] == ["good", "fair", "poor"]
    assert str(wins.rows[0][1][0]) == "—"
    assert float(str(wins.rows[0][1][1])) + float(str(wins.rows[1][1][0])) == 200
    name, cells = preferences.rows[0]
    assert name == "good over fair"
    won, lost = map(int, str(cells[0]).split(" : "))
    assert str(cells[1]) == f"{100 * won / (won + lost):.1f}"
    assert "as independent" in preferences.notes[0]


def test_rules_with_their_meaning(opinions: StudyAnalysis) -> None:
    rows = {name: (meaning, count) for name, meaning, count in rule_rows(opinions)}
    assert rows["time"] == ("answered too fast", 0)
    assert rows["gold"][1] >= 1
    assert notes_of(None) == ()


def test_numbers_as_text() -> None:
    assert str(number(-0.001)) == "0.00"
    assert str(number(0.5, "+.2f")) == "+0.50"
    assert str(number(math.nan)) == str(number(None)) == "—"
    assert interval(0.1, 0.2) == "0.10 … 0.20"
    assert interval(math.nan, 0.2) == ""
    assert (str(p_text(0.0001)), str(p_text(0.05))) == ("< 0.001", "0.050")
