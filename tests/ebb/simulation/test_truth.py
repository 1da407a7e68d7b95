"""The truth row: homographies that are each other's inverse, values a table can hold."""

import dataclasses
import io
import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from ebb.codec import from_plain, to_plain
from ebb.simulation.hand_motion import pose_homography
from ebb.simulation.plan import BAD_KINDS, PairKind, plan_pair
from ebb.simulation.truth import PairTruth, pair_truth, write_truth


def test_good_pair() -> None:
    plan = plan_pair(0, 2, bad_share=0)
    truth = pair_truth(plan, 2900.0, (2.0, 2.0))
    assert (truth.expected, truth.reasons, truth.kind) == ("aligned", (), PairKind.GOOD)
    forth = np.reshape(truth.H_wide_to_shallow, (3, 3))
    back = np.reshape(truth.H_shallow_to_wide, (3, 3))
    np.testing.assert_array_equal(forth, pose_homography(plan.pose, 2900.0, plan.size, 2.0))
    product = forth @ back
    np.testing.assert_allclose(product / product[2, 2], np.eye(3), atol=1e-9)
    np.testing.assert_array_equal(np.reshape(truth.R, (3, 3)), plan.pose.rotation)
    assert truth.exposure_difference_ev == plan.shallow.gain_ev - plan.wide.gain_ev
    assert truth.depth == plan.wide.name.replace(".DNG", "_depth.png")


def test_bad_pairs_have_reasons() -> None:
    for kind in BAD_KINDS:
        truth = pair_truth(plan_pair(0, 0, bad_share=1, bad_kinds=[kind]), 2900.0, (2.0, 3.0))
        assert truth.expected == "rejected"
        assert truth.reasons
        assert (truth.H_wide_to_shallow is None) == (kind is PairKind.UNRELATED)


def truths() -> list[PairTruth]:
    plans = [plan_pair(1, index, bad_share=0.5) for index in (3, 0, 2, 1)]
    plans.append(plan_pair(1, 4, bad_share=1, bad_kinds=[PairKind.UNRELATED]))
    return [pair_truth(plan, 2900.0, (2.0, 2.5)) for plan in plans]


def test_table_holds_every_value_in_order_of_the_index() -> None:
    table = pq.read_table(io.BytesIO(write_truth(truths())))
    assert table.schema.names == [field.name for field in dataclasses.fields(PairTruth)]
    stored = table.to_pylist()
    assert [row["index"] for row in stored] == [0, 1, 2, 3, 4]
    for row, made in zip(stored, sorted(truths(), key=lambda truth: truth.index), strict=True):
        values = dataclasses.asdict(made)
        assert row == {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}
    assert stored[4]["H_shallow_to_wide"] is None


def test_table_round_trips_through_json() -> None:
    """Rows are stored as JSON until the last pair is made, without loss of digits."""
    through = [from_plain(PairTruth, json.loads(json.dumps(to_plain(truth)))) for truth in truths()]
    assert write_truth(through) == write_truth(truths())


def test_an_empty_table_has_all_columns() -> None:
    table = pq.read_table(io.BytesIO(write_truth([])))
    assert table.num_rows == 0
    assert table.schema.equals(pq.read_table(io.BytesIO(write_truth(truths()))).schema)


def test_pandas_reads_it() -> None:
    frame = pd.read_parquet(io.BytesIO(write_truth(truths())))
    assert frame["kind"].isin([str(kind) for kind in PairKind]).all()
    assert np.reshape(frame["R"][0], (3, 3)).shape == (3, 3)
    assert frame["exposure_time_s_wide"].gt(0).all()
