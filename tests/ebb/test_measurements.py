"""The table of measurements: complete, consistent, and the only place that declares one."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ebb.dataset.columns import COUNT, NUMBER
from ebb.dataset.record import COLUMNS
from ebb.errors import UsageError
from ebb.measurement_types import Unit
from ebb.measurements import GATED, STORED, TABLE, Limits, Measurements
from ebb.settings import AlignSettings

ROOT = Path(__file__).parents[2]
COMPUTED_IN = ("ebb/measurements.py", "ebb/registration/", "ebb/quality/", "ebb/geometry/")
WORDS_OF_THEIR_OWN = {"overlap", "coverage", "stretch", "similarity", "perspective", "rotation_deg"}
"""Names of measurements that other things have too: words, functions, a pose of the simulation."""


def test_every_field_is_a_row() -> None:
    assert [row.name for row in TABLE] == [field.name for field in dataclasses.fields(Measurements)]
    assert {row.name for row in TABLE if row.kind is int} == {"num_matches", "num_inliers"}
    assert all(row.meaning.endswith(".") for row in TABLE)
    assert all(row.title for row in TABLE if row.listed)


def test_every_limit_belongs_to_a_gate() -> None:
    assert {row.gate.setting for row in GATED if row.gate} == {
        field.name for field in dataclasses.fields(Limits)
    }


def test_names_of_lengths_end_in_px() -> None:
    assert {row.name for row in TABLE if row.unit in (Unit.PIXELS, Unit.NATIVE_PIXELS)} == {
        row.name for row in TABLE if row.name.endswith("_px")
    }


def test_stored_measurements_are_columns() -> None:
    kinds = {column.name: (column.kind, column.nullable) for column in COLUMNS}
    assert {row.name: kinds.get(row.name) for row in STORED} == {
        row.name: (COUNT if row.kind is int else NUMBER, True) for row in STORED
    }


@pytest.mark.parametrize("row", GATED, ids=lambda row: row.name)
def test_limits_are_checked_by_their_unit(row: object) -> None:
    gate, unit = row.gate, row.unit  # type: ignore[attr-defined]
    flag = "--" + gate.setting.replace("_", "-")
    too_large = {Unit.SHARE: 1.5, Unit.RATIO: 1.5, Unit.CORRELATION: 1.5}.get(unit, -1.0)
    with pytest.raises(UsageError, match=f"{flag} .* is (not (positive|between 0 and 1)|negative)"):
        AlignSettings(**{gate.setting: too_large})


def test_no_other_file_names_a_measurement() -> None:
    """So that a new one takes two edits: the table, and where it is computed."""
    names = "|".join(row.name for row in TABLE if row.name not in WORDS_OF_THEIR_OWN)
    for path in ROOT.glob("ebb/**/*.py"):
        where = str(path.relative_to(ROOT))
        if not where.startswith(COMPUTED_IN):
            assert not re.findall(rf"\b({names})\b", path.read_text()), where


NEW_ROW = """
    darkness: Annotated[float, Measurement(
        "How dark the wide photo is.",
        Unit.SHARE, "darkness", listed=True, stored=True,
        gate=Gate(
            "max_darkness", Bound.AT_MOST, Reason.EXPOSURE_MISMATCH,
            "the wide photo is {value:.0%} dark, more than {limit:.0%}",
        ),
    )]
    # fmt: on
"""
NEW_LIMIT = '    max_darkness: float = 0.8\n    """Reject when the wide photo is darker than this."""\n'
PROBE = """
import dataclasses, numpy as np
from ebb.dataset.record import schema
from ebb.measurements import DRAWN
from ebb.quality.gates import check_alignment
from ebb.registration.register import register
from ebb.settings import AlignSettings
import sys; sys.path.insert(0, "{tests}")
from tests.helpers.captures import scene
photo = scene(0)
registration = register(photo, photo, AlignSettings(min_blur_px=0))
assert registration.measurements.darkness == 0.25
assert schema().field("darkness").type == "double"
assert "darkness (share)" in [row.label for row in DRAWN]
dark = dataclasses.replace(registration.measurements, darkness=0.9)
try: check_alignment(dark, AlignSettings(max_darkness=0.7, min_blur_px=0))
except Exception as error: print(error.message)
try: AlignSettings(max_darkness=2.0)
except Exception as error: print(error)
"""


def test_a_new_measurement_takes_two_edits(tmp_path: Path) -> None:
    """The table and where it is computed; gate, setting, column and report follow."""
    shutil.copytree(ROOT / "ebb", tmp_path / "ebb", ignore=shutil.ignore_patterns("__pycache__"))
    table, computed = tmp_path / "ebb/measurements.py", tmp_path / "ebb/registration/measure.py"
    text = table.read_text()
    text = text.replace("    # fmt: on\n", NEW_ROW.lstrip("\n"))
    text = text.replace("    max_clipped: float", f"{NEW_LIMIT}    max_clipped: float")
    table.write_text(text)
    computed.write_text(
        computed.read_text().replace("measured = Measurements(", "measured = Measurements(darkness=0.25,")
    )
    found = subprocess.run(
        [sys.executable, "-c", PROBE.replace("{tests}", str(ROOT))],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.splitlines() == [
        "the wide photo is 90% dark, more than 70%",
        "--max-darkness 2 is not between 0 and 1",
    ]
