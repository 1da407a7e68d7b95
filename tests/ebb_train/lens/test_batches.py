from __future__ import annotations

import numpy as np
import pytest
import torch

from ebb_train.lens.band import edge_band
from ebb_train.lens.batches import draw_batch, input_planes, whole
from ebb_train.lens.shards import LensSet


def test_input_planes() -> None:
    rng = np.random.default_rng(0)
    photo, layered = rng.random((2, 12, 16, 3), np.float32)
    coc = rng.uniform(-12, 12, (12, 16)).astype(np.float32)
    planes = input_planes(photo, layered, coc)
    assert planes.shape == (9, 12, 16)
    assert planes.dtype == np.float32
    np.testing.assert_allclose(planes[:3].transpose(1, 2, 0), photo - 0.5, atol=1e-6)
    np.testing.assert_allclose(planes[3:6].transpose(1, 2, 0), 4 * (layered - photo), atol=1e-6)
    np.testing.assert_allclose(planes[6], coc / 20)
    np.testing.assert_array_equal(planes[7], edge_band(coc))
    np.testing.assert_allclose(planes[8], np.abs(coc).max() / 20)
    assert not input_planes(photo, layered, 0 * coc)[6:].any()


def test_the_step_determines_the_batch(train_set: LensSet) -> None:
    first, again, other = (draw_batch(train_set, 0, step, 3, 32) for step in (5, 5, 6))
    assert first.planes.shape == (3, 9, 32, 32)
    assert first.truth.shape == (3, 3, 32, 32)
    assert torch.equal(first.planes, again.planes)
    assert torch.equal(first.truth, again.truth)
    assert not torch.equal(first.planes, other.planes)


def values(maps: np.ndarray) -> list[float]:
    return sorted(maps.ravel().tolist())


def test_patches_are_windows_of_the_scenes_turned_alike(train_set: LensSet) -> None:
    """Some window, turn and order of colours of a scene gives photo, layered, coc and truth at once."""
    for step in range(4):
        batch = draw_batch(train_set, 1, step, 1, 60)
        assert any(matches(batch, train_set.read(scene, render)) for scene in range(3) for render in range(2))


def matches(batch: object, stored: object) -> bool:
    planes, *pictures = (getattr(batch, name)[0].numpy() for name in ("planes", "photo", "layered", "truth"))
    scaled = [getattr(stored, name) / np.float32(255) for name in ("photo", "layered", "truth")]
    maps = np.concatenate([picture.transpose(2, 0, 1) for picture in scaled] + [stored.coc[None] / 20])  # type: ignore[attr-defined]
    found = np.concatenate([*pictures, planes[6:7]])
    for top in range(5):
        for left in range(5):
            window = maps[:, top : top + 60, left : left + 60]
            for turns in range(4):
                for flip in (1, -1):
                    turned = np.rot90(window, turns, (1, 2))[:, :, ::flip]
                    if not np.allclose(turned[9], found[9], atol=1e-6):
                        continue
                    order = [
                        int(np.argmin([np.abs(turned[k] - found[c]).sum() for k in range(3)]))
                        for c in range(3)
                    ]
                    expected = np.concatenate([turned[order], turned[3:6][order], turned[6:9][order]])
                    if np.allclose(expected, found[:9], atol=1e-6):
                        return True
    return False


def test_most_patches_are_on_edges(train_set: LensSet) -> None:
    """The thinner the band, the more it matters: only some scenes have any."""
    centred = []
    for step in range(40):
        band = draw_batch(train_set, 2, step, 2, 16).band
        centred += (band[:, 0, 4:12, 4:12].amax((1, 2)) > 0).tolist()
    shares = [
        (edge_band(train_set.read(scene, render).coc) > 0).mean() for scene in range(3) for render in range(2)
    ]
    expected = np.mean([0.8 + 0.2 * share if share else 0 for share in shares])
    assert np.mean(centred) == pytest.approx(expected, abs=0.12)


def test_whole_pictures(test_set: LensSet) -> None:
    stored = test_set.read(0, 1)
    batch = whole(stored)
    assert batch.planes.shape == (1, 9, 64, 64)
    np.testing.assert_allclose(batch.photo[0].permute(1, 2, 0), stored.photo / 255, atol=1e-6)
    np.testing.assert_allclose(batch.layered[0].permute(1, 2, 0), stored.layered / 255, atol=1e-6)
    np.testing.assert_allclose(batch.truth[0].permute(1, 2, 0), stored.truth / 255, atol=1e-6)
    np.testing.assert_array_equal(batch.band[0, 0], edge_band(stored.coc))
