"""Resampling from the sensor's planes against LibRaw's developing and against the light on the sensor."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import rawpy
from numpy.typing import NDArray

from ebb.arrays import Homography, Size
from ebb.bokeh.thin_lens import Lens, PixelGrid
from ebb.geometry.pixel_grid import resize_homography
from ebb.photo.decode import decode
from ebb.photo.mosaic import Mosaic, read_mosaic
from ebb.photo.raw import opened_raw
from ebb.photo.resample import as_photo, resample
from ebb.simulation.point_spread import focus_kernel, spread_light
from ebb.simulation.sensor import Exposure, Sensor, expose
from tests.helpers.bayer_files import PATTERNS, bayer_dng, mosaic_of, simulated_dng
from tests.helpers.textured_pairs import texture

SIZE = Size(384, 288)
SCALE = 1 / 3
SMALL = Size(128, 96)
INNER = np.s_[6:-6, 6:-6]


def opened(data: bytes) -> Mosaic:
    with opened_raw(data) as raw:
        mosaic = read_mosaic(raw, tuple(raw.camera_whitebalance))
    assert mosaic is not None
    return mosaic


def shrunk(scale: float = SCALE) -> Homography:
    return np.linalg.inv(resize_homography(scale))


def colours() -> NDArray[np.float64]:
    """Slow changes of all three colours, dark to almost white."""
    y, x = np.mgrid[0 : SIZE.height, 0 : SIZE.width]
    waves = [np.sin(x / 23) * np.cos(y / 31), np.cos(x / 29 + y / 41), np.sin((x - y) / 37)]
    return np.dstack([0.45 + 0.4 * wave for wave in waves])


def detail(seed: int = 3) -> NDArray[np.float32]:
    """Grey and coloured detail as fine as a lens and an anti-aliasing filter leave it."""
    grey, red, blue = (texture(seed + i, SIZE) for i in range(3))
    fine = np.random.default_rng(seed).random((SIZE.height, SIZE.width)).astype(np.float32)
    scene = (
        np.dstack([0.7 * grey + 0.2 * red, 0.8 * grey, 0.7 * grey + 0.2 * blue])
        + 0.5 * (fine - 0.5)[..., None]
    )
    kernel = focus_kernel(Sensor(), Lens(50.0, 1.8), PixelGrid(22.3, 5184))
    return spread_light(np.clip(scene, 0.02, 0.95).astype(np.float32), kernel)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("black", [(512,) * 4, (500, 540, 620, 700)])
def test_colours_are_those_of_libraw(pattern: str, black: tuple[int, ...]) -> None:
    neutral = (2, 3)
    numbers = np.rint(mosaic_of(colours(), pattern=pattern, black=black, neutral=neutral))
    data = bayer_dng(numbers, pattern=pattern, black=black, neutral=neutral)
    ours = as_photo(opened(data).resample(shrunk(), SMALL)).astype(int)
    theirs = resample(decode(data, ".dng", 1), shrunk(), SMALL).astype(int)
    assert np.abs(ours - theirs)[INNER].max() <= 1
    assert np.abs((ours - theirs)[INNER].mean(axis=(0, 1))).max() < 0.1


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_colour_is_shifted(pattern: str) -> None:
    """Every colour is at the position of the light; half a sensor pixel would be 0.17 px of the output."""
    light = colours()
    mosaic = opened(bayer_dng(np.rint(mosaic_of(light, pattern=pattern)), pattern=pattern))
    y, x = (np.mgrid[0 : SMALL.height, 0 : SMALL.width] + 0.5) / SCALE - 0.5
    waves = [np.sin(x / 23) * np.cos(y / 31), np.cos(x / 29 + y / 41), np.sin((x - y) / 37)]
    truth = np.dstack([0.45 + 0.4 * wave for wave in waves])
    for out in (mosaic.resample(shrunk(), SMALL), mosaic.reduced(SMALL)):
        error = (out - truth)[INNER]
        for channel in range(3):
            slope_y, slope_x = np.gradient(truth[..., channel])
            slopes = np.stack([slope_x[INNER].ravel(), slope_y[INNER].ravel()], axis=1)
            shift, *_ = np.linalg.lstsq(slopes, error[..., channel].ravel())
            assert np.abs(shift).max() < 0.005


@pytest.mark.parametrize("iso", [None, 100, 800])
@pytest.mark.parametrize("size", [Size(296, 222), Size(228, 171), SMALL])
def test_fidelity_is_better_than_that_of_full_demosaicing(iso: int | None, size: Size) -> None:
    """At 1.3, 1.7 and 3 sensor rows per row, the error is smaller than that of LibRaw."""
    light = detail()
    sensor, exposure = Sensor(), Exposure(iso=iso or 100)
    numbers = expose(light, sensor, exposure, np.random.default_rng(6) if iso else None)
    data = simulated_dng(numbers)
    truth = as_photo(reference(light, size)).astype(np.float64)
    H = np.linalg.inv(resize_homography(size.width / SIZE.width))

    def psnr(photo: NDArray[np.uint8]) -> float:
        return float(10 * np.log10(255**2 / np.mean((photo - truth)[INNER] ** 2)))

    ours = psnr(as_photo(opened(data).resample(H, size)))
    theirs = {}
    for algorithm in (rawpy.DemosaicAlgorithm.AHD, rawpy.DemosaicAlgorithm.DHT, rawpy.DemosaicAlgorithm.PPG):
        with rawpy.imread(io.BytesIO(data)) as raw:
            photo = raw.postprocess(
                demosaic_algorithm=algorithm,
                use_camera_wb=True,
                no_auto_bright=True,
                adjust_maximum_thr=0.0,
                gamma=(2.4, 12.92),
                output_bps=16,
            )
        theirs[algorithm.name] = psnr(resample(photo, H, size))
    assert ours > max(theirs.values()), (ours, theirs)


def reference(light: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Pillow's Lanczos reduction of linear light."""
    from PIL import Image

    planes = [Image.fromarray(np.ascontiguousarray(light[..., channel])) for channel in range(3)]
    small = [np.asarray(plane.resize(size, Image.Resampling.LANCZOS, reducing_gap=None)) for plane in planes]
    return np.dstack(small)


