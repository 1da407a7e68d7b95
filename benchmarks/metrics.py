"""Agreement of the evaluation protocols with their reference libraries, accuracy of the regions, and cost.

Run: ``python benchmarks/metrics.py [--runs 7] [--scenes 16]``; writes ``benchmarks/results/metrics.json``.

``agreement``: the largest absolute difference of each protocol from its reference
(``tests/helpers/metric_oracles.py``: scikit-image; ``tf.image`` in float64; torchmetrics in float64) over
``tests/helpers/metric_pairs.py`` (8 pairs of noise, 4 photo-like pairs, some of odd sizes) and over one pair
of 1024 x 1590.

``lpips``: the largest difference between the network with random weights and equation 1 computed in float64.

``seconds``: processor time for 8-bit pictures of 1024 x 1536 on one thread; median and quartiles over --runs
rounds, in which all alternate, after a warm-up round. ``ebb`` is without LPIPS, whose network has random
weights; ``scikit_image_ssim`` is its Gaussian SSIM alone, for comparison.

``regions``: synthetic scenes (``ebb.simulation``, 1152 x 768, 50 mm at f/16 and f/1.8, every other one with
noise and a different exposure) with known blur. ``overlap``: intersection over union of the detected and true
regions in and out of focus, over all pixels and over the ``clear`` ones, whose blur is not within 0.8 … 1.6
of the threshold. ``blur_px``: median detected in a photo blurred everywhere by a disc of known diameter.
``blur_ratio``: detected for a shallow photo taken at another f-number, compared with the ratio of the
f-numbers. ``halo``: detected for rims with an increasing share of the subject's colour.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import skimage
import torch
import torchmetrics

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ebb.arrays import Size  # noqa: E402
from ebb_train.metrics.inputs import as_pair  # noqa: E402
from ebb_train.metrics.lpips import Lpips  # noqa: E402
from ebb_train.metrics.protocols import PROTOCOLS  # noqa: E402
from ebb_train.metrics.regions import FOCUS_COC_PX, edge_halo, find_regions  # noqa: E402
from tests.helpers.blurred_photos import blurred, typical  # noqa: E402
from tests.helpers.lpips_reference import by_formula, network, pictures  # noqa: E402
from tests.helpers.metric_oracles import ORACLES, gaussian_ssim  # noqa: E402
from tests.helpers.metric_pairs import PAIRS  # noqa: E402
from tests.helpers.rendered_pairs import halo_scene, overlap, synthetic_pair  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RESULT = ROOT / "benchmarks" / "results" / "metrics.json"
HEIGHT, WIDTH = 1024, 1536
DISCS_PX = (3.0, 5.0, 7.0, 9.0, 12.0, 16.0, 20.0, 25.0, 30.0)
F_NUMBERS = (1.2, 1.4, 2.4, 2.8, 3.6)
SCENES = Size(1152, 768)


def spread(values: Sequence[float], digits: int = 4) -> dict[str, float]:
    """Median, quartiles and extremes."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    named = {"median": middle, "low_quartile": low, "high_quartile": high}
    return {
        name: round(float(value), digits)
        for name, value in (named | {"min": min(values), "max": max(values)}).items()
    }


