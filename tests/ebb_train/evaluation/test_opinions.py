"""Agreement of metrics with people."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

from ebb.errors import UsageError
from ebb_train.evaluation.opinions import (
    MethodOpinion,
    ScoredModel,
    StudyOpinions,
    check_models,
    compare_with_people,
    correlations,
    people_tables,
    turned,
)
from ebb_train.evaluation.scores import Row
from ebb_train.evaluation.summary import summarise

COLUMNS = ["ebb.psnr", "ebb.lpips", "regions.blur_ratio"]
IMAGES = [f"{number:016x}" for number in range(30)]
MODELS = {"a": 0.5, "b": 1.5, "c": 2.5}


def opinions(rng: np.random.Generator) -> StudyOpinions:
    pictures = {
        (image, model): float(np.clip(mos + rng.normal(0, 0.4), 0, 4))
        for model, mos in MODELS.items()
        for image in IMAGES
    }
    return StudyOpinions(
        name="study",
        plan_sha256="ab" * 32,
        methods={
            model: MethodOpinion(mos, mos - 0.1, mos + 0.1, len(IMAGES), 150, rank)
            for rank, (model, mos) in enumerate(MODELS.items(), start=1)
        },
        pictures=pictures,
    )


def scored(study: StudyOpinions, rng: np.random.Generator) -> list[ScoredModel]:
    """PSNR falls with the opinion, LPIPS is noise, and the blur ratio is the further from 1 the worse."""
    models = []
    for model in MODELS:
        rows = [
            Row(
                index=index,
                pair_id=image,
                scores={
                    "ebb.psnr": 30 - 2 * study.pictures[image, model],
                    "ebb.lpips": rng.uniform(),
                    "regions.blur_ratio": 1 + (-1) ** index * 0.1 * study.pictures[image, model],
                },
            )
            for index, image in enumerate(IMAGES)
        ]
        models.append(ScoredModel(model, rows, summarise(rows, COLUMNS)))
    return models


def test_metrics_are_turned_so_that_lower_is_better() -> None:
    values = np.array([0.8, 1.0, 1.3])
    assert turned("ebb.psnr", values).tolist() == [-0.8, -1.0, -1.3]
    assert turned("ebb.lpips", values).tolist() == [0.8, 1.0, 1.3]
    assert turned("regions.blur_ratio", values) == pytest.approx([0.2, 0, 0.3])
    assert turned("regions.psnr_in_focus", values)[0] == -0.8


def test_a_metric_that_orders_as_people_do_and_one_that_is_noise() -> None:
    rng = np.random.default_rng(0)
    study = opinions(rng)
    found = {one.column: one for one in compare_with_people(scored(study, rng), study).metrics}
    psnr, lpips, blur = (found[column] for column in COLUMNS)
    for one in (psnr, blur):
        assert [value.value for value in one.of_pictures] == pytest.approx([1, 1, 1])
    assert psnr.of_methods == 1
    assert psnr.num_pictures == 90
    spearman = lpips.of_pictures[0]
    assert abs(spearman.value) < 0.25
    assert spearman.low < 0 < spearman.high


def test_correlations_are_those_of_scipy_and_intervals_draw_images() -> None:
    rng = np.random.default_rng(1)
    mos = rng.uniform(0, 4, 60)
    metric = mos + rng.normal(0, 1, 60)
    one_each = [str(number) for number in range(60)]
    found = correlations(metric, mos, one_each)
    expected = (stats.spearmanr, stats.kendalltau, stats.pearsonr)
    assert [value.value for value in found] == pytest.approx(
        [test(metric, mos).statistic for test in expected]
    )
    exact = stats.pearsonr(metric, mos).confidence_interval()
    assert (found[2].low, found[2].high) == pytest.approx((exact.low, exact.high), abs=0.06)
    same = correlations(np.tile(metric[:20], 3), np.tile(mos[:20], 3), one_each[:20] * 3)
    assert same[0].high - same[0].low > found[0].high - found[0].low, "repeated pictures are no new images"
    assert correlations(metric, mos, one_each) == found


def test_too_few_pictures_have_no_correlation() -> None:
    found = correlations(np.array([1.0, 2]), np.array([1.0, 2]), ["a", "b"])
    assert all(math.isnan(value.value) and str(value) == "—" and not value.interval for value in found)
    flat = correlations(np.ones(6), np.arange(6.0), list("abcdef"))
    assert math.isnan(flat[1].value)


def test_only_pictures_of_the_study_count() -> None:
    rng = np.random.default_rng(2)
    study = opinions(rng)
    models = scored(study, rng)
    strange = ScoredModel("strange", models[0].rows, models[0].summary)
    infinite = Row(index=0, pair_id=IMAGES[0], scores={"ebb.psnr": math.inf})
    models[0] = ScoredModel("a", [infinite, *models[0].rows[1:10]], models[0].summary)
    found = compare_with_people([strange, *models], study)
    assert found.models == ("a", "b", "c")
    assert found.num_images == 30
    assert found.metrics[0].num_pictures == 9 + 30 + 30
    nothing = compare_with_people([strange], study)
    assert (nothing.models, nothing.metrics) == ((), ())


def test_tables_and_plain_values() -> None:
    rng = np.random.default_rng(3)
    study = opinions(rng)
    found = compare_with_people(scored(study, rng), study)
    people, ebb, regions = people_tables(found)
    name, cells = people.rows[0]
    assert (name, str(cells[0]), str(cells[1]), cells[1].interval) == ("a", "1", "0.50", "0.40 … 0.60")
    assert "study study, analysis plan abababab" in people.notes[0]
    assert [name for name, _ in ebb.rows] == ["PSNR ↑", "LPIPS ↓"]
    assert [name for name, _ in regions.rows] == ["blur ratio → 1"]
    assert [str(cell) for cell in ebb.rows[0][1]] == ["1.00", "1.00", "1.00", "1.00", "90"]
    plain = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert plain["agreement"]["ebb.psnr"]["spearman"][0] == pytest.approx(1)
    assert plain["mos"]["b"]["rank"] == 2


def test_a_study_of_other_models_is_refused() -> None:
    study = opinions(np.random.default_rng(0))
    check_models(study, ["x", "c"])
    with pytest.raises(UsageError, match="the study study has none of the models, but a, b, c"):
        check_models(study, ["x", "y"])
