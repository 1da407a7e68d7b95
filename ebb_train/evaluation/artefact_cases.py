"""Pictures in which artefacts are suspected, for the page of an evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebb.pages.data_uri import data_uri
from ebb.pages.page import address
from ebb_train.artefacts.findings import KINDS
from ebb_train.evaluation.artefact_scores import ARTEFACTS, find_artefacts, marked
from ebb_train.evaluation.difference_maps import as_rgb8
from ebb_train.evaluation.predictions import read_picture
from ebb_train.metrics.regions import find_regions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ebb_train.artefacts.findings import Finding
    from ebb_train.data.sources import Source
    from ebb_train.evaluation.scores import Row


def flagged_rows(rows: Sequence[Row]) -> list[Row]:
    """Rows whose pictures are flagged, the largest severity first."""
    flagged = [row for row in rows if row.scores.get(f"{ARTEFACTS}.flagged")]
    return sorted(flagged, key=lambda row: -row.scores[f"{ARTEFACTS}.severity"])


def suspected_case(row: Row, source: Source, folder: Path) -> dict[str, Any]:
    """One flagged picture and where its artefacts are, for the template.

    Args:
        row: A result of :func:`flagged_rows`.
        source: The pairs.
        folder: Folder of the page.
    """
    photos = source.read(row.index)
    if row.picture is None:
        raise ValueError(f"pair {row.pair_id} is flagged and has no picture")
    picture = read_picture(row.picture)
    findings = find_artefacts(photos, find_regions(photos.wide, photos.shallow), picture)
    flagged = sorted((one for one in findings if one.is_flagged), key=lambda one: -one.severity)
    output = as_rgb8(picture)
    pictures = {"output": output, "input": photos.wide, "target": photos.shallow}
    pictures |= {
        "where" if number == 0 else f"where: {_name(one)}": marked(output, one)
        for number, one in enumerate(flagged)
    }
    return {
        "pair_id": row.pair_id,
        "id": f"artefacts-{row.pair_id}",
        "caption": "; ".join(
            f"{_name(one)} {one.value:.3g}, limit {KINDS[one.kind].limit:g}" for one in flagged
        ),
        "pictures": {name: data_uri(shown) for name, shown in pictures.items()},
        "links": [("output", address(row.picture, folder))],
    }


def _name(finding: Finding) -> str:
    return finding.kind.replace("_", " ")
