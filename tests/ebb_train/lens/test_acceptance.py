from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ebb_train.lens import acceptance
from ebb_train.lens.acceptance import (
    LEAST_MEANS,
    change_interval,
    choose_limits,
    helps,
    picture_sheet,
    summarise,
    worst,
)
from ebb_train.lens.samples import inner
from ebb_train.lens.scores import Comparison, PictureScore, compare_renders
from tests.helpers.repair import colour_network

if TYPE_CHECKING:
    from ebb_train.lens.samples import HeldOutScene
    from ebb_train.models.repair import RepairConfig


def one(scene: int, strength: str, before: float, after: float, gain_db: float = 0.5) -> Comparison:
    return Comparison(
        scene,
        strength,
        PictureScore(before, 30, 29, float("nan") if scene else 31),
        PictureScore(after, 30 + gain_db, 29 + gain_db, float("nan") if scene else 31 + gain_db),
    )


def test_means_and_bars() -> None:
    comparisons = [
        one(0, "none", 0.01, 0.0102), one(1, "none", 0.01, 0.01),
        one(0, "median", 0.03, 0.02), one(1, "median", 0.01, 0.011),
        one(0, "hard", 0.05, 0.03, -0.1), one(1, "hard", 0.03, 0.03, -0.1),
    ]  # fmt: skip
    none, median, hard = summarise(comparisons)
    assert (none.strength, none.pictures, none.worse) == ("none", 2, 1)
    assert none.band_change == pytest.approx(0.01)
    assert median.band_change == pytest.approx(-0.225)
    assert median.worse == 1
    assert median.missed() == []
    assert median.gain_db("psnr") == pytest.approx(0.5)
    assert median.layered["psnr_sharp"] == 31, "pictures without pixels in focus do not count"
    assert hard.missed() == [
        "L1 in the band -25.0 %, bar -30 %",
        "PSNR whole picture -0.10 dB, bar +0.0 dB",
        "PSNR out of focus -0.10 dB, bar +0.0 dB",
        "PSNR in focus -0.10 dB, bar +0.0 dB",
    ]
    plain = hard.as_dict()
    assert plain["band_change"] == -0.25
    assert plain["missed"] == hard.missed()


def test_what_cannot_be_measured_is_missed() -> None:
    (found,) = summarise([one(1, "hard", float("nan"), float("nan"))])
    assert found.missed() == ["L1 in the band +nan %, bar -30 %", "PSNR in focus +nan dB, bar +0.0 dB"]
    assert not helps([found])


@pytest.mark.parametrize(
    ("none", "median", "hard", "gain_db", "wanted"),
    [
        (1.009, 0.9, 0.9, 0.1, True),
        (1.02, 0.9, 0.9, 0.1, False),
        (1.0, 1.0, 0.9, 0.1, False),
        (1.0, 0.9, 1.01, 0.1, False),
        (1.0, 0.9, 0.9, -0.1, False),
    ],
)
def test_whether_it_helps(none: float, median: float, hard: float, gain_db: float, wanted: bool) -> None:
    after = {"none": none, "median": median, "hard": hard}
    assert helps(summarise([one(0, name, 1, value, gain_db) for name, value in after.items()])) == wanted


def test_a_gain_by_chance_does_not_help() -> None:
    exact = one(0, "none", 1, 1)
    changes = [(0.01, 0.008), (0.01, 0.011), (0.01, 0.0085), (0.01, 0.0115)]
    wrong = [one(0, name, *change) for name in ("median", "hard") for change in changes]
    results = summarise([exact, *wrong])
    assert results[1].band_change < 0 < results[1].band_interval[1]
    assert not helps(results)


def test_interval_of_a_change() -> None:
    rng = np.random.default_rng(1)
    before = rng.uniform(0.9, 1.1, 400)
    after = before * (1 + rng.normal(-0.1, 0.2, 400))
    low, high = change_interval([*zip(before, after, strict=True), (float("nan"), 1.0)])
    assert low < after.mean() / before.mean() - 1 < high
    assert high - low == pytest.approx(2 * 1.96 * 0.2 / 20, rel=0.15)
    assert np.isnan(change_interval([])).all()


def test_the_worst_pictures_come_first() -> None:
    comparisons = [one(k, "hard", 0.05, after) for k, after in enumerate((0.04, 0.08, float("nan"), 0.06))]
    comparisons[2] = comparisons[2]._replace(layered=comparisons[2].repaired)
    assert [found.scene for found in worst(comparisons, 2)] == [1, 3]


def test_pictures_of_scenes(held_out: list[HeldOutScene]) -> None:
    network = colour_network()
    comparisons = compare_renders(network, held_out)
    sheet = picture_sheet(network, held_out, comparisons[1:3])
    assert sheet.shape == (128, 384, 3)
    assert sheet.dtype == np.uint8
    scene = held_out[0]
    np.testing.assert_array_equal(sheet[:64, :128], np.hstack([inner(scene.photo), scene.truth]))
    assert (sheet[:64, 128:192] != sheet[:64, 192:256]).any(), "the renders"
    wrong = np.rint(255 * inner(scene.wrong["hard"]))
    np.testing.assert_array_equal(sheet[:64, 256:320], np.dstack([wrong] * 3))
    assert (sheet[:64, 256:320] != sheet[:64, 320:]).any(), "the depths"


def test_limits_protect_exact_depth(held_out: list[HeldOutScene]) -> None:
    """A network that spoils exact depth is kept from changing maps of that kind, or any."""
    network = colour_network()
    spoilt = summarise(compare_renders(network, held_out))[0]
    assert spoilt.strength == "none"
    assert spoilt.band_change > 0.005
    chosen = choose_limits(network, held_out)
    assert network.config == chosen
    harmless = summarise(compare_renders(network, held_out))
    assert harmless[0].band_change <= 0.005 or chosen.least_mean == max(LEAST_MEANS)


@pytest.mark.parametrize(
    ("harmless_from", "wanted"), [(0.06, (0.3, 0.1)), (0.15, (0.3, 0.15)), (2, (0.3, 0.15))]
)
def test_the_best_of_the_harmless_limits_is_chosen(
    harmless_from: float, wanted: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores by hand: best at (0.3, 0.1), and exact depth suffers below some mean change."""

    def scores(*arguments: object) -> list[list[Comparison]]:
        candidates: list[RepairConfig] = arguments[2]  # type: ignore[assignment]
        return [
            [
                one(0, "none", 1, 1.0 if limit.least_mean >= harmless_from else 1.1),
                one(0, "hard", 1, 0.5 + abs(limit.least_change - 0.3) + abs(limit.least_mean - 0.1)),
            ]
            for limit in candidates
        ]

    monkeypatch.setattr(acceptance, "_scores", scores)
    network = colour_network()
    chosen = choose_limits(network, [None])  # type: ignore[list-item]
    assert (chosen.least_change, chosen.least_mean) == wanted
    assert chosen.steepness == (4 if harmless_from > 1 else 1), "the first of equals, or the strictest"
    assert network.config == chosen
