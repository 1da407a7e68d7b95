"""Write docs/measurements.md from the table of measurements.

python pipelines/measurements.py
"""

from __future__ import annotations

from pathlib import Path

from ebb.measurements import TABLE, Limits

PAGE = Path(__file__).parents[1] / "docs" / "measurements.md"

HEAD = """# Measurements

What `ebb align` measures on every pair. Lengths (px) are pixels at 1024 px photo height, whatever size the
photos have: registration looks at all photos at that height, and enlarges lower ones to it by a factor of 2
at most. The limits are settings of `ebb align`; a measurement beyond its limit rejects the pair, and the
first such gate in this order names the reason. Those with a column are in the shards; all are in
`state.sqlite`.

This page is made from `ebb/measurements.py` by `python pipelines/measurements.py`. To add a measurement,
add a field to `Measurements` there (and its limit to `Limits`, if it has one), and compute it in
`ebb/registration/measure.py`; this page is then made again.

| measurement | unit | meaning | limit | rejected as | column |
|---|---|---|---|---|---|
"""


def page() -> str:
    """The page."""
    lines = []
    for row in TABLE:
        limit, reason = "", ""
        if row.gate is not None:
            limit = f"`--{row.gate.setting.replace('_', '-')}`: {row.limit(Limits())}"
            reason = f"`{row.gate.reason}`"
        column = "yes" if row.stored else ""
        lines.append(f"| `{row.name}` | {row.unit} | {row.meaning} | {limit} | {reason} | {column} |\n")
    return HEAD + "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