def photo_like(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """8-bit pictures of any size."""
    preds, target = (np.tile(picture, (8, 8, 1))[:height, :width] for picture in PAIRS[9])
    return np.uint8(np.rint(preds * 255)), np.uint8(np.rint(target * 255))


def agreement() -> dict[str, dict[str, float]]:
    """Largest difference of each metric of each protocol from its reference."""
    large = tuple(np.float32(picture / 255) for picture in photo_like(1024, 1590))
    found: dict[str, dict[str, float]] = {}
    for name, protocol in PROTOCOLS.items():
        worst: dict[str, float] = {}
        for preds, target in [*PAIRS, large]:
            scores, expected = protocol.score(preds, target), ORACLES[name](preds, target)
            assert scores.keys() == expected.keys()
            for metric, value in expected.items():
                worst[metric] = max(worst.get(metric, 0.0), abs(scores[metric] - value))
        found[name] = {metric: float(f"{value:.2g}") for metric, value in worst.items()}
    return found


def lpips_agreement() -> dict[str, float]:
    """Largest difference from the published formula."""
    worst = dict.fromkeys(("alex", "vgg"), 0.0)
    for net in worst:
        for size in ((64, 80), (67, 53), (96, 128)):
            pair = pictures(size)
            difference = abs(network(net)(*pair).item() - by_formula(net, *pair)[0])
            worst[net] = max(worst[net], float(f"{difference:.2g}"))
    return worst


def seconds(runs: int) -> dict[str, dict[str, float]]:
    """Processor time of all metrics, measured alternately."""
    preds, target = photo_like(HEIGHT, WIDTH)
    pair = as_pair(preds, target)
    lpips = Lpips(net="alex", network=network("alex"), weights="random")
    regions = find_regions(preds, target)
    ways: dict[str, Callable[[], object]] = {
        name: lambda protocol=protocol: protocol.score(preds, target) for name, protocol in PROTOCOLS.items()
    }
    ways["lpips_alex"] = lambda: lpips.distance(*pair)
    ways["find_regions"] = lambda: find_regions(preds, target)
    ways["score_regions"] = lambda: regions.score(preds)
    ways["scikit_image_ssim"] = lambda: gaussian_ssim(*pair)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(runs + 1):
        for name, way in ways.items():
            start = time.process_time()
            way()
            if turn:
                taken[name].append(time.process_time() - start)
    return {name: spread(values) for name, values in taken.items()}


def overlaps(scenes: int) -> dict[str, dict[str, float]]:
    """Overlap of the estimated regions with the ground truth."""
    rows: dict[str, list[float]] = {"out_of_focus": [], "in_focus": [], "clear_out": [], "clear_in": []}
    for seed in range(scenes):
        spoilt = {"exposure": 0.8, "noise": 0.01} if seed % 2 else {}
        wide, shallow, coc = synthetic_pair(seed, SCENES, **spoilt)
        found, truth = find_regions(wide, shallow).sharp_side, coc < FOCUS_COC_PX
        clear = (coc < 0.8 * FOCUS_COC_PX) | (coc > 1.6 * FOCUS_COC_PX)
        rows["out_of_focus"].append(overlap(~found, ~truth))
        rows["in_focus"].append(overlap(found, truth))
        rows["clear_out"].append(overlap(~found & clear, ~truth & clear))
        rows["clear_in"].append(overlap(found & clear, truth & clear))
    return {
        name: spread(values, 3) | {"mean": round(statistics.mean(values), 3)} for name, values in rows.items()
    }


def blur_ratios(scenes: int) -> dict[str, dict[str, float]]:
    """Ratio of the measured to the true relative blur at several f-numbers."""
    found: dict[str, list[float]] = {f"f/{number}": [] for number in F_NUMBERS}
    for seed in range(min(scenes, 6)):
        regions = find_regions(*synthetic_pair(seed)[:2])
        for number in F_NUMBERS:
            score = regions.score(synthetic_pair(seed, f_number=number).shallow)
            found[f"f/{number}"].append(score["blur_ratio"] * number / 1.8)
    return {name: spread(values, 3) for name, values in found.items()}


def halos() -> dict[str, float]:
    """Measured halo for rims with increasing amounts of the subject's colour."""
    picture, inside, boundary, near = halo_scene()
    colours = np.array([0.8, 0.2, 0.2]) - np.array([0.2, 0.6, 0.3])
    return {
        f"{strength:g}": round(
            edge_halo(picture + strength * near[..., None] * colours, picture, inside, boundary), 4
        )
        for strength in (0, 0.05, 0.1, 0.25, 0.5, 1)
    }


def machine() -> dict[str, Any]:
    """Versions and machine."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "torch": torch.__version__,
        "torchmetrics": torchmetrics.__version__,
        "scikit_image": skimage.__version__,
        "architecture": platform.machine(),
        "threads": 1,
        "load_average": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    """Measure, print and write the JSON."""
    parser = argparse.ArgumentParser(description="Agreement, correctness and cost of the metrics.")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--scenes", type=int, default=16)
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    report = {
        "benchmark": "metrics",
        "machine": machine(),
        "seconds": seconds(arguments.runs),
        "agreement": agreement(),
        "lpips": lpips_agreement(),
        "regions": {
            "scenes": arguments.scenes,
            "overlap": overlaps(arguments.scenes),
            "blur_px": {f"{coc:g}": round(typical(blurred(coc)), 2) for coc in DISCS_PX},
            "blur_ratio_found_over_true": blur_ratios(arguments.scenes),
            "halo": halos(),
        },
    }
    text = json.dumps(report, indent=2) + "\n"
    sys.stdout.write(text)
    arguments.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
