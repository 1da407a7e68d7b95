"""Accuracy of ``ebb-train render --full-resolution`` relative to simulated ground truth.

Ground truth: scenes of ``ebb.simulation``, photographed at f/16 (the photo) and at the shallow f-number of
the plan from the same position, 3072 x 2048 pixels, with sensor noise in the photo only, both as 8-bit sRGB.
The output of the network is replaced by the true shallow photo at 1024 pixels height (``perfect``), or by the
same photo softened by a Gaussian of half a pixel and 3 % darker (``imperfect``), because the quality of a
network is not measured here.

Three methods of enlargement: ``plain`` (bicubic), ``guided_filter`` (He, Sun and Tang's, fitted at the small
size, with enlarged coefficients: He and Sun's fast guided filter; the best of radius 1, 2, 4 and eps 1e-4,
1e-3), and ``ours`` (:mod:`ebb_train.inference.guided_upsampling`). PSNR in dB, range 1, over the squared
errors of all scenes, in bands of the true blur: in focus (below 1 pixel of the small size), slightly out of
focus (1 to 4), out of focus (above 4), and near the edges between them (where the blur differs by more than 4
within 4 pixels of the small size). ``seconds``: processor time for a 24-megapixel photo on one thread, and
the peak memory in addition to the photo.

    python benchmarks/full_resolution.py   # benchmarks/results/full_resolution.json, docs/full_resolution.png
"""

from __future__ import annotations

import dataclasses
import json
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from ebb.arrays import Size
from ebb.bokeh.thin_lens import Lens, PixelGrid, coc_px
from ebb.simulation.develop import develop
from ebb.simulation.hand_motion import CameraPose
from ebb.simulation.plan import Stream, plan_pair
from ebb.simulation.sensor import Exposure, expose
from ebb.simulation.simulate import APS_C, focal_length_px, optical_image, planned_scenes
from ebb.srgb import encode_srgb
from ebb_train.inference.guided_upsampling import guided_upsample
from ebb_train.pixels import from_unit, to_unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Floats = NDArray[np.float32]

ROOT = Path(__file__).parents[1]
RESULT, SHEET = (
    ROOT / "benchmarks" / "results" / "full_resolution.json",
    ROOT / "docs" / "full_resolution.png",
)
SIZE, SMALL_HEIGHT, SCENES, SEED = Size(3072, 2048), 1024, 4, 6
FACTOR = SIZE.height / SMALL_HEIGHT


class Truth(NamedTuple):
    """One scene."""

    photo: Picture
    shallow: Picture
    blur: Floats
    """Diameter of the blur disc, in pixels of the small size."""


def photograph(index: int) -> Truth:
    """Both photos of a scene, from the same position."""
    plan = dataclasses.replace(plan_pair(SEED, index, bad_share=0), size=SIZE, orientation=1)
    scene = planned_scenes(plan).wide
    focal_px = focal_length_px(plan, APS_C, scene.focus_m)
    wide, shallow = (
        optical_image(scene, CameraPose(), plan, shot, focal_px, APS_C) for shot in (plan.wide, plan.shallow)
    )
    exposure = Exposure(iso=200, gain_ev=0.0, white_balance=plan.white_balance, corner_loss=0.0)
    mosaics = [
        expose(wide, APS_C, exposure, plan.rng(Stream.WIDE_NOISE)),
        expose(shallow, APS_C, exposure, None),
    ]
    photo, blurred = (encode_srgb(develop(mosaic, APS_C, plan.white_balance)) for mosaic in mosaics)
    inner = slice(scene.margin, -scene.margin)
    lens = Lens(plan.focal_length_mm, plan.shallow.f_number)
    pixels = PixelGrid(APS_C.width_mm, SIZE.width)
    blur = np.abs(coc_px(lens, pixels, scene.focus_m, scene.depth_m[inner, inner])) / FACTOR
    return Truth(photo, blurred, blur.astype(np.float32))


def bands(blur: Floats) -> dict[str, NDArray[np.bool_]]:
    """Masks of the bands of blur."""
    around = np.ones((int(8 * FACTOR) | 1,) * 2, np.uint8)
    edge = cv2.dilate(blur, around) - cv2.erode(blur, around) > 4
    return {
        "in_focus": (blur < 1) & ~edge,
        "slightly_out": (blur >= 1) & (blur < 4) & ~edge,
        "out_of_focus": (blur >= 4) & ~edge,
        "near_edges": edge,
        "all": np.ones_like(edge),
    }


def plain(photo: Picture, small: Picture, picture: Floats) -> Picture:  # noqa: ARG001 - common signature
    """Bicubic."""
    return from_unit(cv2.resize(picture, photo.shape[1::-1], interpolation=cv2.INTER_CUBIC))


