from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.dataset.splits import PairTime, across_splits, assign_splits, scene_key, scene_splits, sessions
from ebb.errors import UsageError
from ebb.settings import ShardSettings

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from ebb.dataset.splits import Split

GAP_S = 300.0
START = datetime(2019, 6, 2, 14)
GIVEN = settings(deadline=None, max_examples=80)


def pair(number: int, time_s: float | None = None, camera: str = "A") -> PairTime:
    captured_at = None if time_s is None else START + timedelta(seconds=time_s)
    return PairTime(f"{number:016x}", camera, captured_at)


@st.composite
def shoots(draw: st.DrawFn) -> list[PairTime]:
    """Pairs of up to three cameras at random pauses, some without a time."""
    pauses = draw(
        st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 700), st.booleans()), max_size=60)
    )
    pairs, time_s = [], 0
    for number, (camera, pause, has_time) in enumerate(pauses):
        time_s += pause
        pairs.append(pair(number, time_s if has_time or number % 3 else None, camera))
    return pairs


def place(
    pairs: Sequence[PairTime], known: dict[str, Split], test: float, val: float
) -> dict[str, Split | None]:
    return assign_splits(pairs, known, ShardSettings(test=test, val=val, session_gap=GAP_S))


def kept(assigned: dict[str, Split | None]) -> dict[str, Split]:
    return {pair_id: split for pair_id, split in assigned.items() if split is not None}


def test_sessions_chain_pairs_of_one_camera() -> None:
    times = [pair(1, 0), pair(2, 300), pair(3, 600.1), pair(4, 10, "B"), pair(5), pair(6)]
    found = {frozenset(int(pair_id, 16) for pair_id in session) for session in sessions(times, GAP_S)}
    assert found == {frozenset({1, 2}), frozenset({3}), frozenset({4}), frozenset({5}), frozenset({6})}


def test_an_endless_session_is_of_one_camera() -> None:
    times = [pair(1, 0), pair(2, 1e6), pair(3, 2e6, "B"), pair(4, 3e6, "B")]
    found = [[int(pair_id, 16) for pair_id in session] for session in sessions(times, float("inf"))]
    assert found == [[1, 2], [3, 4]]


def test_a_session_goes_on_as_long_as_no_pause_is_too_long() -> None:
    times = [pair(number, 299 * number) for number in range(50)]
    assert sessions(times, GAP_S) == [[f"{number:016x}" for number in range(50)]]


@GIVEN
@given(shoots())
def test_sessions_hold_every_pair_once(pairs: list[PairTime]) -> None:
    found = [pair_id for session in sessions(pairs, GAP_S) for pair_id in session]
    assert sorted(found) == sorted(pair.pair_id for pair in pairs)


@GIVEN
@given(shoots(), st.floats(0, 0.5), st.floats(0, 0.5))
def test_no_session_is_divided(pairs: list[PairTime], test: float, val: float) -> None:
    assigned = place(pairs, {}, test, val)
    for session in sessions(pairs, GAP_S):
        assert len({assigned[pair_id] for pair_id in session}) == 1
    assert None not in assigned.values()


@GIVEN
@given(shoots(), st.randoms(), st.floats(0, 0.4), st.floats(0, 0.4))
def test_order_of_the_pairs_changes_nothing(
    pairs: list[PairTime], shuffler: random.Random, test: float, val: float
) -> None:
    shuffled = list(pairs)
    shuffler.shuffle(shuffled)
    assert place(shuffled, {}, test, val) == place(pairs, {}, test, val)


@GIVEN
@given(shoots(), st.data())
def test_a_split_never_changes_when_pairs_are_added(pairs: list[PairTime], data: st.DataObject) -> None:
    before = data.draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    first = place(before, {}, 0.2, 0.2)
    second = place(pairs, kept(first), 0.2, 0.2)
    assert {pair_id: second[pair_id] for pair_id in first} == first
    assert place(pairs, kept(second), 0.2, 0.2) == second
    for session in sessions(pairs, GAP_S):  # an old split and a new pair never meet in one session
        new = {second[pair_id] for pair_id in session if pair_id not in first}
        old = {first[pair_id] for pair_id in session if pair_id in first}
        assert not new or not old or (new == old if len(old) == 1 else new == {None})


@GIVEN
@given(shoots(), st.floats(0.05, 0.45))
def test_counts_are_near_their_targets(pairs: list[PairTime], share: float) -> None:
    assigned = place(pairs, {}, share, 0)
    found = sessions(pairs, GAP_S)
    target = int(share * len(pairs) + 0.5)
    count = Counter(assigned.values())["test"]
    assert Counter(assigned.values())["val"] == 0
    left_out = [len(session) for session in found if assigned[session[0]] == "train"]
    if count > target:  # only to have one at all, and then the smallest
        assert count == min(map(len, found))
        assert left_out
    elif left_out:
        assert target - count < min(left_out) or (count == target == 0)


def test_single_pairs_meet_a_count_exactly() -> None:
    counts = Counter(place([pair(number) for number in range(1000)], {}, 200, 0.1).values())
    assert counts == {"train": 700, "test": 200, "val": 100}


