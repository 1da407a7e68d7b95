import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ebb.arrays import Size
from ebb.depthmap.encoding import (
    decode_float16,
    encode_depth8,
    encode_float16,
    half_of,
    half_size_homography,
    inverse_depth_from_distance,
    inverse_depth_from_log,
    resample_depth,
)
from ebb.errors import Reason, Rejected
from ebb.geometry.pixel_grid import resize_homography

MAPS = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 6), st.integers(2, 6)), elements=st.floats(-100, 100, width=32)
)


def test_inverse_depth_from_distance() -> None:
    inverse = inverse_depth_from_distance(np.array([[0.5, 2.0, 1e6]]))
    assert inverse.dtype == np.float32
    np.testing.assert_allclose(inverse, [[2, 0.5, 1e-6]])
    for distance in (0.0, -1.0, np.nan, np.inf, 1e-60):
        with pytest.raises(Rejected) as caught:
            inverse_depth_from_distance(np.array([[1.0, distance]]))
        assert caught.value.reason is Reason.BAD_DEPTH


def test_half_of() -> None:
    assert half_of(Size(1563, 1025)) == Size(781, 512)
    with pytest.raises(Rejected, match="a photo of 31 x 200 is too small") as caught:
        half_of(Size(31, 200))
    assert caught.value.reason is Reason.TOO_SMALL


def test_inverse_depth_from_log() -> None:
    metres = np.array([[1.0, 2.0, 4.0]])
    inverse = inverse_depth_from_log(np.log(metres))
    assert inverse.dtype == np.float32
    np.testing.assert_allclose(inverse, 1 / metres, rtol=1e-6)


@pytest.mark.parametrize("log_depth", [np.nan, -1000.0, -np.inf])
def test_log_depth_without_a_depth(log_depth: float) -> None:
    with pytest.raises(Rejected, match="1 of 2 depth values are not finite") as caught:
        inverse_depth_from_log(np.array([[0.0, log_depth]]))
    assert caught.value.reason is Reason.BAD_DEPTH


def test_depth8_follows_the_formula() -> None:
    inverse = np.array([[2.0, 4.0, 3.0, 2.0 + 2 * 0.4 / 255, 2.0 + 2 * 0.6 / 255]], np.float32)
    assert encode_depth8(inverse).tolist() == [[0, 255, 128, 0, 1]]
    assert encode_depth8(inverse).dtype == np.uint8


@given(MAPS)
@settings(deadline=None, max_examples=40)
def test_depth8_spans_the_range_and_keeps_the_order(inverse: np.ndarray) -> None:
    encoded = encode_depth8(inverse)
    if inverse.min() == inverse.max():
        assert not encoded.any()
        return
    assert encoded[inverse == inverse.min()].max() == 0
    assert encoded[inverse == inverse.max()].min() == 255
    order = np.argsort(inverse, axis=None)
    assert (np.diff(encoded.ravel()[order].astype(int)) >= 0).all()


@given(MAPS)
@settings(deadline=None, max_examples=40)
def test_float16_error_is_a_4096th_of_the_range(inverse: np.ndarray) -> None:
    half = encode_float16(inverse)
    assert half.values.dtype == np.float16
    assert (half.lo, half.hi) == (inverse.min(), inverse.max())
    span = half.hi - half.lo
    assert np.abs(decode_float16(half) - inverse).max() <= span / 4096 + 1e-5


@pytest.mark.parametrize("encode", [encode_depth8, encode_float16])
def test_invalid_maps(encode: object) -> None:
    assert callable(encode)
    for bad in (np.array([[1, np.nan]]), np.array([[1, np.inf]]), np.zeros((2, 2, 1)), np.zeros((0, 3))):
        with pytest.raises(Rejected, match="depth") as caught:
            encode(bad.astype(np.float32))
        assert caught.value.reason is Reason.BAD_DEPTH


def test_resampling_by_the_identity_changes_nothing() -> None:
    """Up to the last bit, which OpenCV's interpolation rounds."""
    depth = np.random.default_rng(0).random((20, 30)).astype(np.float32)
    np.testing.assert_allclose(resample_depth(depth, np.eye(3), Size(30, 20)), depth, rtol=0, atol=1e-7)


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_shrinking_obeys_the_pixel_centre_rule(factor: int) -> None:
    """A ramp stays a ramp, sampled at the centres of the larger pixels."""
    ys, xs = np.mgrid[0:60, 0:90].astype(np.float32)
    small = resample_depth(3 * xs + ys, resize_homography(factor), Size(90 // factor, 60 // factor))
    yc, xc = np.mgrid[0 : 60 // factor, 0 : 90 // factor] * factor + (factor - 1) / 2
    np.testing.assert_allclose(small, 3 * xc + yc, atol=1e-3)


def test_halving_is_the_mean_of_four() -> None:
    depth = np.random.default_rng(0).random((40, 60)).astype(np.float32)
    halved = resample_depth(depth, resize_homography(2), Size(30, 20))
    np.testing.assert_allclose(halved, depth.reshape(20, 2, 30, 2).mean((1, 3)), atol=1e-5)


def test_shrinking_does_not_alias() -> None:
    """A checkerboard finer than the output becomes its mean, inside and out to the border."""
    checker = (np.indices((128, 128)).sum(0) % 2).astype(np.float32)
    small = resample_depth(checker, resize_homography(8), Size(16, 16))
    np.testing.assert_allclose(small, 0.5, atol=0.04)


@pytest.mark.parametrize("scale", [0.3, 0.9, 1.7, 4.4])
def test_edges_do_not_overshoot(scale: float) -> None:
    step = np.where(np.arange(64) < 31, 1.0, 5.0).astype(np.float32)[None].repeat(48, axis=0)
    rotation = np.vstack([cv2.getRotationMatrix2D((31.0, 23.0), 7.0, 1.0), [0, 0, 1]])
    size = Size(int(64 / scale), int(48 / scale))
    result = resample_depth(step, rotation @ resize_homography(scale), size)
    assert result.shape == (size.height, size.width)
    assert result.min() >= 1.0
    assert result.max() <= 5.0
    assert 1.0 in result
    assert 5.0 in result


def test_resampling_through_a_crop_and_half_size() -> None:
    """Depth stays on its photo: a linear scene sampled through a crop, a scale and the half size."""
    photo, depth_size = Size(400, 300), Size(200, 150)
    ys, xs = np.mgrid[0:150, 0:200]
    scene = (((xs + 0.5) * 2 - 0.5) * 0.7 + ((ys + 0.5) * 2 - 0.5) * 0.2).astype(np.float32)
    crop = np.array([[1, 0, 40.0], [0, 1, 24.0], [0, 0, 1]])
    H_out_to_photo = crop @ resize_homography(1.25)
    H = half_size_homography(H_out_to_photo, photo, depth_size)
    half = resample_depth(scene, H, Size(100, 80))
    x_photo = 40 + (np.arange(100) + 0.5) * 2.5 - 0.5
    y_photo = 24 + (np.arange(80) + 0.5) * 2.5 - 0.5
    np.testing.assert_allclose(half, 0.7 * x_photo[None] + 0.2 * y_photo[:, None], atol=0.02)