def guided(radius: int, eps: float) -> Callable[[Picture, Picture, Floats], Picture]:
    """The fast guided filter, each channel guided by itself."""

    def mean(image: Floats) -> Floats:
        return np.asarray(cv2.blur(image, (2 * radius + 1,) * 2, borderType=cv2.BORDER_REFLECT))

    def run(photo: Picture, small: Picture, picture: Floats) -> Picture:
        guide = to_unit(small)
        guide_mean, picture_mean = mean(guide), mean(picture)
        slope = (mean(guide * picture) - guide_mean * picture_mean) / (
            mean(guide * guide) - guide_mean**2 + eps
        )
        offset = mean(picture_mean - slope * guide_mean)
        large = [cv2.resize(plane, photo.shape[1::-1]) for plane in (mean(slope), offset)]
        return from_unit(large[0] * to_unit(photo) + large[1])

    return run


WAYS: dict[str, Callable[[Picture, Picture, Floats], Picture]] = {
    "plain": plain,
    **{f"guided_filter r={r} eps={eps:g}": guided(r, eps) for r in (1, 2, 4) for eps in (1e-4, 1e-3)},
    "ours": guided_upsample,
}


def imperfect(picture: Floats) -> Floats:
    """Blur and darken a photo slightly."""
    return np.asarray(0.97 * cv2.GaussianBlur(picture, (0, 0), 0.5), np.float32)


def quality() -> tuple[dict[str, object], list[NDArray[np.uint8]]]:
    """PSNR of every method in every band, and a strip of crops for each scene."""
    errors: dict[tuple[str, str, str], list[float]] = {}
    areas: dict[str, int] = {}
    strips = []
    for index in range(SCENES):
        truth = photograph(index)
        small, shallow = (
            cv2.resize(image, None, fx=1 / FACTOR, fy=1 / FACTOR, interpolation=cv2.INTER_AREA)
            for image in (truth.photo, truth.shallow)
        )
        where = bands(truth.blur)
        for network, picture in (("perfect", to_unit(shallow)), ("imperfect", imperfect(to_unit(shallow)))):
            results = {name: way(truth.photo, small, picture) for name, way in WAYS.items()}
            goal = to_unit(truth.shallow) * (0.97 if network == "imperfect" else 1)
            for name, result in results.items():
                squared = ((to_unit(result) - goal) ** 2).mean(axis=2)
                for band, mask in where.items():
                    sums = errors.setdefault((network, name, band), [0.0, 0.0])
                    sums[0] += float(squared[mask].sum(dtype=np.float64))
                    sums[1] += float(mask.sum())
            if network == "perfect":
                strips.append(strip(truth, results, where["in_focus"]))
        for band, mask in where.items():
            areas[band] = areas.get(band, 0) + int(mask.sum())
    figures: dict[str, object] = {"share": {name: round(n / areas["all"], 3) for name, n in areas.items()}}
    for network in ("perfect", "imperfect"):
        psnr = {
            name: {band: round(decibel(*errors[network, name, band]), 2) for band in areas} for name in WAYS
        }
        figures[network] = best_guided(psnr)
    return figures, strips


def decibel(total: float, count: float) -> float:
    """PSNR of a sum of squared errors."""
    return float(10 * np.log10(count / max(total, 1e-12)))


def best_guided(psnr: dict[str, dict[str, float]]) -> dict[str, object]:
    """Keep only the guided filter with the best overall PSNR."""
    best = max((name for name in psnr if name.startswith("guided")), key=lambda name: psnr[name]["all"])
    return {"plain": psnr["plain"], best: psnr[best], "ours": psnr["ours"]}


def strip(truth: Truth, results: dict[str, Picture], in_focus: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Crops of photo, ground truth, plain and ours around the strongest change of blur."""
    side = 200
    focus = cv2.boxFilter(in_focus.astype(np.float32), -1, (side, side))
    detail = np.abs(cv2.Laplacian(to_unit(truth.photo).mean(axis=2), -1)) * in_focus
    score = cv2.boxFilter(detail, -1, (side, side)) * (1 - focus)
    inner = score[side // 2 : -side // 2, side // 2 : -side // 2]
    y, x = np.unravel_index(int(inner.argmax()), inner.shape)
    shown = (truth.photo, truth.shallow, results["plain"], results["ours"])
    return np.hstack([image[y : y + side, x : x + side] for image in shown])


def cost() -> dict[str, float]:
    """Time and memory of one photo of 6000 x 4000."""
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (4000, 6000, 3), np.uint8)
    small = rng.integers(0, 256, (1024, 1536, 3), np.uint8)
    picture = rng.random((1024, 1536, 3), dtype=np.float32)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    guided_upsample(photo, small, picture)
    seconds = time.process_time() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": round(seconds, 2), "megabytes": round((after - before) / 1024)}


def main() -> None:
    """Measure and write."""
    cv2.setNumThreads(1)
    spent = cost()  # first, because peak memory never decreases
    figures, strips = quality()
    report = {
        "benchmark": "full_resolution",
        "size": SIZE,
        "scenes": SCENES,
        "psnr_db": figures,
        "cost": spent,
    }
    text = json.dumps(report, indent=1) + "\n"
    print(text)
    RESULT.write_text(text, encoding="utf-8")
    cv2.imwrite(str(SHEET), np.vstack(strips[:2])[..., ::-1])


if __name__ == "__main__":
    main()
