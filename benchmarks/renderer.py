"""Quality of the renderer relative to ray casting, and speed relative to blurring of whole layers.

Quality: the analytic scenes of ``tests/helpers/bokeh_reference.py`` at 160 × 120, 1024 rays per pixel (4096
for the point lights). The renderer receives the all-in-focus photo and the depth of the first surface only.
PSNR, data range 1, both clipped at 1, in three bands: within reach of a depth edge (half the larger blur + 2
px), in focus, and the rest. ``*_ignoring_occlusion_db`` is for the same photo with every pixel blurred by its
own kernel.

Speed: 1024 × 1536, blur up to 30 px, noise as texture: a floor (slope), a sharp subject, a blurred
foreground. Median and interquartile range of ``--repeats`` runs after a warm-up run, and the CPU time of all
threads, which other work on the machine hardly affects; ``load`` is that of the machine at the start. Without
torch. The naive method, in the same run, blurs the colour and weight of each plane over the whole frame with
numpy's float32 FFT and composites back to front with "over", without hidden surfaces; one run after a warm-up
run.

Run: ``python benchmarks/renderer.py`` from the repository root. Writes ``benchmarks/results/renderer.json``
and ``docs/renderer.png`` (per scene: photo, coc, result, ground truth, difference × 8).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ebb.bokeh.aperture import blur_kernel  # noqa: E402
from ebb.bokeh.inpainting import find_surfaces  # noqa: E402
from ebb.bokeh.layers import plane_cocs  # noqa: E402
from ebb.bokeh.renderer import render_shallow  # noqa: E402
from tests.helpers import bokeh_reference as reference  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]


def ignoring_occlusion(photo: Floats, coc: Floats) -> Floats:
    """Blur of each pixel by its own disc, without occlusion."""
    result = np.zeros_like(photo)
    for value in np.unique(np.round(coc)):
        blurred = cv2.filter2D(photo, -1, blur_kernel(float(value)), borderType=cv2.BORDER_REFLECT)
        result = np.where((np.round(coc) == value)[..., None], blurred, result)
    return result


def naive_layers(photo: Floats, coc: Floats) -> Floats:
    """Blur all planes over the whole frame and composite them back to front."""
    planes = plane_cocs(float(coc.min()), float(coc.max()))
    place = np.interp(coc, planes, np.arange(len(planes))).astype(np.float32)
    height, width = coc.shape
    size = (cv2.getOptimalDFTSize(height + 32), cv2.getOptimalDFTSize(width + 32))
    result = np.zeros((4, height, width), np.float32)
    for rank in range(len(planes) - 1, -1, -1):
        weight = np.clip(1 - np.abs(place - rank), 0, None)
        kernel = blur_kernel(float(planes[rank]))
        half = len(kernel) // 2
        stack = np.stack([*np.moveaxis(photo * weight[..., None], -1, 0), weight])
        spectrum = np.fft.rfft2(stack, size) * np.fft.rfft2(kernel, size)
        blurred = np.fft.irfft2(spectrum, size)[:, half : half + height, half : half + width]
        result = blurred.astype(np.float32) + result * (1 - blurred[3])
    return np.moveaxis(result[:3] / np.maximum(result[3], 1e-6), 0, -1)


def display(picture: Floats) -> NDArray[np.uint8]:
    """Convert linear light to 8-bit sRGB."""
    return np.rint(np.clip(picture, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)


def quality() -> tuple[dict[str, object], NDArray[np.uint8]]:
    """Results for each scene, and the contact sheet."""
    figures: dict[str, object] = {}
    rows = []
    for name, planes in reference.SCENES.items():
        truth = reference.render_truth(planes, 4096 if "lights" in name else 1024)
        ours = render_shallow(truth.photo, truth.coc)
        plain = ignoring_occlusion(truth.photo, truth.coc)
        entry: dict[str, object] = {}
        for band, where in reference.bands(truth.coc).items():
            if where.any():
                entry[f"{band}_db"] = round(reference.psnr(ours, truth.shallow, where), 2)
                entry[f"{band}_ignoring_occlusion_db"] = round(reference.psnr(plain, truth.shallow, where), 2)
                entry[f"{band}_pixels"] = int(where.sum())
        figures[name] = entry
        span = max(float(np.ptp(truth.coc)), 1e-6)
        depth = np.repeat((truth.coc - truth.coc.min())[..., None] / span, 3, axis=2)
        error = np.clip(np.abs(ours - truth.shallow) * 8, 0, 1)
        shown = [display(truth.photo), depth * 255, display(ours), display(truth.shallow), error * 255]
        rows.append(np.hstack([np.rint(picture).astype(np.uint8) for picture in shown]))
    return figures, np.vstack(rows)


def large_scene(height: int = 1024, width: int = 1536) -> tuple[Floats, Floats]:
    """Photo and coc of the speed test."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    coc = np.clip(30 * (1 - rows / height * 1.6), -10, 30)
    coc[((columns - 700) / 200) ** 2 + ((rows - 600) / 400) ** 2 < 1] = 0
    coc[(columns - 1200) ** 2 + (rows - 800) ** 2 < 150**2] = -25
    photo = np.random.default_rng(0).random((height, width, 3), dtype=np.float32)
    return photo, coc.astype(np.float32)


def seconds(call: Callable[[], object], repeats: int) -> dict[str, float]:
    """Median and interquartile range of the wall time, and median CPU time, after a warm-up call."""
    wall, cpu = [], []
    for _ in range(repeats + 1):
        start, start_cpu = time.perf_counter(), time.process_time()
        call()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
    low, median, high = np.percentile(wall[1:], [25, 50, 75])
    return {
        "median_s": round(float(median), 3),
        "iqr_s": round(float(high - low), 3),
        "cpu_s": round(float(np.median(cpu[1:])), 3),
    }


def speed(repeats: int) -> dict[str, object]:
    """Timings of the large scene."""
    photo, coc = large_scene()
    ours = seconds(lambda: render_shallow(photo, coc), repeats)
    naive = seconds(lambda: naive_layers(photo, coc), 1)
    return {
        "size": "1536x1024",
        "max_coc_px": 30,
        "planes": len(plane_cocs(float(coc.min()), float(coc.max()))),
        "ours": ours,
        "ours_one_thread": seconds(lambda: render_shallow(photo, coc, workers=1), repeats),
        "of_which_finding_surfaces": seconds(lambda: find_surfaces(photo, coc), repeats),
        "naive_layers": naive,
        "cpu_ratio_to_naive": round(naive["cpu_s"] / ours["cpu_s"], 2),
    }


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    figures, sheet = quality()
    machine = {
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "load": round(os.getloadavg()[0], 1),
    }
    result = {"machine": machine, "quality": figures, "speed": speed(repeats)}
    text = json.dumps(result, indent=2, ensure_ascii=False) + "\n"
    (ROOT / "benchmarks" / "results" / "renderer.json").write_text(text, encoding="utf-8")
    encoded, png = cv2.imencode(".png", sheet[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if not encoded:
        raise OSError("OpenCV could not encode the contact sheet")
    (ROOT / "docs" / "renderer.png").write_bytes(png.tobytes())
    print(text)


if __name__ == "__main__":
    main()
