"""Pictures by the lens, without files of photos."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest

from ebb.arrays import Size
from ebb.depth_search import DepthSearch, FoundDepth
from ebb.errors import InvalidInput
from ebb.one_photo import OnePhoto
from ebb.photo.metadata import Metadata
from ebb_train.inference.depth_repair import NO_REPAIR, DepthRepair
from ebb_train.inference.lens import LensModel
from ebb_train.inference.lens_pictures import LensPictures, read_mask
from ebb_train.inference.lens_settings import LensSettings
from tests.helpers.captures import scene

DEPTH = np.repeat([5.0, 9.0], 30)[None].repeat(40, axis=0).astype(np.float32)
"""The right half is nearer."""


def made(
    full_size: tuple[int, int] | None = None, repair: DepthRepair = NO_REPAIR, **values: object
) -> tuple[list[np.ndarray], dict[str, object]]:
    settings = LensSettings(**{"blur": 0.2, "focus": "1"} | values)  # type: ignore[arg-type]
    search = cast("DepthSearch", lambda _: FoundDepth(DEPTH, "a test"))
    full = None if full_size is None else scene(1, full_size).astype(np.uint16) * 257
    small = scene(1, (120, 80))
    size = Size(*(full_size or (120, 80)))
    photo = OnePhoto(
        path=Path("a.jpg"), size=size, small=small, full=full, orientation=1, metadata=Metadata(b"", b"")
    )
    pictures, facts = LensPictures(LensModel.of(settings), settings, search, repair)(photo)
    return list(pictures), facts


def test_facts() -> None:
    pictures, facts = made(aperture="1.8,3.6,1000", focus="0.9,0.5")
    assert [picture.shape for picture in pictures] == [(80, 120, 3)] * 3
    assert facts["depth"] == "a test"
    assert facts["f_numbers"] == [1.8, 3.6, 1000]
    assert facts["largest_blur_px"] == pytest.approx([24, 12, 0])
    assert facts["focus"] == {"depth": 1.0, "how": "the point given", "point": (108, 40)}
    np.testing.assert_array_equal(pictures[2], scene(1, (120, 80)))


def test_depth_is_repaired_once_before_focus_and_blur() -> None:
    """A repair that turns depth around: the left half is the nearer one then."""
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    def turn(photo: np.ndarray, depth: np.ndarray) -> np.ndarray:
        seen.append((photo, depth))
        return 1 - depth

    pictures, facts = made(repair=DepthRepair(turn, "turned"), aperture="1.8,2.8", focus="10,10")
    ((photo, depth),) = seen
    np.testing.assert_array_equal(photo, scene(1, (120, 80)))
    assert depth.shape == (80, 120)
    assert (depth[:, :50].max(), depth[:, 70:].min()) == (0, 1)
    assert cast("dict[str, float]", facts["focus"])["depth"] == 1
    assert facts["depth_edges"] == "turned"
    plain, without = made(aperture="1.8,2.8", focus="10,10")
    assert cast("dict[str, float]", without["focus"])["depth"] == 0
    assert without["depth_edges"] == ""
    assert len(pictures) == len(plain) == 2
    assert (pictures[0] != plain[0]).any()


def test_without_blur_the_photo_is_kept_with_repair_too() -> None:
    (sharp,), _ = made(repair=DepthRepair(lambda _, depth: 1 - depth, "turned"), strength=0.0)
    np.testing.assert_array_equal(sharp, scene(1, (120, 80)))


@pytest.mark.parametrize(
    ("focus", "depth"), [("auto", 1.0), ("0.25", 0.25), ("10,10", 0.0), ("100,10", 1.0), ("0.1,0.9", 0.0)]
)
def test_focus(focus: str, depth: float) -> None:
    found = made(focus=focus)[1]["focus"]
    assert cast("dict[str, float]", found)["depth"] == pytest.approx(depth, abs=0.05)


def test_a_point_in_pixels_is_of_the_whole_photo() -> None:
    for focus, depth in (("230,10", 0.0), ("250,10", 1.0)):
        _, facts = made((480, 320), focus=focus)
        assert cast("dict[str, float]", facts["focus"])["depth"] == depth


def test_a_photo_of_16_bits_at_its_own_size() -> None:
    ((sharp,), _), ((found,), _) = made((480, 320), strength=0.0), made((480, 320))
    assert sharp.dtype == found.dtype == np.uint8
    np.testing.assert_array_equal(sharp, scene(1, (480, 320)))
    assert np.abs(found.astype(int) - sharp)[:, :200].mean() > 5


def test_masks(tmp_path: Path) -> None:
    mask = np.zeros((20, 30, 3), np.uint8)
    mask[:10] = 255
    for name in ("a.png", "a.tif", "a.jpg"):
        (tmp_path / name).write_bytes(cv2.imencode(Path(name).suffix, mask)[1].tobytes())
        found = read_mask(tmp_path / name, Size(300, 200))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, mask[..., 0] / 255, atol=0.1)
    deep = np.where(mask[..., 0] > 0, 65535, 0).astype(np.uint16)
    (tmp_path / "deep.png").write_bytes(cv2.imencode(".png", deep)[1].tobytes())
    np.testing.assert_array_equal(read_mask(tmp_path / "deep.png", Size(300, 200)), deep / 65535)
    with pytest.raises(InvalidInput, match="mask 30 x 20, photo 200 x 300: different aspect"):
        read_mask(tmp_path / "a.png", Size(200, 300))
    with pytest.raises(InvalidInput, match="cannot be read: No such file"):
        read_mask(tmp_path / "none.png", Size(300, 200))


def test_transparent_places_of_a_mask_are_black(tmp_path: Path) -> None:
    cut_out = np.full((20, 30, 4), 255, np.uint8)
    cut_out[10:, :, 3] = 0
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", cut_out)[1].tobytes())
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png", Size(300, 200)), cut_out[..., 3] / 255)


def test_a_mask_that_is_a_sparse_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    os.truncate(tmp_path / "a.png", 3_000_000_000)
    with pytest.raises(InvalidInput, match="has 3000 MB, more than"):
        read_mask(tmp_path / "a.png", Size(300, 200))
