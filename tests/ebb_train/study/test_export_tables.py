"""Tables of a study for other programs."""

from __future__ import annotations

import csv
import io
import json
import math

import numpy as np
import pyarrow.parquet as pq
import pytest

from ebb_train.study.analysis import analyse_votes
from ebb_train.study.export_tables import (
    ExportTable,
    csv_of,
    data_dictionary,
    export_tables,
    parquet_of,
    plain_results,
    plain_value,
)
from ebb_train.study.votes import StudyVotes
from tests.helpers.simulated_study import RANDOM_RATER, simulated_opinions, simulated_pairs


def tables_of(study: StudyVotes) -> dict[str, ExportTable]:
    return {table.name: table for table in export_tables(study, analyse_votes(study))}


@pytest.fixture(scope="module")
def opinions() -> dict[str, ExportTable]:
    return tables_of(simulated_opinions(0))


def test_the_tables_of_both_kinds_of_study(opinions: dict[str, ExportTable]) -> None:
    assert list(opinions) == ["votes", "raters", "stimuli", "methods", "differences"]
    assert list(tables_of(simulated_pairs(0))) == ["votes", "raters", "methods", "preferences"]


def test_scores_can_be_computed_again_from_the_votes(opinions: dict[str, ExportTable]) -> None:
    votes = list(csv.DictReader(io.StringIO(csv_of(opinions["votes"]))))
    used = [row for row in votes if row["is_used"] == "True" and row["kind"] == "real"]
    assert RANDOM_RATER not in {row["rater"] for row in used}
    for method in opinions["methods"].rows:
        images: dict[str, list[int]] = {}
        for row in used:
            if row["method"] == method["method"]:
                images.setdefault(row["image"], []).append(int(row["value"]))
        assert method["mos"] == pytest.approx(np.mean([np.mean(values) for values in images.values()]))
        assert method["num_votes"] == sum(map(len, images.values()))
    (rater,) = [row for row in opinions["raters"].rows if not row["is_used"]]
    assert rater["rater"] == RANDOM_RATER
    assert "gold" in rater["rules"].split()


def test_parquet_has_the_same_values_with_types_and_meanings(opinions: dict[str, ExportTable]) -> None:
    for table in [*opinions.values(), *tables_of(simulated_pairs(0)).values()]:
        found = pq.read_table(io.BytesIO(parquet_of(table)))
        assert found.to_pylist() == table.rows
        for column in table.columns:
            field = found.schema.field(column.name)
            assert field.metadata[b"meaning"].decode() == column.meaning
            assert (
                str(field.type)
                == {"text": "string", "integer": "int64", "number": "double", "boolean": "bool"}[column.kind]
            )
        assert parquet_of(table) == parquet_of(table)


def test_the_dictionary_has_every_column(opinions: dict[str, ExportTable]) -> None:
    rows = data_dictionary(list(opinions.values())).rows
    assert {(row["table"], row["column"]) for row in rows} == {
        (table.name, name) for table in opinions.values() for row in table.rows for name in row
    }
    assert all(row["meaning"] and row["type"] for row in rows)


def test_an_empty_table_has_its_header(opinions: dict[str, ExportTable]) -> None:
    empty = ExportTable(name="raters", about="", columns=opinions["raters"].columns, rows=[])
    assert csv_of(empty).startswith("rater,started,")
    assert pq.read_table(io.BytesIO(parquet_of(empty))).num_rows == 0


def test_names_that_look_like_formulas_are_text() -> None:
    study = simulated_opinions(0, methods={"=1+1": 1.0, "b": 2.0})
    assert "\n'=1+1," in csv_of(tables_of(study)["methods"])


@pytest.mark.parametrize("study", [simulated_opinions(0), simulated_pairs(0)], ids=["opinions", "pairs"])
def test_results_are_json_without_nan(study: StudyVotes) -> None:
    found = plain_results(analyse_votes(study))
    again = json.loads(json.dumps(found, allow_nan=False))
    assert again == found
    assert found["plan_check"]["sha256"] == study.plan.sha256
    assert found["rule_counts"]["time"] == 0
    assert plain_value(math.nan) is None
