from __future__ import annotations

from ebb.dataset.found_pairs import FoundPair, SceneFiles, Shot, by_split_and_name, pairs_of_scene


def test_a_pair_names_its_files() -> None:
    pair = FoundPair("train", Shot("w"), Shot("s"))
    assert pair.names == {"wide": "w", "shallow": "s"}
    assert pair._replace(depth="d").names == {"wide": "w", "shallow": "s", "depth": "d"}


def test_a_scene_gives_a_pair_for_each_aperture_the_widest_first() -> None:
    shallow = [Shot("f8", 8.0), Shot("f1.8", 1.8), Shot("f2.8", 2.8)]
    pairs = list(pairs_of_scene("val", SceneFiles([Shot("w", 16.0)], shallow, [Shot("d")])))
    assert [pair.shallow.name for pair in pairs] == ["f1.8", "f2.8", "f8"]
    assert {(pair.split, pair.wide.name, pair.depth) for pair in pairs} == {("val", "w", "d")}


def test_what_is_wrong_with_a_scene() -> None:
    one, other = Shot("a"), Shot("b")
    assert SceneFiles([one], [other]).problem() == ""
    assert SceneFiles([one]).problem() == "a has no shallow photo"
    assert SceneFiles([], [one]).problem() == "a has no wide photo"
    assert SceneFiles([], [], [one]).problem() == "a has no wide and no shallow photo"
    assert SceneFiles([one, other], [one]).problem() == "the same photo is there twice: a, b"
    assert SceneFiles([one], [one, other]).problem() == "the same photo is there twice: a, b"
    assert SceneFiles([one], [other], [one, other]).problem() == "the same photo is there twice: a, b"
    assert SceneFiles([one], [Shot("a", 2.0), Shot("b", 4.0)]).problem() == ""
    assert list(SceneFiles([one], [other]).names) == ["a", "b"]


def test_scenes_are_in_the_order_of_splits_and_numbers() -> None:
    scenes = [(None, "1"), ("test", "2"), ("train", "10"), ("train", "9"), ("val", "3")]
    assert by_split_and_name(scenes) == [  # type: ignore[arg-type]
        ("train", "9"),
        ("train", "10"),
        ("val", "3"),
        ("test", "2"),
        (None, "1"),
    ]
