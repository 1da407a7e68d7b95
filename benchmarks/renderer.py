"""Quality of the renderer relative to ray casting; time and difference of its fast and its exact form.

Quality: the analytic scenes of ``tests/helpers/bokeh_reference.py`` at 160 × 120, 1024 rays per pixel (4096
for the point lights). The renderer receives the all-in-focus photo and the depth of the first surface only.
PSNR, data range 1, both clipped at 1, in three bands: within reach of a depth edge (half the larger blur + 2
px), in focus, and the rest. ``*_ignoring_occlusion_db`` is for the same photo with every pixel blurred by its
own kernel.

Time: a floor (slope), a sharp subject and a blurred foreground, noise as texture. One thread, also in OpenCV;
fast and exact in turn, the median of ``--repeats`` runs after one to warm up; ``cpu`` is the processor's
time, which other work on the machine moves less than the clock (``wall``). ``ratio`` is exact over fast.
``blur``: 1536 × 1024, largest blur diameters of 15 to 120 px. ``size``: 0.4 to 6 megapixels at 30 px.
``aperture``: other apertures, and 300 lights beyond white. Differences are those of the pictures in 8-bit
sRGB: mean in grey levels, largest, and PSNR. ``photo``: ``ebb.render_bokeh`` of a whole photo with a depth
map of a quarter of its size, in a process of its own, two threads: time, and the peak of the resident memory.
``naive_layers``: each plane's colour and weight blurred over the whole frame with numpy's float32 FFT, back
to front "over", no hidden surfaces; once after one to warm up.

Run: ``python benchmarks/renderer.py`` from the repository root, on an idle machine. Writes
``benchmarks/results/renderer.json`` and ``docs/renderer.png`` (per scene: photo, coc, ours, truth,
difference × 8).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ebb.bokeh.aperture import DISC, Aperture, blur_kernel  # noqa: E402
from ebb.bokeh.inpainting import find_surfaces  # noqa: E402
from ebb.bokeh.layers import plane_cocs  # noqa: E402
from ebb.bokeh.renderer import render_shallow  # noqa: E402
from ebb.srgb import encode_srgb  # noqa: E402
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


def cost(call: Callable[[], object]) -> tuple[float, float]:
    """Wall clock and CPU time of one call."""
    start, start_cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - start, time.process_time() - start_cpu


def medians(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median wall clock and CPU time of calls that are made in turn, after one each to warm up."""
    rounds = [[cost(call) for call in calls.values()] for _ in range(repeats + 1)][1:]
    wall, cpu = np.median(np.asarray(rounds), axis=0).T
    found = {}
    for name, wall_s, cpu_s in zip(calls, wall, cpu, strict=True):
        found[f"{name}_wall_s"], found[f"{name}_cpu_s"] = round(float(wall_s), 3), round(float(cpu_s), 3)
    return found


def compared(
    photo: Floats, coc: Floats, repeats: int, aperture: Aperture = DISC, cats_eye: float = 0.0
) -> dict[str, float]:
    """Times of both renderers and the difference of their pictures."""
    fast, exact = (
        partial(render_shallow, photo, coc, aperture=aperture, cats_eye=cats_eye, exact=exact, workers=1)
        for exact in (False, True)
    )
    times = medians({"fast": fast, "exact": exact}, repeats)
    error = np.abs(encode_srgb(fast()).astype(np.float64) - encode_srgb(exact()))
    return {
        **times,
        "ratio": round(times["exact_cpu_s"] / times["fast_cpu_s"], 2),
        "mean_grey_levels": round(float(error.mean()), 3),
        "largest_grey_levels": int(error.max()),
        "psnr_db": round(float(20 * np.log10(255 / np.sqrt(np.square(error).mean() + 1e-9))), 1),
    }


def with_lights(photo: Floats) -> Floats:
    """A dark photo with 300 lights beyond white, 1 to 12 px wide."""
    rng = np.random.default_rng(1)
    dark = photo * np.float32(0.05)
    for _ in range(300):
        side = int(rng.integers(1, 13))
        y, x = rng.integers(0, np.subtract(photo.shape[:2], side))
        dark[y : y + side, x : x + side] = rng.uniform(2, 50) * np.float32([1, 0.8, 0.5])
    return dark


def speed(repeats: int) -> dict[str, object]:
    """Times and differences of the large scene, with one thread."""
    photo, coc = large_scene()
    other: dict[str, tuple[Floats, dict[str, Any]]] = {
        "six blades": (photo, {"aperture": Aperture(6, 12)}),
        "cat's eye": (photo, {"cats_eye": 0.5}),
        "lights": (with_lights(photo), {}),
        "lights, six blades": (with_lights(photo), {"aperture": Aperture(6, 12)}),
    }
    blur = {f"{30 * factor:g} px": factor for factor in (0.5, 1, 2, 4)}
    sizes = [(512, 768), (1024, 1536), (2048, 3072)]
    fast, naive = partial(render_shallow, photo, coc, workers=1), partial(naive_layers, photo, coc)
    return {
        "planes": len(plane_cocs(float(coc.min()), float(coc.max()))),
        "blur": {name: compared(photo, coc * np.float32(factor), repeats) for name, factor in blur.items()},
        "size": {
            f"{width}x{height}": compared(*large_scene(height, width), repeats) for height, width in sizes
        },
        "aperture": {
            name: compared(light, coc * np.float32(2), repeats, **options)
            for name, (light, options) in other.items()
        },
        "finding_surfaces": medians({"surfaces": lambda: find_surfaces(photo, coc)}, repeats),
        "naive_layers": medians({"fast": fast, "naive": naive}, 1),
    }


WHOLE_PHOTO = """
import json, sys, time
import cv2, numpy as np
import ebb
from benchmarks.renderer import large_scene
height, width, blur = (int(value) for value in sys.argv[1:])
photo, coc = large_scene(height // 4, width // 4)
photo = cv2.resize(photo, (width, height), interpolation=cv2.INTER_CUBIC)
pixels = np.rint(255 * photo.clip(0, 1)).astype(np.uint8)
del photo
ebb.render_bokeh(pixels[:64, :64], -coc[:16, :16], focus=0.0, max_blur_px=4)
start = time.perf_counter()
ebb.render_bokeh(pixels, -coc, focus=0.0, max_blur_px=blur, workers=2)
wall = time.perf_counter() - start
lines = open("/proc/self/status").read().splitlines()
peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
print(json.dumps({"wall_s": round(wall, 2), "peak_mb": round(peak / 1024)}))
"""


def whole_photo(height: int, width: int, blur: int) -> dict[str, float]:
    """Time and memory of one photo in a process of its own."""
    command = [sys.executable, "-c", WHOLE_PHOTO, str(height), str(width), str(blur)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, env=environment)
    return dict(json.loads(done.stdout))


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
    cv2.setNumThreads(1)
    result = {
        "command": "python benchmarks/renderer.py",
        "machine": machine,
        "quality": figures,
        "speed": speed(repeats),
        "photo": {
            "1536x1024, 30 px": whole_photo(1024, 1536, 30),
            "5184x3456, 100 px": whole_photo(3456, 5184, 100),
        },
    }
    text = json.dumps(result, indent=2, ensure_ascii=False) + "\n"
    (ROOT / "benchmarks" / "results" / "renderer.json").write_text(text, encoding="utf-8")
    encoded, png = cv2.imencode(".png", sheet[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if not encoded:
        raise OSError("OpenCV could not encode the contact sheet")
    (ROOT / "docs" / "renderer.png").write_bytes(png.tobytes())
    print(text)


if __name__ == "__main__":
    main()
