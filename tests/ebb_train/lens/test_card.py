from __future__ import annotations

import itertools
from typing import Any

import pytest

from ebb_train.lens.card import card_text, change_text


def row(strength: str, missed: list[str]) -> dict[str, Any]:
    figures = {"band_l1": 0.0456, "psnr": 30.0, "psnr_blurred": 29.0, "psnr_sharp": 33.0}
    return {
        "strength": strength,
        "pictures": 48,
        "layered": figures,
        "repaired": figures | {"band_l1": 0.0345, "psnr": 31.25},
        "worse": 3,
        "band_interval": [-0.3, -0.2],
        "band_change": -0.2434,
        "missed": missed,
    }


@pytest.fixture
def facts() -> dict[str, Any]:
    rows = [row("none", []), row("median", []), row("hard", ["L1 in the band -24.3 %, bar -30 %"])]
    entry = {"held_out": 0.3, "wrong_side": 0.0512, "wrong_side_before": 0.1}
    return {
        "parameters": 288_580,
        "bytes": 1_160_000,
        "config": {"least_change": 0.3, "least_mean": 0.06, "steepness": 4.0},
        "notes": ["A remark."],
        "sha256": "abc",
        "helps": True,
        "steps": 4000,
        "planned_steps": 4400,
        "plan": {"steps": 4400, "rate": 0.001},
        "sets": {"train": {"scenes": 224, "seed": 100}, "test": {"scenes": 48, "seed": 102}},
        "core_hours": {"data": 0.1, "training": 0.15},
        "results": rows,
        "unseen": {"3.3": rows},
        "curve": [{"step": 200, "loss": 0.1, "core_seconds": 20.0} | entry],
        "batch_ms": 5.4,
        "bounds": {"scenes": 24, "methods": {"exact depth": {row["strength"]: row for row in rows}}},
        "step_ms": 98.7,
        "seconds": 0.61,
        "threads": 2,
        "load_average": 1.5,
    }


def test_figures_are_in_the_card(facts: dict[str, Any]) -> None:
    text = card_text(facts)
    assert "288,580 parameters, 1.16 MB" in text
    assert "SHA-256 `abc`" in text
    assert "less than 0.3 are kept" in text
    assert "less than 0.06 on average" in text
    assert "--scenes 224 --steps 4400`:\n  4000 of 4400 steps. 0.1 core-hours" in text
    row = "0.0456 → 0.0345 | -24.3 % | -30.0 % … -20.0 % | 30.00 → 31.25 | 29.00 → 29.00 |"
    assert f"| median errors | 48 | {row}" in text
    assert "Bars that are missed:\n\n- hard errors: L1 in the band -24.3 %, bar -30 %\n" in text
    assert "| 3.3 | -24.3 % | -24.3 % | -24.3 % |\n" in text
    assert "| 200 | 10.0 % | 5.1 % |\n" in text
    assert "train 224 scenes (seed 100), test 48 scenes (seed 102)." in text
    assert "steps 4400, rate 0.001." in text
    assert "|\n\nA remark.\n\n## What a repair can gain" in text
    assert "| exact depth | -24.3 % | -24.3 % | -24.3 % |\n\n## Data" in text
    assert "|\n\nA remark.\n\n## Data" in card_text(facts | {"bounds": None})


def test_without_weights_the_card_says_so(facts: dict[str, Any]) -> None:
    text = card_text(facts | {"sha256": None, "results": facts["results"][:2]})
    assert "not in the package" in text
    assert "All bars are met." in text


def test_tables_are_whole(facts: dict[str, Any]) -> None:
    """Every row of a table has as many cells as its head."""
    lines = card_text(facts).splitlines()
    for head, rule in itertools.pairwise(lines):
        if rule.startswith("|---"):
            assert head.count("|") == rule.count("|")
            for line in lines[lines.index(rule) + 1 :]:
                if not line.startswith("|"):
                    break
                assert line.count("|") == head.count("|")


def test_changes() -> None:
    assert change_text(-0.1234) == "-12.3 %"
    assert change_text(0.01) == "+1.0 %"
