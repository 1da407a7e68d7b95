"""Photos with depth beside them: which are found, and what they decode to."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from ebb.errors import Broken, InvalidInput, Reason, Rejected
from ebb.files import sha256_file
from ebb.scan.rgbd import find_photos
from ebb.simulation.develop import as_stored
from tests.helpers.captures import scene, shot

SIZE = (96, 64)


def write(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in (".npy", ".npz"):
            depth = np.linspace(1, 4, 64, dtype=np.float32)[:, None].repeat(96, axis=1)
            np.save(path, depth) if path.suffix == ".npy" else np.savez(path, depth)
        else:
            picture = scene(number, SIZE)
            cv2.imwrite(str(path), picture[..., 0] if "_depth" in name else picture)
    return folder


def test_photos_with_depth_are_found_in_natural_order(tmp_path: Path) -> None:
    write(
        tmp_path, "img10.jpg", "img10_depth.png", "img2.png", "img2_depth.npy", "sub/a.JPG", "sub/a_depth.npz"
    )
    write(tmp_path, "alone.jpg", "orphan_depth.png", ".hidden/b.jpg", ".hidden/b_depth.png")
    (tmp_path / "notes.txt").write_text("not a photo")
    found = list(find_photos(tmp_path))
    assert [(photo.photo.name, photo.depth.name) for photo in found] == [
        ("img2.png", "img2_depth.npy"),
        ("img10.jpg", "img10_depth.png"),
        ("sub/a.JPG", "sub/a_depth.npz"),
    ]
    assert found[0].photo.sha256 == sha256_file(tmp_path / "img2.png")


def test_endings_in_capitals_are_endings(tmp_path: Path) -> None:
    """As in ``ebb ingest``, which uses this file as the depth of the photo."""
    write(tmp_path, "A.JPG", "A_depth.PNG")
    assert [photo.depth.name for photo in find_photos(tmp_path)] == ["A_depth.PNG"]


def test_a_depth_file_is_not_a_photo(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "a_depth.png", "a_depth_depth.png")
    assert [photo.photo.name for photo in find_photos(tmp_path)] == ["a.png"]


def test_photo_and_depth_are_decoded(tmp_path: Path) -> None:
    (photo,) = find_photos(write(tmp_path, "a.png", "a_depth.npy"))
    inverse, distance = photo.read("inverse"), photo.read("distance")
    np.testing.assert_array_equal(inverse.rgb, cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_COLOR_RGB))
    np.testing.assert_array_equal(inverse.inverse_depth, np.load(tmp_path / "a_depth.npy"))
    np.testing.assert_allclose(distance.inverse_depth, 1 / inverse.inverse_depth)
    assert inverse.name == "a.png"


def test_a_rotated_photo_is_made_upright(tmp_path: Path) -> None:
    upright = scene(3, (64, 96))
    stored = as_stored(upright.astype(np.float32), 6).astype(np.uint8)
    (tmp_path / "a.jpg").write_bytes(shot(stored, 8.0, 0.0, orientation=6))
    np.save(tmp_path / "a_depth.npy", np.linspace(0, 1, 96, dtype=np.float32)[:, None].repeat(64, axis=1))
    (photo,) = find_photos(tmp_path)
    view = photo.read("inverse")
    assert view.rgb.shape == (96, 64, 3)
    assert np.abs(view.rgb.astype(int) - upright.astype(int)).mean() < 12


def test_depth_that_does_not_fit_names_its_file(tmp_path: Path) -> None:
    write(tmp_path, "a.png")
    np.save(tmp_path / "a_depth.npy", np.random.default_rng(0).random((64, 64), np.float32))
    (photo,) = find_photos(tmp_path)
    with pytest.raises(Rejected, match=r"a_depth.npy: .*different aspect ratios") as caught:
        photo.read("inverse")
    assert caught.value.reason is Reason.BAD_DEPTH


@pytest.mark.parametrize(
    ("name", "reason"), [("a.png", Reason.INPUT_CHANGED), ("a_depth.npy", Reason.INPUT_CHANGED)]
)
def test_a_file_changed_after_the_scan(tmp_path: Path, name: str, reason: Reason) -> None:
    (photo,) = find_photos(write(tmp_path, "a.png", "a_depth.npy"))
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(Broken) as caught:
        photo.read("inverse")
    assert caught.value.reason is reason


def test_a_damaged_photo(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "a_depth.npy")
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[: len(data) // 2])
    (photo,) = find_photos(tmp_path)
    with pytest.raises(Broken) as caught:
        photo.read("inverse")
    assert caught.value.reason is Reason.CORRUPT_INPUT


@pytest.mark.parametrize(
    ("files", "message"), [((), "no photo with a depth"), (("a.jpg",), "garden_depth.png")]
)
def test_no_photos_with_depth(tmp_path: Path, files: tuple[str, ...], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        list(find_photos(write(tmp_path, *files)))


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="not a folder"):
        list(find_photos(tmp_path / "nowhere"))
