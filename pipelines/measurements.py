"""Write docs/measurements.md from the table of measurements.

python pipelines/measurements.py
"""

from __future__ import annotations

from pathlib import Path

from ebb.measurements import TABLE, Limits
from ebb.settings_checks import flag

PAGE = Path(__file__).parents[1] / "docs" / "measurements.md"

HEAD = """# Measurements

`ebb align` measures every pair, that is, the *wide* photo (f/16, everything in focus) and the *shallow* photo
(f/1.8, blurred background) after alignment. Lengths (px) are pixels at 1024 px photo height for photos of any
size: registration works at that height and enlarges lower photos by a factor of at most 2.

The limits are settings of `ebb align`. A pair with a measurement beyond its limit is rejected, and the first
such measurement in the order of this table gives the reason. All measurements are stored in `state.sqlite`;
those with a column are also in the shards.

`python pipelines/measurements.py` generates this page from `ebb/measurements.py`. To add a measurement, add a
field to `Measurements` there (and its limit to `Limits`, if it has one), compute it in
`ebb/registration/measure.py`, and generate this page again.

| measurement | unit | meaning | limit | rejected as | column |
|---|---|---|---|---|---|
"""


def page() -> str:
    """The page."""
    lines = []
    for row in TABLE:
        limit, reason = "", ""
        if row.gate is not None:
            limit = f"`{flag(row.gate.setting)}`: {row.gate.limit(Limits())}"
            limit += f"; only with `{flag(row.gate.only_with)}`" if row.gate.only_with else ""
            limit += f"; not with `{flag(row.gate.unless)}`" if row.gate.unless else ""
            reason = f"`{row.gate.reason}`"
        column = "yes" if row.stored else ""
        lines.append(f"| `{row.name}` | {row.unit} | {row.meaning} | {limit} | {reason} | {column} |\n")
    return HEAD + "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
