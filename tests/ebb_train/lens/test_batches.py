from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ebb_train.lens import batches
from ebb_train.lens.batches import draw_batch, true_share
from ebb_train.lens.depth_errors import STRENGTHS
from ebb_train.lens.planes import edge_maps
from ebb_train.lens.shards import LensSet


def test_a_batch_depends_on_seed_and_step_only(train_set: LensSet) -> None:
    first, again, other = (draw_batch(train_set, 1, step, 3, 32) for step in (5, 5, 6))
    assert first.planes.shape == (3, 8, 32, 32)
    assert first.share.shape == first.step.shape == first.contrast.shape == (3, 1, 32, 32)
    assert torch.equal(first.planes, again.planes)
    assert torch.equal(first.share, again.share)
    assert not torch.equal(first.planes, other.planes)
    assert 0 <= float(first.share.min()) <= float(first.share.max()) <= 1


def test_true_shares_give_the_true_depth() -> None:
    rng = np.random.default_rng(0)
    depth = rng.random((40, 50)).astype(np.float32)
    edges = edge_maps(depth)
    wanted = np.clip(rng.random((40, 50)).astype(np.float32), edges.low, edges.low + edges.step)
    found = edges.low + true_share(edges, wanted) * edges.step
    np.testing.assert_allclose(found[edges.is_edge], wanted[edges.is_edge], atol=1e-6)
    assert true_share(edges, depth + 1).max() == 1


def test_patches_are_windows_of_the_photos_turned_alike(
    train_set: LensSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With exact depth, some window, turn and order of colours gives photo, share and truth at once."""
    monkeypatch.setattr(batches, "training_errors", lambda _: STRENGTHS["none"])
    monkeypatch.setattr(batches, "SNAPPED", 0.0)
    for step in range(3):
        batch = draw_batch(train_set, 1, step, 1, 88)
        edge = batch.step > 0.03
        torch.testing.assert_close(batch.share[edge], (batch.planes[:, 4:5] + 0.5)[edge])
        assert any(matches(batch.planes[0].numpy(), *train_set.read(scene)) for scene in range(3))


def matches(planes: np.ndarray, photo: np.ndarray, depth: np.ndarray) -> bool:
    share = edge_maps(depth).share
    maps = np.concatenate([photo.transpose(2, 0, 1) / np.float32(255), share[None]])[:, 4:92, 4:92]
    for turns in range(4):
        for flip in (1, -1):
            turned = np.rot90(maps, turns, (1, 2))[:, :, ::flip]
            order = [
                int(np.argmin([np.abs(turned[k] - 0.5 - planes[c]).sum() for k in range(3)]))
                for c in range(3)
            ]
            if np.allclose(turned[order] - 0.5, planes[:3], atol=1e-6):
                return bool(np.allclose(turned[3] - 0.5, planes[4], atol=1e-4))
    return False


def test_wrong_depth_is_not_the_truth(train_set: LensSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "training_errors", lambda _: replace(STRENGTHS["hard"], merged=0.0))
    wrong = 0.0
    for step in range(6):
        batch = draw_batch(train_set, 3, step, 2, 64)
        edge = batch.step > 0.03
        wrong += float((batch.planes[:, 4:5] + 0.5 - batch.share).abs()[edge].mean()) / 6
    assert 0.05 < wrong < 0.5


def test_most_patches_are_near_edges(train_set: LensSet) -> None:
    near = [
        float(draw_batch(train_set, 2, step, 1, 24).step.max()) > batches.EDGE / 255 for step in range(30)
    ]
    assert np.mean(near) > 0.6
