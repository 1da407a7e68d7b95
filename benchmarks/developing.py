"""Fidelity and speed of several ways to develop and reduce a Bayer frame.

Method: the light is a plane of real pictures (benchmarks/composites.py, 2592 x 1728) behind the lens and
low-pass filter of ebb simulate, at f/1.8 and f/16, on an 18-megapixel APS-C sensor. It is recorded as DNG
without noise, with that of ISO 100, and with that of ISO 800. Each method makes a photo of a given height of
the file: the colour planes of the sensor resampled directly (ebb.photo.mosaic), the planes independently of
each other, and LibRaw's AHD, DHT and PPG demosaicing followed by the same filter, in linear light and on
encoded values. The ground truth is the light, reduced by Pillow's Lanczos filter in floating point, then
encoded. Reported are the PSNR of 8-bit sRGB, range 255, over all three channels, without a border of 8
pixels, and the processor time on one thread for 18 megapixels, with opening of the file, at 1024 px height
(median of three).

    python benchmarks/developing.py     # writes benchmarks/results/developing.json
"""

from __future__ import annotations

import io
import json
import os
import time
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import composites
import cv2
import numpy as np
import rawpy
from PIL import Image

from ebb.arrays import Size
from ebb.bokeh.thin_lens import Lens, PixelGrid
from ebb.formats.exif_writer import ShotInfo
from ebb.photo.mosaic import Mosaic, read_mosaic
from ebb.photo.raw import opened_raw
from ebb.photo.resample import as_photo, resample
from ebb.simulation.dng import write_dng
from ebb.simulation.point_spread import focus_kernel, spread_light
from ebb.simulation.sensor import Exposure, Sensor, expose
from ebb.srgb import from_light

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Homography, Rgb8

RESULT = Path(__file__).parent / "results" / "developing.json"
FRAME = Size(2592, 1728)
LARGE = Size(5184, 3456)
REDUCTIONS = (1.0, 1.3, 1.6875, 2.0, 2.4, 2.7, 3.375, 4.0)
SHOTS = {
    "f/1.8, no noise": (1.8, None),
    "f/1.8, ISO 100": (1.8, 100),
    "f/1.8, ISO 800": (1.8, 800),
    "f/16, ISO 800": (16.0, 800),
}
DEMOSAICING = {
    "AHD": rawpy.DemosaicAlgorithm.AHD,
    "DHT": rawpy.DemosaicAlgorithm.DHT,
    "PPG": rawpy.DemosaicAlgorithm.PPG,
}


def main() -> None:
    """Measure fidelity and time and write the results."""
    cv2.setNumThreads(1)
    sharp, _ = composites.scene(FRAME, np.random.default_rng(8))
    facts: dict[str, Any] = {
        "method": " ".join((__doc__ or "").split("Method: ")[1].split("    python")[0].split())
    }
    facts["libraw"] = ".".join(map(str, rawpy.libraw_version))
    facts["psnr_db"] = {name: fidelity(sharp, *shot) for name, shot in SHOTS.items()}
    facts["cpu_s_at_18_megapixels"] = seconds()
    RESULT.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(facts, indent=1))


def fidelity(sharp: NDArray[np.float32], f_number: float, iso: int | None) -> dict[str, dict[str, float]]:
    """PSNR of every method at every reduction."""
    kernel = focus_kernel(Sensor(), Lens(50.0, f_number), PixelGrid(Sensor().width_mm, LARGE.width))
    light = spread_light(sharp, kernel)
    data = camera_file(light, iso)
    mosaic = planes(data)
    developed = {name: develop(data, algorithm) for name, algorithm in DEMOSAICING.items()}
    table = {}
    for reduction in REDUCTIONS:
        size = Size(round(FRAME.width / reduction), round(FRAME.height / reduction))
        H = enlarging(size)
        truth = 255 * from_light(np.clip(pillow(light, size), 0, 1))
        row = {"planes": psnr(as_photo(mosaic.resample(H, size)), truth)}
        row["planes without differences"] = psnr(as_photo(mosaic.reduced(size)), truth)
        row |= {name: psnr(resample(photo, H, size), truth) for name, photo in developed.items()}
        encoded = np.clip(pillow(developed["AHD"] / np.float32(257), size), 0, 255)
        row["AHD, encoded values averaged"] = psnr(np.rint(encoded), truth)
        table[f"{reduction:g}"] = row
    return table


