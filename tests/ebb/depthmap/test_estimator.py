import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ebb.arrays import Size
from ebb.depthmap.estimator import Estimator, InputSize, prepare, to_half_size, to_inverse_depth
from ebb.errors import Reason, Rejected
from ebb.normalisation import NORMALISATIONS

UNIT = NORMALISATIONS["unit"]
RAMP = np.linspace(1, 2, 24 * 32, dtype=np.float32).reshape(24, 32)


@pytest.mark.parametrize(
    ("size", "photo", "expected"),
    [
        (InputSize(Size(518, 518), multiple=14), Size(1536, 1024), Size(784, 518)),
        (InputSize(Size(518, 518), multiple=14), Size(1024, 1536), Size(518, 784)),
        (InputSize(Size(512, 384), multiple=32), Size(1536, 1024), Size(576, 384)),
        (InputSize(Size(384, 384), keep_aspect=False), Size(1536, 1024), Size(384, 384)),
        (InputSize(None, multiple=32), Size(1537, 1055), Size(1536, 1024)),
        (InputSize(None, multiple=32), Size(20, 40), Size(32, 32)),
        (InputSize(None), Size(21, 41), Size(21, 41)),
    ],
)
def test_input_size(size: InputSize, photo: Size, expected: Size) -> None:
    """The first three are what the processors of DPT and ZoeDepth in transformers give."""
    assert size.of(photo) == expected


@settings(deadline=None, max_examples=50)
@given(
    photo=st.builds(Size, st.integers(32, 3000), st.integers(32, 3000)),
    side=st.integers(32, 800),
    multiple=st.sampled_from([1, 14, 32]),
)
def test_input_sizes_divide_and_keep_the_aspect(photo: Size, side: int, multiple: int) -> None:
    fed = InputSize(Size(side, side), multiple=multiple).of(photo)
    assert fed.width % multiple == fed.height % multiple == 0
    scale = min(side / photo.height, side / photo.width, key=lambda value: abs(1 - value))
    for found, wanted in zip(fed, photo, strict=True):
        assert abs(found - max(scale * wanted, multiple)) <= multiple / 2 + 1e-6


def test_prepared_colours() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    found = prepare(rgb, Size(48, 32), NORMALISATIONS["imagenet"], 3)
    expected = (rgb / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    np.testing.assert_allclose(found, expected.transpose(2, 0, 1), atol=1e-6)
    assert found.dtype == np.float32
    small = prepare(rgb, Size(24, 16), UNIT, Image.Resampling.BILINEAR)
    scaled = np.asarray(Image.fromarray(rgb).resize((24, 16), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(small, scaled.transpose(2, 0, 1) / 255, atol=1e-6)


def test_the_same_distance_in_three_ways() -> None:
    fed = Size(32, 24)
    expected = to_inverse_depth(1 / RAMP, fed, "inverse")
    np.testing.assert_array_equal(expected, 1 / RAMP)
    np.testing.assert_allclose(to_inverse_depth(RAMP, fed, "distance"), expected, rtol=1e-6)
    np.testing.assert_allclose(to_inverse_depth(np.log(RAMP), fed, "log_distance"), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("output", "kind", "message"),
    [
        (RAMP.T, "inverse", "gave a 24 x 32 map for an input of 32 x 24: different aspect ratios"),
        (np.where(RAMP > 1.5, np.nan, RAMP), "inverse", "384 of 768 depth values are not finite"),
        (np.where(RAMP > 1.5, np.inf, RAMP), "distance", "384 of 768 depth values are not finite"),
        (np.full_like(RAMP, 3), "inverse", "the same depth everywhere"),
        (RAMP - 1.5, "distance", "384 of 768 distances are not above 0"),
        (RAMP - 1e4, "log_distance", "768 of 768 depth values are not finite"),
    ],
)
def test_invalid_outputs(output: np.ndarray, kind: str, message: str) -> None:
    with pytest.raises(Rejected, match=message) as caught:
        to_inverse_depth(output, Size(32, 24), kind)  # type: ignore[arg-type]
    assert caught.value.reason is Reason.BAD_DEPTH


@pytest.mark.parametrize("shape", [(24, 32), (12, 16), (11, 15), (96, 128)])
def test_output_at_another_scale_covers_the_same_frame(shape: tuple[int, int]) -> None:
    """A plane remains the same plane at any number of pixels."""
    height, width = shape
    y, x = (np.arange(height)[:, None] + 0.5) / height, (np.arange(width) + 0.5) / width
    plane = (3 * x + 2 * y).astype(np.float32)
    to_inverse_depth(plane, Size(32, 24), "inverse")
    half = to_half_size(plane, Size(48, 36))
    expected = 3 * (np.arange(48) + 0.5) / 48 + 2 * (np.arange(36)[:, None] + 0.5) / 36
    inner = slice(4, -4)
    np.testing.assert_allclose(half[inner, inner], expected[inner, inner], atol=2e-3)


def estimator(**changes: object) -> Estimator:
    values = {
        "name": "mean",
        "network": lambda batch: batch.mean(axis=1),
        "size": InputSize(None),
        "normalisation": UNIT,
        "output": "inverse",
    }
    return Estimator(**{**values, **changes})  # type: ignore[arg-type]


def test_photo_to_map_at_half_size() -> None:
    rgb = np.zeros((49, 65, 3), np.uint8)
    rgb[:, 33:] = 200
    found = estimator()(rgb)
    assert (found.shape, found.dtype) == ((24, 32), np.float32)
    np.testing.assert_allclose(found[:, :15], 0)
    np.testing.assert_allclose(found[:, 18:], 200 / 255, rtol=1e-6)


def test_photos_of_a_batch_stay_in_order() -> None:
    photos = list(np.random.default_rng(1).integers(0, 256, (3, 40, 60, 3), dtype=np.uint8))
    for together, photo in zip(estimator().predict(photos), photos, strict=True):
        np.testing.assert_array_equal(together, estimator()(photo))


def test_a_photo_too_small_for_depth() -> None:
    with pytest.raises(Rejected, match="a photo of 31 x 64 is too small") as caught:
        estimator()(np.zeros((64, 31, 3), np.uint8))
    assert caught.value.reason is Reason.TOO_SMALL
