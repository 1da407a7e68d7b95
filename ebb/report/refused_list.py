"""``refused.csv``: the imported pairs that the limits refuse, with reasons and measurements."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.errors import Reason, Status
from ebb.files import remove_files, write_atomic
from ebb.geometry.homography import apply
from ebb.measurements import APART, LISTED
from ebb.report.status import Contents, read_contents, status_of
from ebb.settings import ShardSettings
from ebb.sharded import SHARD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ebb.dataset.catalog import Pair
    from ebb.report.status import PairStatus
    from ebb.results import StoredAlignment
    from ebb.workspace import Workspace

COLUMNS = (
    *("pair_id", "wide", "shallow", "split", "status", "reason", "detail", "all_reasons"),
    *("shift_x_px", "shift_y_px", *(f"registered_{name}" for name in APART)),
    *(row.name for row in LISTED),
)
"""``status``: ``kept`` in the shards, ``left_out`` of them, ``rejected`` by the align stage, or ``error``.
``shift_*``: how far the content of the shallow photo must move at its centre, in its pixels.
``registered_*``: the distance that registration leaves. The others are columns of the shards."""


class _Refusal(NamedTuple):
    """Why a pair is refused."""

    status: str
    reasons: tuple[Reason, ...]
    detail: str


def write_refused_list(workspace: Workspace) -> Path | None:
    """Write the list; without a refused pair, remove an earlier one and return ``None``.

    Raises:
        InvalidInput: no catalogue, or a broken one.
        OutputError: it cannot be written.
    """
    contents = read_contents(workspace)
    leaves_out = workspace.settings(ShardSettings).refuse
    rows = list(_rows(contents, leaves_out=leaves_out))
    if not rows:
        remove_files([workspace.refused_list])
        return None
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(workspace.refused_list, text.getvalue().encode())
    return workspace.refused_list


def _rows(contents: Contents, *, leaves_out: bool) -> Iterator[Mapping[str, str]]:
    for pair, status in zip(contents.pairs, status_of(contents).pairs, strict=True):
        row = contents.aligned.get(pair.pair_id)
        refusal = _refusal(status, leaves_out=leaves_out)
        if pair.wide.origin == "camera" or row is None or refusal is None:
            continue
        value = row.value
        measured = value.measurements if value else row.measurements
        seen = {column.name: column.seen(measured) for column in LISTED}
        yield {
            "pair_id": pair.pair_id,
            "wide": pair.wide.name,
            "shallow": pair.shallow.name,
            "split": contents.splits.get(pair.pair_id, ""),
            "status": refusal.status,
            "reason": refusal.reasons[0],
            "detail": refusal.detail,
            "all_reasons": " ".join(refusal.reasons),
            **{name: f"{number:.6g}" for name, number in seen.items() if np.isfinite(number)},
            **(_registered(pair, value) if value else {}),
        }


def _refusal(status: PairStatus, *, leaves_out: bool) -> _Refusal | None:
    if status.refused_for:
        return _Refusal("left_out" if leaves_out else "kept", status.refused_for, status.refused_detail)
    if (
        status.reason is not None
        and status.status in (Status.REJECTED, Status.ERROR)
        and status.stage != SHARD
    ):
        return _Refusal(status.status, (status.reason,), status.detail)
    return None


def _registered(pair: Pair, value: StoredAlignment) -> dict[str, str]:
    """What registration would do to the pair."""
    left = {name: value.registered[name] for name in APART if name in value.registered}
    found = {f"registered_{name}": f"{distance:.6g}" for name, distance in left.items()}
    if value.H_shallow_to_wide is None:
        return found
    centre = np.array([[(pair.shallow.width - 1) / 2, (pair.shallow.height - 1) / 2]])
    x, y = (apply(np.reshape(value.H_shallow_to_wide, (3, 3)), centre) - centre)[0]
    return {**found, "shift_x_px": f"{x:.2f}", "shift_y_px": f"{y:.2f}"}