def seconds() -> dict[str, float]:
    """Processor seconds from an 18-megapixel file to a photo of 1024 px height."""
    rng = np.random.default_rng(4)
    light = cv2.GaussianBlur(rng.random((LARGE.height, LARGE.width, 3), np.float32), (0, 0), 1.2)
    data = camera_file(np.asarray(light, np.float32), 100)
    size = Size(1536, 1024)
    H = np.diag([LARGE.width / size.width, LARGE.height / size.height, 1.0])
    H[:2, 2] = (np.diag(H)[:2] - 1) / 2
    ways: dict[str, Any] = {"planes": lambda: as_photo(planes(data).resample(H, size))}
    ways["planes, for keypoints only"] = lambda: planes(data).reduced(size)
    for name, algorithm in DEMOSAICING.items():
        ways[name] = lambda algorithm=algorithm: resample(develop(data, algorithm), H, size)
    return {name: round(float(np.median([timed(way) for _ in range(3)])), 3) for name, way in ways.items()}


def timed(way: Any) -> float:  # noqa: ANN401 (the result is ignored)
    """Processor seconds of a call."""
    start = time.process_time()
    way()
    return time.process_time() - start


def camera_file(light: NDArray[np.float32], iso: int | None) -> bytes:
    """DNG file of light on the sensor; without noise if ``iso`` is None."""
    exposure = Exposure(iso=iso or 100)
    numbers = expose(light, Sensor(), exposure, np.random.default_rng(6) if iso else None)
    info = ShotInfo(
        captured_at=datetime(2024, 6, 1),  # noqa: DTZ001 (a camera's clock has no zone)
        exposure_time_s=Fraction(1, 60),
        f_number=1.8,
        iso=iso or 100,
        focal_length_mm=50.0,
        orientation=1,
    )
    return write_dng(numbers, info, Sensor(), exposure)


def planes(data: bytes) -> Mosaic:
    """Colour planes of the sensor."""
    with opened_raw(data) as raw:
        mosaic = read_mosaic(raw, tuple(raw.camera_whitebalance))
    assert mosaic is not None
    return mosaic


def develop(data: bytes, algorithm: rawpy.DemosaicAlgorithm) -> NDArray[np.uint16]:
    """Picture developed by LibRaw, 16 bits, sRGB."""
    with rawpy.imread(io.BytesIO(data)) as raw:
        photo: NDArray[np.uint16] = raw.postprocess(
            demosaic_algorithm=algorithm,
            use_camera_wb=True,
            no_auto_bright=True,
            adjust_maximum_thr=0.0,
            gamma=(2.4, 12.92),
            output_color=rawpy.ColorSpace.sRGB,
            output_bps=16,
        )
    return photo


def enlarging(size: Size) -> Homography:
    """Homography from pixels of a photo of this size to those of the frame."""
    H = np.diag([FRAME.width / size.width, FRAME.height / size.height, 1.0])
    H[:2, 2] = (np.diag(H)[:2] - 1) / 2
    return H


def pillow(photo: NDArray[np.float32], size: Size) -> NDArray[np.float64]:
    """Lanczos reduction in floating point."""
    channels = [Image.fromarray(np.ascontiguousarray(photo[..., c], np.float32)) for c in range(3)]
    small = [one.resize(size, Image.Resampling.LANCZOS, reducing_gap=None) for one in channels]
    return np.dstack([np.asarray(one) for one in small]).astype(np.float64)


def psnr(photo: Rgb8 | NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """PSNR for a range of 255."""
    error = (photo - truth)[8:-8, 8:-8]
    return round(float(10 * np.log10(255**2 / np.mean(error**2))), 2)


if __name__ == "__main__":
    main()
