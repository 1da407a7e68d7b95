"""EXIF entries: which tags there are, and values EXIF cannot hold."""

import dataclasses
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from ebb.errors import UsageError
from ebb.optics.exif import ShotInfo, exif_entries, main_entries

INFO = ShotInfo(
    captured_at=datetime(2024, 5, 6, 7, 8, 9, 120_000),
    exposure_time_s=Fraction(1, 2500),
    f_number=1.8,
    iso=100,
    focal_length_mm=50,
)


def test_the_tags_a_raw_converter_needs_are_there() -> None:
    assert {entry.tag for entry in main_entries(INFO)} >= {271, 272, 274, 305, 306}
    assert {entry.tag for entry in exif_entries(INFO, 6, 4)} >= {
        *(33434, 33437, 34855, 36864, 36867, 37386, 37521, 42036)
    }


def test_milliseconds_keep_their_leading_zeros() -> None:
    info = dataclasses.replace(INFO, captured_at=INFO.captured_at.replace(microsecond=5_000))
    fraction = next(entry for entry in exif_entries(info, 6, 4) if entry.tag == 37521)
    assert fraction.payload == b"005\0"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"orientation": 0}, "EXIF knows 1 to 8"),
        ({"orientation": 9}, "orientation 9"),
        ({"f_number": 0.0}, "both must be positive"),
        ({"exposure_time_s": Fraction(0)}, "both must be positive"),
        ({"captured_at": datetime(2024, 5, 6, tzinfo=UTC)}, "has a zone"),
        ({"lens": "50 mm ƒ/1.8"}, "not ASCII"),
        ({"iso": 102_400}, "does not fit"),
    ],
)
def test_values_exif_cannot_hold(change: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        exif_entries(dataclasses.replace(INFO, **change), 6, 4)  # type: ignore[arg-type]
