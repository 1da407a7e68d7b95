"""A data set from simulated captures, and a comparison of every decision with the ground truth.

in        nothing: 40 pairs of procedural scenes at 1296 x 864, about half of them with defects
out       simulated/: captures/ (DNG, depth files, truth.parquet), set/ (shards, report.html)
hardware  2 cores, no GPU, 1 GB of memory per core
minutes   about 4: half for simulation, half for alignment
expect    18 of the 19 good pairs are accepted, with a corner error below 1 px (median 0.03 px); one is
          rejected because its photos are too dissimilar. 20 of the 21 bad pairs are rejected, each for an
          admissible reason; one pair whose shallow photo missed the focus is accepted

    python pipelines/simulate.py              # or: --scenes 200 --seed 3
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq  # noqa: TID253

from ebb.arrays import Size
from ebb.cli import main as ebb
from ebb.dataset.catalog import read_catalog
from ebb.geometry.homography import corner_error_px
from ebb.report.status import dataset_status
from ebb.results import ALIGN
from ebb.tables import table
from ebb.workspace import read_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HEIGHT = 768
"""Height of the stored photos."""


class Verdict(NamedTuple):
    """Ground truth and result of a pair."""

    wide: str
    kind: str
    should_align: bool
    is_aligned: bool
    reason: str
    expected: tuple[str, ...]
    corner_error_px: float
    """Mean over the corners, in pixels of the full-size photo; NaN if the pair was not aligned."""

    @property
    def outcome(self) -> str:
        """Accepted or rejected, and whether that is right."""
        if self.is_aligned:
            return "accepted right" if self.should_align else "accepted wrong"
        if self.should_align:
            return "rejected wrong"
        return "rejected right" if self.reason in self.expected else "rejected, other reason"


OUTCOMES = ("accepted right", "accepted wrong", "rejected right", "rejected, other reason", "rejected wrong")


def main() -> None:
    """Simulate, make the data set, compare."""
    parser = argparse.ArgumentParser(
        description="Comparison of a data set of simulated captures with the ground truth."
    )
    parser.add_argument("--out", type=Path, default=Path("simulated"))
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--bad", type=float, default=0.5)
    options = parser.parse_args()
    captures, dataset = options.out / "captures", options.out / "set"
    made = ["--scenes", options.scenes, "--seed", options.seed, "--bad", options.bad]
    run("simulate", captures, *made)
    run("run", captures, "--dataset", dataset, "--provider", "sidecar", "--height", HEIGHT)
    verdicts = list(compare(captures / "truth.parquet", dataset))
    print(f"\n{outcome_table(verdicts)}\n\n{error_text(verdicts)}")
    for verdict in verdicts:
        if verdict.outcome in ("accepted wrong", "rejected, other reason", "rejected wrong"):
            print(f"{verdict.outcome}: {verdict.wide} {verdict.kind} {verdict.reason}")


def run(*words: object) -> None:
    """Run a verb of ebb; stop if it fails."""
    try:
        ebb([str(word) for word in words])
    except SystemExit as ended:
        if ended.code:
            raise


def compare(truth_file: Path, dataset: Path) -> Iterator[Verdict]:
    """Ground truth of every pair, with its result in the data set."""
    with read_workspace(dataset) as workspace:
        aligned = workspace.state.stage_rows(ALIGN)
        pairs = {pair.wide: pair for pair in dataset_status(workspace).pairs}
        files = {row.name: row for row in read_catalog(workspace.catalog_file)}
    for row in pq.read_table(truth_file).to_pylist():
        pair = pairs.get(row["wide"])
        is_aligned = pair is not None and not pair.reason
        alone = files.get(row["shallow"] if row["missing"] == "wide" else row["wide"])
        reason = (pair.reason if pair else alone and alone.reason) or ""
        kept = aligned[pair.pair_id].value if pair and is_aligned else None
        error = corner_error(kept.H_shallow_to_wide, row) if kept else np.nan
        yield Verdict(
            wide=row["wide"],
            kind=row["kind"],
            should_align=row["expected"] == "aligned",
            is_aligned=is_aligned,
            reason=str(reason),
            expected=tuple(row["reasons"]),
            corner_error_px=error,
        )


def corner_error(found: Sequence[float], row: dict[str, Any]) -> float:
    """Mean distance from the true homography at the corners, at the distance of the subject."""
    if row["H_shallow_to_wide"] is None:
        return float("nan")
    H_found, H_true = np.reshape(found, (3, 3)), np.reshape(row["H_shallow_to_wide"], (3, 3))
    return float(corner_error_px(H_found, H_true, Size(row["width"], row["height"])).mean())


def outcome_table(verdicts: list[Verdict]) -> str:
    """Table with a row per kind of pair and a column per outcome, and sums."""
    counts = Counter((verdict.kind, verdict.outcome) for verdict in verdicts)
    kinds = sorted({verdict.kind for verdict in verdicts})
    lines = [(kind, *(counts[kind, outcome] for outcome in OUTCOMES)) for kind in kinds]
    total = ("all", *(sum(counts[kind, outcome] for kind in kinds) for outcome in OUTCOMES))
    return table(("kind", *OUTCOMES), [*lines, total])


def error_text(verdicts: list[Verdict]) -> str:
    """Corner errors of good pairs, in pixels of the full-size photo."""
    errors = [verdict.corner_error_px for verdict in verdicts if verdict.outcome == "accepted right"]
    if not errors:
        return "no good pair was accepted"
    median, high, worst = np.percentile(errors, (50, 90, 100))
    return f"corner error of good pairs, px: median {median:.2f}, 90 % below {high:.2f}, largest {worst:.2f}"


if __name__ == "__main__":
    main()
