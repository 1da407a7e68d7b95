from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebb.dataset.layouts import LAYOUTS, EbbPair, PairPaths, find_ebb_pairs, layout_paths
from ebb.dataset.splits import SPLITS
from ebb.errors import UsageError

if TYPE_CHECKING:
    import random

    from ebb.dataset.splits import Split


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ("ebb", ("val/original/12.png", "val/bokeh/12.png", "val/original_depth/12.png")),
        ("bokehlicious", ("val/in/12.png", "val/gt/12.png", None)),
        ("ebokehnet", ("val/12_src.png", "val/12_tgt.png", None)),
    ],
)
def test_names_are_those_of_the_layout(layout: str, expected: PairPaths) -> None:
    assert layout_paths(layout, "val", 12, has_depth=True, suffix=".png") == expected


def test_photos_are_jpeg_and_depth_stays_png() -> None:
    paths = layout_paths("ebb", "train", 0, has_depth=True)
    assert paths == ("train/original/0.jpg", "train/bokeh/0.jpg", "train/original_depth/0.png")
    assert layout_paths("ebb", "train", 0).depth is None


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_two_pairs_share_a_name(layout: str) -> None:
    paths = [layout_paths(layout, split, index, has_depth=True) for split in SPLITS for index in range(12)]
    names = [name for pair in paths for name in pair if name is not None]
    assert len(set(names)) == len(names)
    assert not any(PurePosixPath(name).is_absolute() or ".." in name for name in names)


def test_an_unknown_layout_is_refused() -> None:
    with pytest.raises(UsageError, match=r"unknown layout 'coco'.*ebb, bokehlicious, ebokehnet"):
        layout_paths("coco", "train", 0)
    with pytest.raises(UsageError, match=r"no layout has a photo 0\.tif"):
        layout_paths("ebb", "train", 0, suffix=".tif")
    with pytest.raises(UsageError, match="no layout has a photo -1"):
        layout_paths("ebb", "train", -1)


@given(
    st.sets(st.tuples(st.sampled_from(SPLITS), st.integers(0, 10_000), st.booleans()), max_size=30),
    st.sampled_from([".jpg", ".png"]),
    st.randoms(),
)
def test_written_layouts_are_found_again(
    pairs: set[tuple[Split, int, bool]], suffix: str, shuffler: random.Random
) -> None:
    chosen = {(split, number): has_depth for split, number, has_depth in pairs}
    paths = {
        key: layout_paths("ebb", *key, has_depth=has_depth, suffix=suffix)
        for key, has_depth in chosen.items()
    }
    names = [name for pair in paths.values() for name in pair if name is not None]
    shuffler.shuffle(names)
    listing = find_ebb_pairs(names)
    order = sorted(paths, key=lambda key: (SPLITS.index(key[0]), key[1]))
    assert listing.pairs == tuple(EbbPair(*key, paths[key]) for key in order)
    assert listing.problems == ()
    assert listing.ignored == ()


def test_the_challenge_release_is_found() -> None:
    names = [f"Training/{part}/{number}.jpg" for part in ("original", "bokeh") for number in range(4694)]
    listing = find_ebb_pairs(names)
    assert [pair.number for pair in listing.pairs] == list(range(4694))
    assert {pair.split for pair in listing.pairs} == {"train"}
    assert listing.pairs[10].paths == ("Training/original/10.jpg", "Training/bokeh/10.jpg", None)


def test_letter_case_and_jpeg_spellings_do_not_matter() -> None:
    listing = find_ebb_pairs(["TEST/Original/7.JPG", "TEST/Bokeh/7.jpeg"])
    assert listing.pairs == (EbbPair("test", 7, PairPaths("TEST/Original/7.JPG", "TEST/Bokeh/7.jpeg", None)),)


def test_incomplete_pairs_are_problems() -> None:
    listing = find_ebb_pairs(
        [
            "train/original/1.jpg",
            "train/bokeh/2.jpg",
            "train/original_depth/3.png",
            *("train/original/4.jpg", "train/original/4.png", "train/bokeh/4.jpg"),
            *("train/original/5.jpg", "train/bokeh/5.jpg", "train/bokeh/005.jpg"),
            *("train/original/6.jpg", "train/bokeh/6.jpg"),
        ]
    )
    assert [pair.number for pair in listing.pairs] == [6]
    assert listing.problems == (
        "train 1: train/original/1.jpg has no partner in bokeh",
        "train 2: train/bokeh/2.jpg has no partner in original",
        "train 3: train/original_depth/3.png has no partner in original and bokeh",
        "train 4: the number is there twice: train/original/4.jpg, train/original/4.png",
        "train 5: the number is there twice: train/bokeh/005.jpg, train/bokeh/5.jpg",
    )


def test_other_files_are_listed() -> None:
    others = [
        "README.md",
        "train/original/.1.jpg.swp",
        "train/original/Thumbs.db",
        "train/original/x.jpg",
        "train/original_depth/1.jpg",
        "train/original/٣.jpg",
        "a/train/original/1.jpg",
    ]
    listing = find_ebb_pairs(others)
    assert listing.pairs == ()
    assert sorted(listing.ignored) == sorted(others)
