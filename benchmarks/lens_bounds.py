"""Where the error of layered renders with wrong depth comes from, and what a repair of depth can gain.

Held-out scenes of the lens model, with depth errors of two strengths and with exact depth. For each way of
making a better map: the change of the L1 in the band around depth edges against the layered render with the
wrong map, and the change of PSNR (whole picture, out of focus, in focus) in dB.

``exact depth`` is what a perfect depth network gives; ``true shares`` is what a perfect network of
:mod:`ebb_train.models.repair` gives, whose values lie between those that the wrong map has nearby; ``half of
the places`` has them in half of the picture. The others are filters guided by the photo: OpenCV's guided,
weighted median, joint bilateral filter and fast global smoother, and edges made steep as before rendering.

    python benchmarks/lens_bounds.py    # benchmarks/results/lens_bounds.json, 5 minutes on one core
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ebb.bokeh.depth_upsampling import without_mixtures
from ebb_train.lens.acceptance import summarise
from ebb_train.lens.batches import true_share
from ebb_train.lens.planes import edge_maps
from ebb_train.lens.samples import HeldOutScene, make_held_out_scene
from ebb_train.lens.scores import Comparison, score_picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Method = Callable[[HeldOutScene, Floats], Floats]

RESULT = Path(__file__).parents[1] / "benchmarks" / "results" / "lens_bounds.json"
SCENES, SEED, SIDE = 24, 104, 384
STRENGTHS = ("none", "median", "hard")
STEPS = 255


def true_shares(scene: HeldOutScene, wrong: Floats) -> Floats:
    """The best map whose values lie between those of the wrong one nearby."""
    edges = edge_maps(wrong)
    exact = edges.low + true_share(edges, scene.wrong["none"]) * edges.step
    return np.where(edges.is_edge, exact, wrong).astype(np.float32)


def half_of_the_places(scene: HeldOutScene, wrong: Floats) -> Floats:
    """The same in places of some 10 pixels, at random."""
    noise = np.random.default_rng(0).standard_normal(wrong.shape).astype(np.float32)
    return np.where(cv2.GaussianBlur(noise, (0, 0), 10) > 0, true_shares(scene, wrong), wrong)


def smoother(scene: HeldOutScene, wrong: Floats) -> Floats:
    """Fast global smoother; depth near its edges counts little."""
    square = np.ones((9, 9), np.uint8)
    edge = np.asarray(cv2.dilate(wrong, square)) - np.asarray(cv2.erode(wrong, square)) > 0.08
    trust = np.where(edge, 0.05, 1).astype(np.float32)
    found = cv2.ximgproc.createFastGlobalSmootherFilter(scene.photo, 200, 6)
    return np.asarray(found.filter(wrong * trust) / np.maximum(found.filter(trust), 1e-3), np.float32)


def weighted_median(scene: HeldOutScene, wrong: Floats) -> Floats:
    """Over windows of 17 pixels."""
    bytes_ = np.rint(wrong * STEPS).astype(np.uint8)
    found = cv2.ximgproc.weightedMedianFilter(scene.photo, bytes_, 8, 25.5)
    return np.asarray(found, np.float32) / STEPS


def steep(_: HeldOutScene, wrong: Floats) -> Floats:
    """As ``render`` does with blurred edges."""
    for _round in range(3):
        wrong = without_mixtures(wrong)
    return wrong


METHODS: dict[str, Method] = {
    "exact depth": lambda scene, _: scene.wrong["none"],
    "true shares": true_shares,
    "half of the places": half_of_the_places,
    "guided filter": lambda scene, wrong: cv2.ximgproc.guidedFilter(scene.photo, wrong, 8, 90),
    "weighted median": weighted_median,
    "joint bilateral": lambda scene, wrong: cv2.ximgproc.jointBilateralFilter(
        scene.photo.astype(np.float32), wrong, 15, 15, 5
    ),
    "fast global smoother": smoother,
    "steep edges": steep,
}


def main() -> None:
    """Measure, print and write."""
    cv2.setNumThreads(1)
    found: dict[str, list[Comparison]] = {name: [] for name in METHODS}
    for number in range(SCENES):
        scene = make_held_out_scene(np.random.default_rng([SEED, number]), SIDE, STRENGTHS)
        for strength, wrong in scene.wrong.items():
            before = score_picture(scene.render(wrong, strength), scene)
            for name, method in METHODS.items():
                depth = np.clip(np.asarray(method(scene, wrong), np.float32), 0, 1)
                after = score_picture(scene.render(depth, strength), scene)
                found[name].append(Comparison(number, strength, before, after))
    facts = {
        name: {
            one.strength: {
                "band_change": round(one.band_change, 3),
                "psnr": [round(one.gain_db(key), 2) for key in ("psnr", "psnr_blurred", "psnr_sharp")],
                "worse": one.worse,
            }
            for one in summarise(comparisons)
        }
        for name, comparisons in found.items()
    }
    for name, values in facts.items():
        print(f"{name:22}", *(f"{100 * one['band_change']:+7.1f} %" for one in values.values()))
    result = {"script": "benchmarks/lens_bounds.py", "scenes": SCENES, "seed": SEED, "methods": facts}
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
