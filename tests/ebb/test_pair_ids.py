"""Names of pairs: those of two photos as ever, those of a series in order and without a clash."""

from __future__ import annotations

import hashlib
import random
import re

from hypothesis import given
from hypothesis import strategies as st

from ebb.pair_ids import PAIR_PATTERN, ShallowPhoto, pair_id, pair_ids, scene_of


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_pair_id_hashes_the_raw_digests_wide_first() -> None:
    wide, shallow = digest("a"), digest("b")
    expected = hashlib.sha256(bytes.fromhex(wide + shallow)).hexdigest()[:16]
    assert pair_id(wide, shallow) == expected == pair_id(wide.upper(), shallow)
    assert pair_id(shallow, wide) != expected


def test_a_pair_alone_has_the_name_of_both_files() -> None:
    assert pair_ids(digest("w"), [ShallowPhoto(digest("s"), 1.8)]) == [pair_id(digest("w"), digest("s"))]


def test_a_series_sorts_by_aperture_and_grows_without_new_names() -> None:
    photos = [ShallowPhoto(digest(str(f)), f) for f in (8.0, 1.8, 2.8)]
    names = pair_ids(digest("w"), photos)
    scene = pair_id(digest("w"), digest("1.8"))
    assert names == [f"{scene}-f080", scene, f"{scene}-f028"]
    assert sorted(names) == [names[1], names[2], names[0]]
    assert pair_ids(digest("w"), [*photos, ShallowPhoto(digest("11"), 11.0)])[:3] == names
    assert {scene_of(name) for name in names} == {scene}


def test_equal_and_unknown_f_numbers_take_digits_of_the_hash() -> None:
    photos = [ShallowPhoto(digest(name), f) for name, f in (("a", 1.8), ("b", 4.0), ("c", 4.0), ("d", None))]
    first, *others = pair_ids(digest("w"), photos)
    expected = [("b", "-f040"), ("c", "-f040"), ("d", "")]
    assert others == [f"{first}{f}-{pair_id(digest('w'), digest(name))[:6]}" for name, f in expected]


@given(
    st.lists(
        st.one_of(st.none(), st.floats(allow_nan=True), st.sampled_from([1.8, 2.0, 1.84])),
        min_size=1,
        max_size=8,
    ),
    st.randoms(use_true_random=False),
)
def test_names_are_unique_and_do_not_depend_on_the_order(
    f_numbers: list[float | None], shuffler: random.Random
) -> None:
    photos = [ShallowPhoto(digest(str(i)), f) for i, f in enumerate(f_numbers)]
    names = dict(zip(photos, pair_ids(digest("w"), photos), strict=True))
    assert len(set(names.values())) == len(photos)
    assert all(re.fullmatch(PAIR_PATTERN, name) for name in names.values())
    assert sum(name == scene_of(name) for name in names.values()) == 1
    shuffler.shuffle(photos)
    assert dict(zip(photos, pair_ids(digest("w"), photos), strict=True)) == names
