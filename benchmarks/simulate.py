"""Fidelity and cost of simulated camera files.

Fidelity: the wide photos of procedural scenes at ISO 100 are written as DNG, developed by LibRaw with camera
white balance, and compared with the noise-free image formed by the optics: what a sensor without mosaic and
noise would record behind the same lens, low-pass filter and pixels, with vignetting. Pixels are counted if
they are in the middle half of the frame, within 10 % of the focus distance, and three pixels away from
anything clipped. PSNR with data range 1, sRGB-encoded and linear, for three of LibRaw's demosaicing methods:
AHD (rawpy's default), DHT, and DCB with its colour correction (``dcb_enhance``). The same file without noise
gives the error of demosaicing; the comparison of both gives that of noise. ``half_size``: both pictures are
averaged over 2 x 2 pixels first, as photos are reduced before they are stored. ``no filter``: the sensor
without its low-pass filter. ``together``: PSNR of all counted pixels of all scenes; ``at_least_40``: number
of scenes that reach 40 dB.

EXIF: every file of the speed run is read with ExifRead and compared with ``truth.parquet``.

Speed: ``ebb simulate --scenes 100 --workers 2`` in a separate process; memory is the largest resident set of
any process, polled ten times per second. ``load`` is the one-minute load of the machine at the start of the
run: if it is above 0, other programs shared the cores, which hardly affects processor times.

    python benchmarks/simulate.py             # writes benchmarks/results/simulate.json
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import exifread
import numpy as np
import psutil  # type: ignore[import-untyped]
import pyarrow.parquet as pq
import rawpy

from ebb.arrays import Size
from ebb.formats.exif_writer import ShotInfo
from ebb.simulation.dng import write_dng
from ebb.simulation.hand_motion import CameraPose
from ebb.simulation.plan import PairPlan, plan_pair
from ebb.simulation.sensor import Exposure, corner_loss, expose, vignetting
from ebb.simulation.simulate import APS_C, focal_length_px, optical_image, planned_scenes
from ebb.srgb import srgb_curve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.simulation.scenes import Scene
    from ebb.simulation.sensor import Sensor

    Image = NDArray[np.float32]

REPOSITORY = Path(__file__).parents[1]
RESULT = REPOSITORY / "benchmarks" / "results" / "simulate.json"
SEED = 11
NUM_SCENES = {Size(1296, 864): 60, Size(2592, 1728): 12}
"""Scenes per frame size: the default frame, and half the width and height of a real sensor."""
DEMOSAICING: dict[str, dict[str, Any]] = {
    "AHD": {"demosaic_algorithm": rawpy.DemosaicAlgorithm.AHD},
    "DHT": {"demosaic_algorithm": rawpy.DemosaicAlgorithm.DHT},
    "DCB": {"demosaic_algorithm": rawpy.DemosaicAlgorithm.DCB, "dcb_iterations": 2, "dcb_enhance": True},
}
EXIF_TAGS = {
    "f_number": "EXIF FNumber",
    "exposure_time_s": "EXIF ExposureTime",
    "iso": "EXIF ISOSpeedRatings",
}


class Score(NamedTuple):
    """Squared errors of the counted pixels, data range 1."""

    sum_of_squares: float
    count: int

    @property
    def psnr_db(self) -> float:
        """PSNR of these errors."""
        return float(-10 * np.log10(self.sum_of_squares / self.count))


def main() -> None:
    """Measure everything and write the result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scenes", type=int, default=100, help="pairs of the speed run")
    scenes = parser.parse_args().scenes
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        speed = speed_figures(Path(folder, "made"), scenes)
        exif = exif_figures(Path(folder, "made"))
    result = {
        "method": " ".join((__doc__ or "").split("\n\n    python")[0].split()),
        "machine": {
            "cpus": os.cpu_count(),
            "opencv": cv2.__version__,
            "libraw": ".".join(map(str, rawpy.libraw_version)),
        },
        "speed": speed,
        "exif": exif,
        "psnr_db": {f"{size.width}x{size.height}": fidelity_figures(size) for size in NUM_SCENES},
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def speed_figures(folder: Path, scenes: int) -> dict[str, Any]:
    """Run the verb and monitor its processes."""
    load = os.getloadavg()[0]
    command = [sys.executable, "-c", "from ebb.cli import main; main()", "simulate", str(folder)]
    command += ["--scenes", str(scenes), "--seed", str(SEED), "--workers", "2", "--quiet"]
    start, seconds, memory = time.perf_counter(), dict[int, float](), 0
    with subprocess.Popen(command) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            for each in [watched, *watched.children(recursive=True)]:
                try:
                    with each.oneshot():
                        memory = max(memory, each.memory_info().rss)
                        used = each.cpu_times()
                        seconds[each.pid] = used.user + used.system
                except psutil.NoSuchProcess:
                    continue
            time.sleep(0.1)
    wall = time.perf_counter() - start
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    return {
        "pairs": scenes,
        "exit_code": process.returncode,
        "wall_s": round(wall, 1),
        "processor_s": round(sum(seconds.values()), 1),
        "largest_process_mb": round(memory / 1e6),
        "files_mb": round(size / 1e6),
        "load": round(load, 2),
    }


def exif_figures(folder: Path) -> dict[str, int]:
    """Compare the EXIF of every file with the truth."""
    files = equal = 0
    for row in pq.read_table(folder / "truth.parquet").to_pylist():
        for role in ("wide", "shallow"):
            if row["missing"] == role:
                continue
            files += 1
            equal += _exif_matches(folder / row[role], row, role)
    return {"files": files, "all_tags_equal": equal}


def _exif_matches(path: Path, row: dict[str, Any], role: str) -> bool:
    tags = exifread.process_file(io.BytesIO(path.read_bytes()), details=False)
    numbers = all(
        np.isclose(float(tags[tag].values[0]), row[f"{name}_{role}"], rtol=1e-6)
        for name, tag in EXIF_TAGS.items()
    )
    when = f"{tags['EXIF DateTimeOriginal']}.{tags['EXIF SubSecTimeOriginal']}"
    taken = row[f"captured_at_{role}"].replace("-", ":").replace("T", " ")
    upright = (row["orientation"], row["focal_length_mm"])
    found = (tags["Image Orientation"].values[0], float(tags["EXIF FocalLength"].values[0]))
    return numbers and when == taken and found == upright


def fidelity_figures(size: Size) -> dict[str, Any]:
    """Distributions of the PSNR over scenes, by demosaicing and kind of comparison."""
    bare = dataclasses.replace(APS_C, low_pass_shift_px=0.0)
    scores: dict[str, list[Score]] = {}
    for index in range(NUM_SCENES[size]):
        plan = plan_pair(SEED, index, bad_share=0, size=size)
        plan = dataclasses.replace(plan, orientation=1)  # irrelevant here
        scene = planned_scenes(plan).wide
        figures = scene_figures(plan, scene, APS_C)
        figures |= {
            f"{name}, no filter": value
            for name, value in scene_figures(plan, scene, bare).items()
            if name in {f"{way}, sRGB" for way in DEMOSAICING}
        }
        for name, value in figures.items():
            scores.setdefault(name, []).append(value)
    return {name: _distribution(values) for name, values in scores.items()}


def scene_figures(plan: PairPlan, scene: Scene, sensor: Sensor) -> dict[str, Score]:
    """PSNR of the wide photo of a scene."""
    focal_px = focal_length_px(plan, sensor, scene.focus_m)
    sensor_light = optical_image(scene, CameraPose(), plan, plan.wide, focal_px, sensor)
    exposure = Exposure(
        iso=100,
        gain_ev=plan.wide.gain_ev,
        white_balance=plan.white_balance,
        corner_loss=corner_loss(plan.wide.f_number),
    )
    light = sensor_light * (
        vignetting(*plan.size, exposure.corner_loss)[..., None] * np.float32(2.0**exposure.gain_ev)
    )
    kept = _counted(light, scene)
    noisy, clean = (
        expose(sensor_light, sensor, exposure, rng) for rng in (np.random.default_rng(plan.index), None)
    )
    figures: dict[str, Score] = {}
    info = ShotInfo(
        captured_at=plan.wide.captured_at,
        exposure_time_s=plan.wide.exposure_time_s,
        f_number=16.0,
        iso=100,
        focal_length_mm=50.0,
    )
    for name, way in DEMOSAICING.items():
        developed = [_develop(write_dng(mosaic, info, sensor, exposure), way) for mosaic in (noisy, clean)]
        compared = [
            ("", developed[0], light),
            (", no noise", developed[1], light),
            (", noise alone", *developed),
        ]
        for what, found, truth in compared:
            figures[f"{name}{what}, linear"] = _score(found, truth, kept)
            figures[f"{name}{what}, sRGB"] = _score(srgb_curve(found), srgb_curve(truth), kept)
        figures[f"{name}, sRGB, half_size"] = _score(
            _halve(srgb_curve(developed[0])), _halve(srgb_curve(light)), _halve(kept.astype(np.float32)) == 1
        )
    return figures


def _counted(light: Image, scene: Scene) -> NDArray[np.bool_]:
    """Pixels in the middle, in focus, away from what is clipped."""
    clipped = cv2.dilate((light.max(axis=2) > 0.95).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    depth = scene.depth_m[scene.margin : -scene.margin, scene.margin : -scene.margin]
    height, width = depth.shape
    middle = np.zeros(depth.shape, np.bool_)
    middle[height // 4 : -height // 4, width // 4 : -width // 4] = True
    return np.asarray(middle & ~clipped & (np.abs(depth / scene.focus_m - 1) < 0.1))


def _develop(file: bytes, way: dict[str, Any]) -> Image:
    with rawpy.imread(io.BytesIO(file)) as raw:
        developed = raw.postprocess(
            **way,
            use_camera_wb=True,
            no_auto_bright=True,
            adjust_maximum_thr=0.0,
            gamma=(1, 1),
            output_bps=16,
        )
    return np.asarray(developed / np.float32(65535), np.float32)


def _halve(image: Image) -> Image:
    height, width = image.shape[:2]
    return np.asarray(cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA))


def _score(found: Image, truth: Image, kept: NDArray[np.bool_]) -> Score:
    squares = np.square(found[kept] - truth[kept], dtype=np.float64)
    return Score(float(squares.sum()), squares.size)


def _distribution(scores: list[Score]) -> dict[str, float]:
    values = [score.psnr_db for score in scores]
    names = ("min", "lower_quartile", "median", "upper_quartile", "max")
    spread = np.round(np.percentile(values, (0, 25, 50, 75, 100)), 1).tolist()
    together = Score(*(sum(numbers) for numbers in zip(*scores, strict=True))).psnr_db
    return {
        "together": round(together, 1),
        **dict(zip(names, spread, strict=True)),
        "at_least_40": sum(value >= 40 for value in values),
        "scenes": len(scores),
    }


if __name__ == "__main__":
    main()
