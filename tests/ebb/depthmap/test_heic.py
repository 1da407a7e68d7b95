"""Values of an auxiliary depth image to inverse depth, for both kinds of metadata."""

import numpy as np
import pytest

from ebb.arrays import Size
from ebb.depthmap.heic import read_auxiliary
from ebb.errors import Reason, Rejected
from tests.helpers.heic_files import apdi

PHOTO = Size(128, 96)
RAMP = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
UNIT = RAMP / 255
MATTE = apdi("", "").replace(b"<apdi:FloatMinValue></apdi:FloatMinValue>", b"")


def test_disparities_and_depths_of_an_iphone() -> None:
    found = read_auxiliary(RAMP, {}, [MATTE, apdi(0.4, 2.2)], PHOTO)
    np.testing.assert_allclose(found, 0.4 + UNIT * 1.8, rtol=1e-6)
    assert found.dtype == np.float32
    for native in (b"hdep", b"fdep"):
        found = read_auxiliary(RAMP, {}, [apdi(0.4, 2.2, native)], PHOTO)
        np.testing.assert_allclose(found, 1 / (0.4 + UNIT * 1.8), rtol=1e-6)


def test_depth_representation_information() -> None:
    found = read_auxiliary(RAMP, {"representation_type": 0, "z_near": 0.5, "z_far": 8.0}, [], PHOTO)
    assert (found[0, 0], found[0, -1]) == pytest.approx((1 / 8, 1 / 0.5))
    np.testing.assert_allclose(found, 1 / 8 + UNIT * (2 - 1 / 8), rtol=1e-6)
    found = read_auxiliary(RAMP, {"representation_type": 1, "d_min": 0.5, "d_max": 2.0}, [], PHOTO)
    np.testing.assert_allclose(found, 0.5 + UNIT * 1.5, rtol=1e-6)


@pytest.mark.parametrize("facts", [{}, {"representation_type": 0}, {"representation_type": 1}])
def test_without_a_range_larger_is_nearer(facts: dict[str, object]) -> None:
    np.testing.assert_allclose(read_auxiliary(RAMP, facts, [], PHOTO), UNIT, rtol=1e-6)
    deep = RAMP.astype(np.uint16) * 257
    np.testing.assert_allclose(read_auxiliary(deep, facts, [], PHOTO), UNIT, rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "facts", "packets", "message"),
    [
        (RAMP[:, :32], {}, [], "different aspect ratios"),
        (np.full((48, 64), 7, np.uint8), {}, [], "the same value everywhere"),
        (RAMP, {}, [apdi(2, 0.5)], "from 2 to 0.5: that is not a range"),
        (RAMP, {}, [apdi("nan", 1)], "that is not a range"),
        (RAMP, {}, [apdi("-1e308", "1e308")], "that is not a range"),
        (RAMP, {}, [apdi(0, "1e300")], "depth values are not finite"),
        (RAMP, {}, [apdi(1, "1.000000001")], "the same value everywhere"),
        (RAMP, {}, [apdi("1e-320", 3, b"hdep")], "are not above 0"),
        (RAMP, {}, [apdi("near", "far")], "that is not a range"),
        (RAMP, {}, [apdi(0, 3, b"hdep")], "from 0 to 3: that is not a range"),
        (RAMP, {}, [b"<x"], "cannot be parsed"),
        (RAMP, {"representation_type": 2}, [], "representation type 2; known: 0"),
        (RAMP, {"representation_type": 0, "z_near": 8.0, "z_far": 0.5}, [], "that is not a range"),
    ],
)
def test_maps_that_are_refused(
    values: np.ndarray, facts: dict[str, object], packets: list[bytes], message: str
) -> None:
    with pytest.raises(Rejected, match=message) as caught:
        read_auxiliary(values, facts, packets, PHOTO)
    assert caught.value.reason is Reason.BAD_DEPTH
