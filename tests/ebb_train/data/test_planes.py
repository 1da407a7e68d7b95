"""Position planes and strength."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ebb.errors import InvalidInput
from ebb_train.data.batch_sampler import SampleIndex
from ebb_train.data.dataset import CropDataset, CropSettings
from ebb_train.data.planes import position_planes, strength_of
from ebb_train.data.sources import Photos


def test_positions_are_on_one_scale() -> None:
    planes = position_planes(4, 8)
    assert planes.shape == (4, 8, 2)
    np.testing.assert_allclose(planes[0, :, 0], (np.arange(8) + 0.5) / 8)
    np.testing.assert_allclose(np.diff(planes[:, 3, 1]), -1 / 8)
    assert planes[0, 0, 1] == 1 - 1 / 16


def test_strength() -> None:
    assert strength_of(4.0, 2.0, "ab", Path("set")) == 0.5
    with pytest.raises(InvalidInput, match=r"set: pair ab has no f-number, and the network takes it"):
        strength_of(None, 2.0, "ab", Path("set"))


class Coordinates:
    """One pair whose photo shows its own columns and rows."""

    folder = Path("set")

    def __init__(self, height: int, width: int) -> None:
        rows, columns = np.mgrid[:height, :width]
        self.photo = np.dstack([columns, rows, np.zeros_like(rows)]).astype(np.uint8)

    def __len__(self) -> int:
        return 1

    def read(self, index: int) -> Photos:
        return Photos("ab", self.photo, self.photo, None, f_number=2.0)


@pytest.mark.parametrize(("height", "width"), [(96, 200), (40, 50)])
def test_planes_of_a_crop_stay_with_its_pixels(height: int, width: int) -> None:
    """Cropped, turned, mirrored, and where the photo is smaller than the crop extended."""
    settings = CropSettings(side=64, in_channels=3, position=True, reference_f_number=1.8)
    source = Coordinates(height, width)
    samples = CropDataset(source, settings)  # type: ignore[arg-type]  # enough of a source
    for epoch in range(6):
        sample = samples.sample(SampleIndex(0, epoch))
        assert sample.photo.shape == sample.target.shape == (64, 64, 3)
        np.testing.assert_array_equal(sample.photo, sample.target)
        columns, rows = (sample.photo[..., plane].astype(float) for plane in (0, 1))
        expected = np.stack([(columns + 0.5) / width, 1 - (rows + 0.5) / width])
        np.testing.assert_allclose(sample.planes["position"], expected, rtol=1e-6)
        np.testing.assert_allclose(sample.planes["strength"], [0.9])
    batch = samples.__getitems__([SampleIndex(0, 0), SampleIndex(0, 1)])
    assert {name: tuple(plane.shape) for name, plane in batch.planes.items()} == {  # type: ignore[union-attr]
        "position": (2, 2, 64, 64),
        "strength": (2, 1),
    }


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_photos_reduced_by_a_scale(scale: int) -> None:
    """Input and target have the same size, and show the same; depth is brought to it."""
    source = Coordinates(128, 192)
    depth = source.photo[::2, ::2, 0]
    source.read = lambda index: Photos("ab", source.photo, source.photo, depth)  # type: ignore[method-assign]
    settings = CropSettings(side=64, scale=scale, augment="none", strength=1 / scale)
    sample = CropDataset(source, settings).sample(SampleIndex(0, 0))  # type: ignore[arg-type]
    side = 64 // scale
    assert sample.photo.shape == (side, side, 4)
    np.testing.assert_array_equal(sample.photo[..., :3], sample.target)
    inner = sample.photo[4:-4, 4:-4].astype(int)
    assert np.abs(inner[..., 0] - inner[..., 3]).max() <= 2, "depth lies where the photo does"
    np.testing.assert_allclose(sample.planes["strength"], [1 / scale])
