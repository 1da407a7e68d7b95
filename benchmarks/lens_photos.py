"""What the repair of depth gives on pictures that are not of its training scenes.

``captures``: pairs of a data set with depth (those of ``make demo-data``: rendered scenes as a camera takes
them). The f/16 photo is rendered as ``ebb-train render`` does; PSNR against the true f/1.8 photo.

``motorcycle``: a photo with measured disparity, of scikit-image (Middlebury 2014). There is no true shallow
photo: pictures are compared with the layered render with the measured disparity. It is used for measuring
alone.

Depth is exact, or has the errors of :mod:`ebb_train.lens.depth_errors`, imposed at the size at which the
network works; the mean over the seeds. ``photo`` is the untouched photo.

    python benchmarks/lens_photos.py demo                   # benchmarks/results/lens_photos.json
    python benchmarks/lens_photos.py demo --weights lens/run/lens.safetensors
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

import ebb
from ebb.bokeh.focus import estimate_focus
from ebb_train.inference.disparity import fit_to_photo, normalise
from ebb_train.inference.lens import LensModel
from ebb_train.lens.band import edge_band
from ebb_train.lens.depth_errors import STRENGTHS, corrupt_depth
from ebb_train.lens.network import load_repair
from ebb_train.lens.repair import packaged_network, repair_depth, working_factor
from ebb_train.metrics.similarity import psnr
from ebb_train.pixels import to_unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ebb_train.lens.network import RepairNet

    Floats = NDArray[np.float32]

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "lens_photos.json"
SEEDS = range(1)
CAPTURES_BLUR = 0.078
"""Of the lens of the captures; see ``pipelines/lens.py``."""
MOTORCYCLE = LensModel(blur=0.02)
"""Blur discs of up to 15 pixels on 741 pixels' width."""


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset", type=Path, help="a data set of capture pairs with depth")
    parser.add_argument("--weights", type=Path, help="of the repair network; by default those in the package")
    options = parser.parse_args()
    network = packaged_network() if options.weights is None else load_repair(options.weights)
    facts = {
        "script": "benchmarks/lens_photos.py",
        "network": network.config.as_dict(),
        "captures": captures(options.dataset, network),
        "motorcycle": motorcycle(network),
    }
    print(json.dumps(facts, indent=1))
    RESULT.write_text(json.dumps(facts, indent=1) + "\n")


def wrong_depths(depth: Floats, strength: str) -> Iterator[Floats]:
    """Depth with errors, one map for each seed, at the size at which the network works on it."""
    factor = working_factor(depth.size)
    size = (-(-depth.shape[1] // factor), -(-depth.shape[0] // factor))
    small = np.asarray(cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST_EXACT), np.float32)
    for seed in SEEDS if strength != "none" else range(1):
        wrong = corrupt_depth(small, STRENGTHS[strength], np.random.default_rng(seed))
        yield depth if strength == "none" else wrong


def captures(dataset: Path, network: RepairNet) -> dict[str, Any]:
    """PSNR in dB against the true shallow photo, by pair and strength."""
    lens, figures = LensModel(blur=CAPTURES_BLUR), {}
    for pair in ebb.open_dataset(dataset):
        if pair.depth is None:
            continue
        truth, exact = to_unit(pair.shallow), normalise(pair.depth)
        full = np.asarray(
            cv2.resize(exact, pair.wide.shape[1::-1], interpolation=cv2.INTER_NEAREST), np.float32
        )
        row: dict[str, Any] = {"photo": round(psnr(to_unit(pair.wide), truth), 2)}
        for strength in STRENGTHS:
            pairs = []
            for wrong in [exact] if strength == "none" else wrong_depths(full, strength):
                depth = fit_to_photo(pair.wide, wrong)
                focus = estimate_focus(np.rint(depth * 255).astype(np.uint8))
                pairs.append(
                    [
                        psnr(render(lens, pair.wide, one, focus), truth)
                        for one in both(pair.wide, depth, network)
                    ]
                )
            row[strength] = [round(float(value), 2) for value in np.mean(pairs, axis=0)]
        figures[pair.pair_id] = row
    return figures


def motorcycle(network: RepairNet) -> dict[str, Any]:
    """PSNR in dB, and L1 in the band around depth edges, against the render with the measured disparity."""
    from skimage.data import stereo_motorcycle

    photo, _, disparity = stereo_motorcycle()
    photo = np.ascontiguousarray(photo[..., :3])
    depth = normalise(_without_holes(np.asarray(disparity, np.float32)))
    focus = float(np.median(depth[220:320, 300:440]))
    truth = render(MOTORCYCLE, photo, depth, focus)
    band = edge_band(MOTORCYCLE.shoot(photo, depth, focus, 1.8).coc_px) > 0
    figures: dict[str, Any] = {"photo": round(psnr(to_unit(photo), truth), 2)}
    for strength in ("none", "median", "hard"):
        found = [
            [(psnr(picture, truth), float(np.abs(picture - truth)[band].mean())) for picture in pictures]
            for wrong in wrong_depths(depth, strength)
            for pictures in [[render(MOTORCYCLE, photo, one, focus) for one in both(photo, wrong, network)]]
        ]
        means = np.minimum(np.mean(found, axis=0), 100)
        figures[strength] = {
            "psnr": [round(float(value), 2) for value in means[:, 0]],
            "band_l1": [round(float(value), 5) for value in means[:, 1]],
        }
    return figures


def both(photo: NDArray[np.uint8], depth: Floats, network: RepairNet) -> list[Floats]:
    """The depth as it is, and repaired."""
    return [depth, repair_depth(photo, depth, network)]


def render(lens: LensModel, photo: NDArray[np.uint8], depth: Floats, focus: float) -> Floats:
    """The picture at f/1.8."""
    picture = lens.render(lens.shoot(photo, depth, focus, 1.8))
    return to_unit(photo) if picture is None else np.clip(picture, 0, 1)


def _without_holes(disparity: Floats) -> Floats:
    """Set pixels without a measurement to the smaller of the values left and right of them."""
    known = np.isfinite(disparity) & (disparity > 0)
    result = np.where(known, disparity, np.inf)
    for row, valid in zip(result, known, strict=True):
        places = np.flatnonzero(valid)
        columns = np.arange(len(row))
        after = places[np.clip(np.searchsorted(places, columns), 0, len(places) - 1)]
        before = places[np.clip(np.searchsorted(places, columns, side="right") - 1, 0, len(places) - 1)]
        row[:] = np.minimum(row[before], row[after])
    return np.asarray(result, np.float32)


if __name__ == "__main__":
    main()
