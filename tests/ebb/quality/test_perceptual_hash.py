"""Near-duplicates: the hash hardly moves with the camera, groups are connected components."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from ebb.quality.perceptual_hash import NEAR_BITS, near_duplicates, picture_hash
from tests.helpers.textured_pairs import FRAME, encoded, texture

SCENES = [texture(seed) for seed in range(6)]
SMALL_MOVE = np.array([[1.002, -0.002, 2.0], [0.002, 1.002, -1.0], [0.0, 0.0, 1.0]])


def bits_between(first: str, second: str) -> int:
    return (int(first, 16) ^ int(second, 16)).bit_count()


@pytest.mark.parametrize("gain", [0.7, 1.2])
def test_a_small_move_and_another_exposure_are_near(gain: float) -> None:
    for scene in SCENES:
        turned = cv2.warpPerspective(scene, SMALL_MOVE, FRAME, borderMode=cv2.BORDER_REFLECT)
        again = encoded(np.asarray(turned, np.float32), gain=gain)
        assert bits_between(picture_hash(encoded(scene)), picture_hash(again)) <= NEAR_BITS


def test_other_scenes_are_far() -> None:
    hashes = [picture_hash(encoded(scene)) for scene in SCENES]
    assert min(bits_between(a, b) for i, a in enumerate(hashes) for b in hashes[:i]) > NEAR_BITS


def test_a_hash_has_sixteen_digits() -> None:
    assert len(picture_hash(np.zeros((3, 700), np.uint8))) == 16


@given(
    hashes=st.dictionaries(
        st.text("abc", min_size=1, max_size=4), st.integers(0, 2**64 - 1).map("{:016x}".format), max_size=12
    ),
    max_bits=st.integers(20, 36),
)
def test_groups_are_connected_components(hashes: dict[str, str], max_bits: int) -> None:
    ids = sorted(hashes)
    near = [[bits_between(hashes[a], hashes[b]) <= max_bits for b in ids] for a in ids]
    _, labels = connected_components(np.array(near, bool).reshape(len(ids), len(ids)))
    groups = [
        [one for one, label in zip(ids, labels, strict=True) if label == group] for group in set(labels)
    ]
    expected = {one: min(group) for group in groups if len(group) > 1 for one in group}
    assert near_duplicates(hashes, max_bits) == expected