def test_known_splits_count_towards_the_target() -> None:
    pairs = [pair(number) for number in range(100)]
    first = place(pairs[:50], {}, 10, 5)
    counts = Counter(place(pairs, kept(first), 10, 10).values())
    assert counts == {"test": 10, "val": 10, "train": 80}


def test_three_scenes_give_one_to_each_split() -> None:
    assert Counter(place([pair(1), pair(2), pair(3)], {}, 0.1, 0.1).values()) == {
        "test": 1,
        "val": 1,
        "train": 1,
    }


@pytest.mark.parametrize(("number", "expected"), [(1, {"train": 1}), (2, {"test": 1, "train": 1}), (0, {})])
def test_train_comes_before_a_split_below_half_a_pair(number: int, expected: dict[str, int]) -> None:
    assert Counter(place([pair(n) for n in range(number)], {}, 0.1, 0.1).values()) == expected


def test_a_session_too_large_for_the_target_is_skipped() -> None:
    large = [pair(number, number) for number in range(90)]
    small = [pair(100 + number, 10_000 * number + 10_000) for number in range(10)]
    assigned = place(large + small, {}, 5, 0)
    assert Counter(assigned.values()) == {"test": 5, "train": 95}
    assert {assigned[member.pair_id] for member in large} == {"train"}


def test_a_new_pair_joins_the_split_of_its_session() -> None:
    old, new = pair(1, 0), pair(2, 100)
    assert place([new, old, pair(3)], {old.pair_id: "val"}, 0, 0)[new.pair_id] == "val"


def test_a_pair_between_two_splits_stays_out() -> None:
    pairs = [pair(1, 0), pair(2, 250), pair(3, 500)]
    assigned = place(pairs, {pairs[0].pair_id: "train", pairs[2].pair_id: "test"}, 0, 0)
    assert [assigned[member.pair_id] for member in pairs] == ["train", None, "test"]


@pytest.mark.parametrize(("test", "val"), [(0.6, 0.5), (8, 3), (11, 0), (0.5, 6)])
def test_targets_above_everything_are_refused(test: float, val: float) -> None:
    with pytest.raises(UsageError, match="are more than all 10 pairs"):
        place([pair(number) for number in range(10)], {}, test, val)


def test_groups_in_two_splits_are_found() -> None:
    splits: dict[str, Split | None] = {"a": "train", "b": "test", "c": "train", "d": "train", "e": None}
    assert across_splits(splits, {"b": "a", "a": "a", "c": "c", "d": "c", "e": "c"}) == [["a", "b"]]


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["train", "val", "test", None])),
    st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from("xyz")),
)
def test_leaving_those_groups_out_leaves_none(
    splits: dict[str, Split | None], groups: dict[str, str]
) -> None:
    found = {one for group in across_splits(splits, groups) for one in group}
    assert across_splits(splits, {one: group for one, group in groups.items() if one not in found}) == []
    assert all(splits[one] for one in found)


@st.composite
def scenes(draw: st.DrawFn) -> list[PairTime]:
    """Pairs of up to eight scenes, each at one time or without one."""
    times = draw(st.lists(st.none() | st.integers(0, 3000), min_size=1, max_size=8))
    owners = draw(st.lists(st.integers(0, len(times) - 1), min_size=1, max_size=24))
    wides = [scene_key(f"{scene:016x}") for scene in owners]
    pairs = [pair(number, times[scene]) for number, scene in enumerate(owners)]
    return [replace(one, scene=wide) for one, wide in zip(pairs, wides, strict=True)]


def of_scenes(pairs: list[PairTime], assigned: dict[str, Split | None]) -> dict[str, set[Split | None]]:
    found: dict[str, set[Split | None]] = {}
    for one in pairs:
        found.setdefault(one.scene, set()).add(assigned[one.pair_id])
    return found


@GIVEN
@given(scenes(), st.data())
def test_a_scene_has_one_split_however_it_grows(pairs: list[PairTime], data: st.DataObject) -> None:
    before = data.draw(st.lists(st.sampled_from(pairs), unique=True))
    first = place(before, {}, 0.3, 0.2)
    stored = kept(first) | scene_splits(before, first)
    second = place(pairs, stored, 0.3, 0.2)
    assert all(len(splits) == 1 for splits in of_scenes(pairs, second).values())
    assert {pair_id: second[pair_id] for pair_id in first} == first
    renamed = [replace(one, pair_id=f"{int(one.pair_id, 16) + 1000:016x}") for one in pairs]
    third = place(renamed, stored, 0.3, 0.2)
    found = of_scenes(renamed, third)
    assert all(found[scene] == {stored[scene]} for scene in found.keys() & stored.keys())


def test_a_pair_that_another_split_of_its_scene_had_stays_out() -> None:
    wide = scene_key("ab" * 32)
    pairs = [replace(pair(number), scene=wide) for number in (1, 2, 3)]
    found = place(pairs, {pairs[0].pair_id: "test", pairs[1].pair_id: "train"}, 0.1, 0)
    assert list(found.values()) == ["test", None, "test"]
