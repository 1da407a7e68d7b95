"""Sizes and flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebb.errors import UsageError
from ebb_train.export.settings import STEP, CheckSettings, PhotoSize, TfliteSettings, parse_size


def test_size_of_the_paper() -> None:
    size = parse_size(" 1024x1536")
    assert size == PhotoSize(height=1024, width=1536)
    assert size.input == (512, 768)
    assert size.picture(1) == (1024, 1536)
    assert size.picture(7) == (16, 24)
    assert str(size) == "1024x1536"


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("1000x1500", "1024x1472"),
        ("1080x1920", "1088x1920"),
        ("1024x1500", "1024x1472, 1024x1536"),
        ("1x64", "64x64"),
        ("0x0", "64x64"),
        ("64x999999", "64x16384"),
    ],
)
def test_the_hint_for_invalid_sizes_names_the_nearest_valid_ones(text: str, nearest: str) -> None:
    with pytest.raises(UsageError, match="multiples of 64") as error:
        parse_size(text)
    assert nearest in error.value.hint


@pytest.mark.parametrize("text", ["", "1024", "1024*1536", "-64x64", "64x64x64", "64.0x64", "axb"])
def test_texts_that_are_not_sizes(text: str) -> None:
    with pytest.raises(UsageError, match="HEIGHTxWIDTH"):
        parse_size(text)


@given(st.integers(1, 20000), st.integers(1, 20000))
def test_every_nearest_size_is_valid(height: int, width: int) -> None:
    try:
        assert str(parse_size(f"{height}x{width}")) == f"{height}x{width}"
        assert height % STEP == width % STEP == 0
    except UsageError as error:
        for text in error.hint.removeprefix("nearest: ").split(", "):
            near = parse_size(text)
            assert abs(near.height - min(height, 16384)) < STEP


def test_sizes_come_once_each() -> None:
    assert TfliteSettings(size=("64x128", "128x64", "64x128")).sizes() == (
        PhotoSize(64, 128),
        PhotoSize(128, 64),
    )
    assert TfliteSettings().sizes() == (PhotoSize(1024, 1536),)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": ("100x100",)}, "multiples of 64"),
        ({"size": ()}, "empty"),
        ({"level": 8}, "level 8"),
        ({"precision": "int8"}, "requires photos for calibration"),
    ],
)
def test_refused_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TfliteSettings(**settings)


def test_int8_with_photos() -> None:
    assert TfliteSettings(precision="int8", calibration=Path("set")).precision == "int8"


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"runs": -1}, "at least 0"), ({"threads": -1}, "at least 0"), ({"run": True}, "without")],
)
def test_refused_checks(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        CheckSettings(**settings)