@pytest.mark.parametrize("cycles", [0.36, 0.41, 0.46])
@pytest.mark.parametrize("angle_deg", [0, 30, 90])
def test_fine_stripes_cause_no_false_colours(cycles: float, angle_deg: float) -> None:
    """Grey stripes between the Nyquist frequencies of green and of red: the planes alone show rainbows."""
    y, x = np.mgrid[0 : SIZE.height, 0 : SIZE.width]
    angle = np.deg2rad(angle_deg)
    wave = 0.4 + 0.1 * np.cos(2 * np.pi * cycles * (x * np.cos(angle) + y * np.sin(angle)))
    mosaic = opened(bayer_dng(np.rint(mosaic_of(np.dstack([wave] * 3)))))
    colourful = {
        name: np.ptp(out[INNER], axis=2).mean()
        for name, out in (("ours", mosaic.resample(shrunk(), SMALL)), ("planes", mosaic.reduced(SMALL)))
    }
    assert colourful["ours"] < 0.035
    assert colourful["ours"] <= colourful["planes"] + 0.003


def test_highlights_stay_white() -> None:
    light = np.full((*SIZE[::-1], 3), 0.3)
    light[100:200, 100:300] = 5.0
    mosaic = opened(bayer_dng(np.rint(mosaic_of(light, neutral=(2, 3))), neutral=(2, 3)))
    out = as_photo(mosaic.resample(shrunk(), SMALL))
    assert (out[40:60, 40:90] == 255).all()
    assert np.ptp(out[10:25, 10:110].astype(int), axis=2).max() <= 1


def test_noise_below_black_does_not_brighten_the_shadows() -> None:
    rng = np.random.default_rng(5)
    numbers = 512 + rng.normal(0, 20, SIZE[::-1])
    out = opened(bayer_dng(np.rint(numbers))).resample(shrunk(), SMALL)
    assert abs(out[INNER].mean()) < 2e-5  # cut at black it would be 5e-4


def test_margins_are_cut_off() -> None:
    numbers = np.rint(mosaic_of(colours()))
    whole = opened(bayer_dng(numbers))
    part = opened(bayer_dng(numbers, active=(8, 14, 272, 370)))
    assert part.size == (356, 264)
    assert part.pattern == whole.pattern
    np.testing.assert_array_equal(part.numbers, whole.numbers[8:272, 14:370])


BALANCE = (2.0, 1.0, 1.5, 0.0)


def fake_raw(**other: object) -> SimpleNamespace:
    sizes = {"top_margin": 0, "left_margin": 0, "iheight": 4, "iwidth": 6, "pixel_aspect": 1.0}
    facts = {
        "raw_type": rawpy.RawType.Flat,
        "num_colors": 3,
        "raw_pattern": np.array([[0, 1], [3, 2]]),
        "raw_image_visible": np.full((4, 6), 900, np.uint16),
        "sizes": SimpleNamespace(**sizes),
        "color_desc": b"RGBG",
        "raw_color": lambda row, column: [[0, 1], [3, 2]][row % 2][column % 2],
        "black_level_per_channel": [100, 100, 100, 100],
        "white_level": 1100,
        "color_matrix": np.eye(3, 4),
    }
    return SimpleNamespace(**{**facts, **other})


def test_a_plain_bayer_sensor_is_read() -> None:
    mosaic = read_mosaic(fake_raw(), BALANCE)
    assert mosaic is not None
    assert mosaic.factors == {(0, 0): 2e-3, (0, 1): 1e-3, (1, 0): 1e-3, (1, 1): 1.5e-3}


@pytest.mark.parametrize(
    "other",
    [
        {"raw_type": rawpy.RawType.Stack},
        {"num_colors": 1},
        {"num_colors": 4, "color_desc": b"GMCY"},
        {"color_desc": b"RGBE", "raw_color": lambda row, column: [[0, 1], [3, 2]][row % 2][column % 2]},
        {"raw_pattern": np.zeros((6, 6), int)},
        {"raw_pattern": None},
        {"raw_color": lambda row, column: [[0, 1], [2, 3]][row % 2][column % 2]},
        {"raw_image_visible": np.full((4, 5), 900, np.uint16)},
        {"sizes": SimpleNamespace(top_margin=0, left_margin=0, iheight=3, iwidth=6, pixel_aspect=1.0)},
        {"sizes": SimpleNamespace(top_margin=0, left_margin=0, iheight=4, iwidth=6, pixel_aspect=0.5)},
    ],
)
def test_other_sensors_are_left_to_libraw(other: dict[str, object]) -> None:
    assert read_mosaic(fake_raw(**other), BALANCE) is None
