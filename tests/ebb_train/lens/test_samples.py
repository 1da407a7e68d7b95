from __future__ import annotations

import numpy as np
import pytest

from ebb_train.lens.depth_errors import STRENGTHS, DepthErrors
from ebb_train.lens.samples import (
    BORDER_PX,
    COC_STEP_PX,
    LensSample,
    decode_coc,
    encode_coc,
    make_sample,
    pack,
    training_errors,
)

SIDE = 96


@pytest.fixture(scope="module")
def samples() -> list[LensSample]:
    errors = [STRENGTHS["none"], STRENGTHS["hard"], None]
    return [make_sample(np.random.default_rng([3, seed]), SIDE, errors) for seed in range(4)]


def l1(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean()) / 255


def test_shapes(samples: list[LensSample]) -> None:
    inner = SIDE - 2 * BORDER_PX
    for sample in samples:
        for picture in (sample.photo, sample.truth, *sample.layered):
            assert picture.shape == (inner, inner, 3)
            assert picture.dtype == np.uint8
        for coc in (sample.exact_coc, *sample.coc):
            assert coc.shape == (inner, inner)
            assert coc.dtype == np.float32
        assert len(sample.layered) == len(sample.coc) == 3


def test_the_layered_renderer_is_near_the_truth_if_depth_is_exact(samples: list[LensSample]) -> None:
    """Two renderers that share no code: rays through surfaces, and layers of a photo."""
    exact = np.mean([l1(sample.layered[0], sample.truth) for sample in samples])
    wrong = np.mean([l1(sample.layered[1], sample.truth) for sample in samples])
    unchanged = np.mean([l1(sample.photo, sample.truth) for sample in samples])
    assert exact < 0.4 * unchanged
    assert exact < wrong


def test_exact_depth_is_kept(samples: list[LensSample]) -> None:
    for sample in samples:
        np.testing.assert_array_equal(sample.coc[0], sample.exact_coc)
        assert not np.array_equal(sample.coc[1], sample.exact_coc)


def test_the_truth_is_the_photo_where_it_is_in_focus() -> None:
    """Without blur in the whole frame, with the photo's noise and compression."""
    sample = make_sample(np.random.default_rng(1), SIDE, [DepthErrors()], largest_radius_px=0.01)
    unclipped = sample.photo.max(axis=2) < 250
    difference = np.abs(sample.photo.astype(int) - sample.truth)[unclipped]
    assert difference.max() <= 1
    np.testing.assert_array_equal(sample.layered[0], sample.photo)


def test_the_generator_determines_the_sample(samples: list[LensSample]) -> None:
    again = make_sample(np.random.default_rng([3, 1]), SIDE, [STRENGTHS["none"], STRENGTHS["hard"], None])
    np.testing.assert_array_equal(pack(again), pack(samples[1]))


def test_planes(samples: list[LensSample]) -> None:
    sample = samples[0]
    planes = pack(sample)
    assert planes.shape == (7 + 4 * 3, SIDE - 2 * BORDER_PX, SIDE - 2 * BORDER_PX)
    np.testing.assert_array_equal(planes[:3].transpose(1, 2, 0), sample.photo)
    np.testing.assert_array_equal(planes[3:6].transpose(1, 2, 0), sample.truth)
    np.testing.assert_array_equal(planes[11:14].transpose(1, 2, 0), sample.layered[1])
    np.testing.assert_allclose(decode_coc(planes[14]), sample.coc[1], atol=COC_STEP_PX / 2 + 1e-5)


def test_blur_diameters_as_bytes() -> None:
    coc = np.float32([-40, -31.9, -0.1, 0, 0.13, 20, 40])
    found = decode_coc(encode_coc(coc))
    assert found.tolist() == [-32, -32, 0, 0, 0.25, 20, 31.75]


def test_training_errors_are_sometimes_none_and_never_beyond_hard() -> None:
    rng = np.random.default_rng(0)
    drawn = [training_errors(rng) for _ in range(200)]
    clean = sum(errors == DepthErrors() for errors in drawn)
    assert 22 <= clean <= 60
    shifts = [errors.shift_px for errors in drawn if errors != DepthErrors()]
    assert 0.2 * 3 <= min(shifts) < 1
    assert 2 < max(shifts) <= 3
