"""Depth that comes with a photo, through its crop."""

import io

import numpy as np
import pytest

from ebb.arrays import Size
from ebb.depthmap.from_files import Embedded, Sidecar, may_hold_depth
from ebb.depthmap.source import DepthFile
from ebb.errors import Reason, Rejected
from tests.helpers.captures import scene, shot
from tests.helpers.phone_jpegs import png, with_gdepth
from tests.helpers.views import View, blank


def npy(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def test_a_file_beside_the_photo_is_cropped_as_the_photo_is() -> None:
    """A map at the photo's size whose value is its column: the mean of two columns for each of the half."""
    columns = np.tile(np.arange(80, dtype=np.float32), (60, 1))
    file = DepthFile("a_depth.npy", npy(columns))
    view = View(blank(32, 20), whole=Size(80, 60), corner=(10, 6), depth_file=file)
    (found,) = Sidecar("inverse").depth([view])
    assert found is not None
    np.testing.assert_allclose(found, np.tile(10.5 + 2 * np.arange(16), (10, 1)), atol=1e-4)
    assert view.asked == ["depth file"]


def test_distances_are_inverted() -> None:
    file = DepthFile("a_depth.npy", npy(np.tile(np.linspace(1, 4, 64, dtype=np.float32), (40, 1))))
    (found,) = Sidecar("distance").depth([View(blank(64, 40), depth_file=file)])
    assert found is not None
    assert (np.diff(found, axis=1) < 0).all()


def test_a_photo_without_a_file_and_one_with_a_bad_one() -> None:
    with pytest.raises(Rejected, match=r"^no a_depth file beside a\.jpg") as caught:
        Sidecar("inverse").depth([View(blank(64, 40))])
    assert caught.value.reason is Reason.NO_DEPTH
    file = DepthFile("a_depth.npy", npy(np.eye(50, dtype=np.float32)))
    with pytest.raises(Rejected, match="different aspect ratios") as caught:
        Sidecar("inverse").depth([View(blank(64, 40), depth_file=file)])
    assert caught.value.path == "a_depth.npy"
    assert caught.value.measurements["aspect_difference"] == pytest.approx(1 / 1.6 - 1)


def test_a_map_may_be_optional() -> None:
    file = DepthFile("a_depth.npy", npy(np.tile(np.linspace(1, 4, 64, dtype=np.float32), (40, 1))))
    with_map, without = View(blank(64, 40), depth_file=file), View(blank(64, 40))
    found = Sidecar("inverse", is_optional=True).depth([with_map, without])
    assert found[0] is not None
    assert found[1] is None


def test_a_map_inside_the_photo_is_upright() -> None:
    """Near is at the left as stored, and at the top after rotation by orientation 6."""
    ramp = png(np.linspace(0, 255, 120).astype(np.uint8)[None].repeat(80, axis=0))
    jpeg = with_gdepth(shot(scene(1), 16, 0, 6), ramp, near=0.5, far=20)
    height, width = scene(1).shape[:2]
    view = View(blank(height // 2, width // 2), orientation=6, file=jpeg, whole=Size(height, width))
    (found,) = Embedded().depth([view])
    assert found.shape == (width // 4, height // 4)
    assert (np.diff(found, axis=0) < 0).all()
    assert np.ptp(found, axis=1).max() < 1e-3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.png", "only JPEG and HEIC files are searched for embedded maps"),
        ("a.jpg", "the JPEG contains no depth map"),
    ],
)
def test_a_photo_without_a_map(name: str, message: str) -> None:
    width, height = scene(1).shape[1::-1]
    view = View(blank(width, height), name, file=shot(scene(1), 16, 0, 1))
    with pytest.raises(Rejected, match=message) as caught:
        Embedded().depth([view])
    assert caught.value.reason is Reason.NO_DEPTH


def test_a_whole_map_keeps_its_size() -> None:
    ramp = np.tile(np.linspace(1, 4, 30, dtype=np.float32), (20, 1))
    view = View(blank(32, 20), whole=Size(96, 64), depth_file=DepthFile("a_depth.npy", npy(ramp)))
    np.testing.assert_array_equal(Sidecar("inverse").read_whole(view), ramp)
    stored = np.tile(np.arange(40, 200, 4, dtype=np.uint8), (30, 1))
    file = with_gdepth(shot(scene(0, (80, 60)), 1.8, 0), png(stored))
    view = View(blank(60, 80), orientation=6, file=file, whole=Size(60, 80))
    assert Embedded().read_whole(view).shape == (40, 30)


def test_whether_a_file_may_hold_depth() -> None:
    plain = shot(scene(0, (80, 60)), 1.8, 0)
    stored = np.tile(np.arange(40, 200, 4, dtype=np.uint8), (30, 1))
    assert not may_hold_depth(plain, ".jpg")
    assert may_hold_depth(with_gdepth(plain, png(stored)), ".jpeg")
    assert may_hold_depth(plain[:40], ".jpg"), "whoever opens it says that it is damaged"
    assert may_hold_depth(b"", ".heic"), "only decoding tells"
    assert not may_hold_depth(plain, ".png")
