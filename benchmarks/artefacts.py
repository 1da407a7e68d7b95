"""Detection of artefacts: planted faults of known size, false alarms on true photos, pictures of models.

Run: ``python benchmarks/artefacts.py DATASET [DATASET ...] [--planted 3]``

Each DATASET is a folder with shards, of which every split is used; no part of the photos is stored.

``false_alarms``: the true shallow photo of every pair as if it were a model's picture. ``with_target`` as in
``ebb-train evaluate``, where what the true photo shows is no artefact; ``alone`` without it: differences of
exposure, wind and parallax of real pairs then count. Wilson's interval of the share of flagged photos.

``confusion``: faults (rows) planted in the layered render of the first pairs, at two strengths, and the share
of their pictures that each detector flags. ``clean`` is the render itself.

``models``: share of flagged pictures of models without trained weights.

``seconds``: median for one pair, the layered render included, on one thread.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from ebb_train.artefacts.detect import detect
from ebb_train.artefacts.findings import KINDS
from ebb_train.artefacts.scene import JudgedScene
from ebb_train.baselines.registry import build_model
from ebb_train.data.sources import SplitIsEmpty, open_source
from ebb_train.evaluation.artefact_scores import find_artefacts
from ebb_train.metrics.aggregate import estimate_share
from ebb_train.metrics.regions import find_regions
from ebb_train.pixels import to_unit
from tests.helpers.planted_faults import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ebb_train.artefacts.findings import Finding
    from ebb_train.data.sources import Photos

RESULT = Path(__file__).parent / "results" / "artefacts.json"
MODELS = ("identity", "gaussian", "layered")


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("datasets", nargs="+", type=Path)
    parser.add_argument("--planted", type=int, default=3, help="pairs in which faults are planted")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    pairs = [pair for folder in options.datasets for pair in all_pairs(folder)]
    result = {
        "benchmark": "artefacts",
        "pairs": len(pairs),
        "limits": {name: kind.limit for name, kind in KINDS.items()},
        **false_alarms(pairs),
        "confusion": confusion(pairs[: options.planted]),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def all_pairs(folder: Path) -> Iterator[Photos]:
    """Pairs of all splits."""
    for split in ("train", "val", "test"):
        try:
            source = open_source(folder, split)
        except SplitIsEmpty:
            continue
        yield from (source.read(index) for index in range(len(source)))


def false_alarms(pairs: Sequence[Photos]) -> dict[str, Any]:
    """Flagged true photos and pictures of models."""
    found: dict[str, list[list[str]]] = {"with_target": [], "alone": []}
    models: dict[str, list[list[str]]] = {name: [] for name in MODELS}
    built = {name: build_model(name, lambda: pairs[:8]) for name in MODELS}
    seconds = []
    for number, photos in enumerate(pairs):
        print(f"pair {number + 1} of {len(pairs)}", file=sys.stderr)
        regions = find_regions(photos.wide, photos.shallow)
        start = time.perf_counter()
        found["with_target"].append(flagged(find_artefacts(photos, regions, photos.shallow)))
        seconds.append(time.perf_counter() - start)
        alone = JudgedScene(to_unit(photos.wide), regions.coc_px)
        found["alone"].append(flagged(detect(alone, to_unit(photos.shallow))))
        for name, model in built.items():
            if photos.depth is not None or not model.needs_depth:
                picture = model.render(photos.wide, photos.depth)
                models[name].append(flagged(find_artefacts(photos, regions, picture)))
    return {
        "seconds": round(float(np.median(seconds)), 2),
        "false_alarms": {name: shares(kinds) for name, kinds in found.items()},
        "models": {name: shares(kinds) for name, kinds in models.items() if kinds},
    }


def flagged(findings: Sequence[Finding]) -> list[str]:
    """Kinds whose limit is exceeded."""
    return [finding.kind for finding in findings if finding.is_flagged]


def shares(kinds: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Share of flagged pictures, and counts of each kind."""
    found = estimate_share([float(bool(one)) for one in kinds])
    by_kind = {name: sum(name in one for one in kinds) for name in KINDS}
    return {
        "pictures": len(kinds),
        "flagged": round(found.mean, 4),
        "interval": [round(found.low, 4), round(found.high, 4)],
        "by_kind": {name: count for name, count in by_kind.items() if count},
    }


def confusion(pairs: Sequence[Photos]) -> dict[str, dict[str, float]]:
    """Share of the pictures of each fault that each detector flags."""
    rows: dict[str, list[list[str]]] = {"clean": []} | {name: [] for name in FAULTS}
    for photos in pairs:
        regions = find_regions(photos.wide, photos.shallow)
        scene = JudgedScene(to_unit(photos.wide), regions.coc_px)
        rows["clean"].append(flagged(detect(scene, scene.layered)))
        for name, plant in FAULTS.items():
            for strength in (1, 2):
                picture = plant(scene, scene.layered, strength)
                stored = np.where(np.isfinite(picture), np.rint(picture * 255) / 255, picture)
                rows[name].append(flagged(detect(scene, stored)))
    return {
        name: {kind: share for kind in KINDS if (share := float(np.mean([kind in one for one in found])))}
        for name, found in rows.items()
    }


if __name__ == "__main__":
    main()
