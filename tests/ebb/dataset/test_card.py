from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.dataset.card import CardContents, SplitSize, render_card, table_cell, yaml_text
from ebb.dataset.record import schema
from ebb.dataset.shards import shard_name, write_shard
from ebb.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    from ebb.dataset.record import Record

EVIL = '"]\n- evil: ['
FACTS = CardContents(
    name="Street bokeh",
    splits={
        "test": SplitSize(num_scenes=2, num_pairs=2, num_shards=1, num_bytes=8_000_000),
        "train": SplitSize(num_scenes=3, num_pairs=7, num_shards=2, num_bytes=28_000_000),
    },
    cameras={"Canon EOS 7D": 8, "": 1},
    rejects={Reason.PARALLAX: 3, Reason.TOO_SMALL: 1},
    depth_providers={"megadepth": 9},
    settings={"shard": {"test": 0.1, "val": 0}, "align": {"height": 1024}},
    software={"ebb": "0.1.0"},
)


def front_matter(card: str) -> dict[str, Any]:
    start, text, _ = card.split("---\n", 2)
    assert start == ""
    found = yaml.safe_load(text)
    assert isinstance(found, dict)
    return found


def tables(card: str) -> list[list[str]]:
    """Rows of all tables, split at the bars that are not escaped."""
    rows = [line for line in card.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.replace("\\|", "\0").split("|")[1:-1]] for row in rows]


def test_front_matter_holds_what_hugging_face_reads() -> None:
    found = front_matter(render_card(FACTS))
    assert found["pretty_name"] == "Street bokeh"
    assert found["license"] == "unknown"
    assert found["task_categories"] == ["image-to-image"]
    assert "bokeh" in found["tags"]
    assert found["configs"][0]["data_files"] == [
        {"split": "train", "path": "train-*.parquet"},
        {"split": "test", "path": "test-*.parquet"},
    ]
    assert found["dataset_info"]["splits"][0] == {
        "name": "train",
        "num_bytes": 28_000_000,
        "num_examples": 7,
    }


@pytest.mark.parametrize(
    ("num_pairs", "category"),
    [
        (999, "n<1K"),
        (1_000, "1K<n<10K"),
        (10_000, "10K<n<100K"),
        (100_000, "100K<n<1M"),
        (2_000_000, "1M<n<10M"),
    ],
)
def test_size_categories(num_pairs: int, category: str) -> None:
    size = SplitSize(num_scenes=1, num_pairs=num_pairs, num_shards=1, num_bytes=1)
    assert front_matter(render_card(replace(FACTS, splits={"train": size})))["size_categories"] == [category]


def test_features_are_those_of_the_shards(datasets: ModuleType) -> None:
    listed = datasets.Features._from_yaml_list(front_matter(render_card(FACTS))["dataset_info"]["features"])
    assert listed == datasets.Features.from_arrow_schema(schema())


def test_counts_reasons_and_settings_are_included() -> None:
    rows = tables(render_card(FACTS))
    assert ["train", "3", "7", "2", "28.0"] in rows
    assert ["Canon EOS 7D", "8"] in rows
    assert ["unknown", "1"] in rows
    assert ["`parallax`", "3", Reason.PARALLAX.advice] in rows
    assert ["align.height", "1024"] in rows
    assert ["shard.test", "0.1"] in rows
    assert ["ebb", "0.1.0"] in rows
    assert ["megadepth", "9"] in rows


def test_the_paper_and_the_privacy_of_the_photographer_are_mentioned() -> None:
    card = render_card(FACTS)
    assert "Rendering Natural Camera Bokeh Effect with Deep" in card
    assert "GPS positions and serial numbers" in card
    assert 'read_parquet("train-00000-of-00002.parquet")' in card


def test_the_same_facts_in_another_order_give_the_same_card() -> None:
    backwards = replace(
        FACTS,
        splits=dict(reversed(FACTS.splits.items())),
        cameras=dict(reversed(FACTS.cameras.items())),
        settings=dict(reversed(FACTS.settings.items())),
    )
    assert render_card(backwards) == render_card(FACTS)


def test_imported_pairs_are_mentioned() -> None:
    assert "existing data set" not in render_card(FACTS)
    assert "9 pairs were imported without changes from an existing data set" in render_card(
        replace(FACTS, num_imported=9)
    )


def test_near_duplicates_across_splits_are_mentioned() -> None:
    assert "look almost alike" not in render_card(FACTS)
    assert "; 2 such groups are\nin more than one split." in render_card(replace(FACTS, num_across_splits=2))


def test_an_empty_dataset_has_a_card() -> None:
    card = render_card(CardContents(splits={}))
    assert "configs" not in front_matter(card)
    assert "None." in card
    assert "Unknown." in card


def test_malicious_names_are_escaped() -> None:
    plain = render_card(FACTS)
    card = render_card(
        replace(
            FACTS,
            name=EVIL,
            license=EVIL,
            cameras={"Canon EOS 7D": 8, EVIL: 1},
            software={"ebb | x": "0.1.0 <script>"},
            settings={"shard": {"test": EVIL, "val": 0}, "align": {"height": 1024}},
        )
    )
    found = front_matter(card)
    assert found.pop("pretty_name") == EVIL
    assert found.pop("license") == EVIL
    assert found == {
        key: value for key, value in front_matter(plain).items() if key not in ("pretty_name", "license")
    }
    assert [len(row) for row in tables(card)] == [len(row) for row in tables(plain)]
    assert "\n- evil" not in card
    assert "<script>" not in card.replace("\\<script\\>", "")


@settings(deadline=None, max_examples=300)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_round_trips_through_yaml(text: str) -> None:
    quoted = yaml_text(text)
    assert quoted.isprintable()
    assert yaml.safe_load(f"- a: {quoted}\n- b") == [{"a": text}, "b"]


@settings(deadline=None, max_examples=200)
@given(st.text())
def test_cells_are_one_line_without_bars(text: str) -> None:
    cell = table_cell(text)
    assert cell
    assert cell.isprintable()
    assert "|" not in cell.replace("\\\\", "").replace("\\|", "")


def test_cells_escape_what_markdown_means() -> None:
    assert table_cell("a|b`c`<d>[e](f)_g_*h*\n") == r"a\|b\`c\`\<d\>\[e\](f)\_g\_\*h\*"
    assert table_cell("") == "unknown"


def test_hugging_face_loads_the_folder_of_card_and_shards(
    tmp_path: Path, make_record: Callable[..., Record], datasets: ModuleType
) -> None:
    folder = tmp_path / "shards"
    folder.mkdir()
    splits = {}
    for split, numbers in (("train", range(5)), ("test", range(5, 7))):
        with (folder / shard_name(split, 0, 1)).open("wb") as sink:
            facts = write_shard(sink, [make_record(number) for number in numbers])
        splits[split] = SplitSize(
            num_scenes=facts.rows, num_pairs=facts.rows, num_shards=1, num_bytes=facts.num_bytes
        )
    (folder / "README.md").write_text(render_card(replace(FACTS, splits=splits)), encoding="utf-8")
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {split: loaded[split].num_rows for split in loaded} == {"train": 5, "test": 2}
    assert loaded["test"][0]["wide"].size == (24, 17)
