"""Layouts of published data sets: the names of their files, as their own loaders read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebb.dataset.import_layouts import LAYOUTS, find_pairs
from ebb.dataset.layouts import layout_paths
from ebb.dataset.splits import SPLITS
from ebb.errors import InvalidInput, Reason, UsageError
from tests.helpers.published import names

if TYPE_CHECKING:
    from ebb.dataset.found_pairs import Listing


def found(*files: str, layout: str = "auto", texts: dict[str, str] | None = None) -> Listing:
    return find_pairs(files, layout, lambda name: (texts or {})[name])


def triples(listing: Listing) -> list[tuple[str | None, str, str, str | None]]:
    return [(pair.split, pair.wide.name, pair.shallow.name, pair.depth) for pair in listing.pairs]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_recognised(layout: str) -> None:
    pairs = [names(layout, split, number) for split in ("train", "test") for number in (2, 10)]
    meta = {f"{split}/meta.txt": "2,A50mmf1.8BS,B50mmf16BS,3\n" for split in ("train", "test")}
    texts = meta if layout == "ebokehnet" else {}
    files = [name for pair in pairs for name in pair if name]
    listing = found(*reversed(files), *texts, "README.md", texts=texts)
    assert listing.layout == layout
    assert len(listing.pairs) == 4
    assert listing.aside == ()
    assert listing.ignored == ("README.md",)
    assert [pair.split for pair in listing.pairs] == ["train", "train", "test", "test"]
    assert {name for pair in listing.pairs for name in pair.names.values()} == set(files)


@given(st.sampled_from(["ebb", "bokehlicious", "ebokehnet"]), st.sampled_from([".jpg", ".png"]), st.data())
def test_what_export_writes_is_found(layout: str, suffix: str, data: st.DataObject) -> None:
    keys = data.draw(
        st.sets(st.tuples(st.sampled_from(SPLITS), st.integers(0, 9999)), min_size=1, max_size=9)
    )
    written = [layout_paths(layout, *key, has_depth=True, suffix=suffix) for key in keys]
    listing = found(*(name for paths in written for name in paths if name))
    assert listing.layout == layout
    assert {(wide, shallow, depth) for _, wide, shallow, depth in triples(listing)} == {*written}


def test_realbokeh_has_several_apertures_of_a_scene() -> None:
    files = ["validation/in/7_f22.JPG", *(f"validation/gt/7/7_f{stop}.JPG" for stop in ("9.0", "2.0", "14"))]
    listing = found(*files)
    assert [(pair.split, pair.wide.f_number, pair.shallow.f_number) for pair in listing.pairs] == [
        ("val", 22.0, 2.0),
        ("val", 22.0, 9.0),
        ("val", 22.0, 14.0),
    ]


def test_the_metadata_of_realbokeh_come_before_its_names() -> None:
    text = '{"source_image": "in/1_f22.JPG", "source_av": 20, "target_images": ["gt/1/1_f2.0.JPG"],'
    text += '"target_avs": [2.2], "focal_length": 49, "iso": 200}'
    files = ["train/in/1_f22.JPG", "train/gt/1/1_f2.0.JPG", "train/metadata/1.json"]
    (pair,) = found(*files, texts={files[2]: text}).pairs
    assert pair.wide == ("train/in/1_f22.JPG", 20.0, 49.0, 200.0, "")
    assert pair.shallow == ("train/gt/1/1_f2.0.JPG", 2.2, 49.0, 200.0, "")


def test_the_larger_f_number_of_a_transformation_is_the_wide_photo() -> None:
    lines = ["0,Sony50mmf1.8BS,Sony50mmf16.0BS,35", "1,Sony50mmf16.0BS,Canon50mmf1.4BS,80"]
    lines += ["2,Sony50mmf1.8BS,Canon50mmf1.8BS,20", ""]
    files = [f"{number}.{part}.jpg" for number in range(3) for part in ("src", "tgt")]
    listing = found(*files, "0.alpha.png", "meta.txt", texts={"meta.txt": "\n".join(lines)})
    assert triples(listing) == [
        (None, "0.tgt.jpg", "0.src.jpg", None),
        (None, "1.src.jpg", "1.tgt.jpg", None),
    ]
    assert [(pair.wide.f_number, pair.shallow.f_number) for pair in listing.pairs] == [(16, 1.8), (16, 1.4)]
    assert listing.pairs[1].shallow.lens == "Canon50mmf1.4BS"
    assert [(aside.name, aside.reason) for aside in listing.aside] == [
        ("2.src.jpg", Reason.OTHER_F_NUMBER),
        ("2.tgt.jpg", Reason.OTHER_F_NUMBER),
    ]
    assert "the same aperture, f/1.8" in listing.aside[0].detail
    assert listing.ignored == ("0.alpha.png",)


def test_vabd_is_f_16_and_its_folders_are_apertures() -> None:
    files = [f"test/{part}/0099.JPG" for part in ("input", "8", "1_8", "2_8")]
    listing = found(*files, "test/depth/0099.png", "test/focal/0099.png")
    assert [(pair.wide.f_number, pair.shallow.f_number) for pair in listing.pairs] == [
        (16.0, 1.8),
        (16.0, 2.8),
        (16.0, 8.0),
    ]
    assert {pair.depth for pair in listing.pairs} == {"test/depth/0099.png"}
    assert listing.ignored == ("test/focal/0099.png",)


def test_files_without_a_partner_are_set_aside_one_by_one() -> None:
    listing = found(
        *("train/original/1.jpg", "train/bokeh/1.jpg"),
        *("train/original/2.jpg", "train/original_depth/2.png"),
        *("train/original/3.jpg", "train/bokeh/3.jpg", "train/bokeh/003.png"),
    )
    assert triples(listing) == [("train", "train/original/1.jpg", "train/bokeh/1.jpg", None)]
    assert [(aside.name, aside.detail) for aside in listing.aside] == [
        ("train/original/2.jpg", "train/original/2.jpg has no shallow photo"),
        ("train/original_depth/2.png", "train/original/2.jpg has no shallow photo"),
        *(
            (name, "the same photo is there twice: train/bokeh/003.png, train/bokeh/3.jpg")
            for name in ("train/original/3.jpg", "train/bokeh/003.png", "train/bokeh/3.jpg")
        ),
    ]


def test_without_pairs_the_layouts_are_named() -> None:
    with pytest.raises(InvalidInput, match=r"no pairs here") as caught:
        found("a.jpg", "train/b.jpg")
    assert all(name in caught.value.hint for name in LAYOUTS)
    assert "train/original/0.jpg" in caught.value.hint
    assert "--pairs" in caught.value.hint
    with pytest.raises(InvalidInput, match=r"no pairs here \(known layouts: vabm") as caught:
        found("train/original/0.jpg", "train/bokeh/0.jpg", layout="vabm")
    assert "ebb" not in caught.value.hint


def test_a_folder_above_the_data_set_is_noticed() -> None:
    with pytest.raises(InvalidInput, match="the data set is the folder 'EBB' inside"):
        found("EBB/train/original/0.jpg", "EBB/train/bokeh/0.jpg", "notes.txt")


def test_two_layouts_in_one_folder_need_a_name() -> None:
    files = ["train/original/0.jpg", "train/bokeh/0.jpg", "train/in/0.jpg", "train/gt/0.jpg"]
    with pytest.raises(UsageError, match="1 pairs of ebb, 1 pairs of bokehlicious .*--layout"):
        found(*files)
    assert found(*files, layout="ebb").layout == "ebb"


@given(
    st.lists(st.sampled_from([n for layout in LAYOUTS for n in names(layout, "train", 1) if n]), unique=True)
)
def test_every_name_is_in_one_place(files: list[str]) -> None:
    for layout in LAYOUTS:
        try:
            listing = found(*files, layout=layout)
        except InvalidInput:
            continue
        placed = [name for pair in listing.pairs for name in pair.names.values()]
        placed += [*(aside.name for aside in listing.aside), *listing.ignored]
        assert sorted(placed) == sorted(files)
