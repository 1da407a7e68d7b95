"""EXIF entries: which tags there are, and values EXIF cannot hold."""

import dataclasses
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ebb.errors import UsageError
from ebb.formats.exif_writer import EXIF_IFD, ShotInfo, exif_block, exif_entries, main_entries

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
        ({"orientation": 0}, "EXIF defines 1 to 8"),
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


def read_back(info: ShotInfo) -> dict[int, object]:
    """All tags as Pillow reads them out of a JPEG segment."""
    found = Image.Exif()
    found.load(exif_block(info, 6, 4))
    return {**found, **found.get_ifd(EXIF_IFD)}


@settings(deadline=None, max_examples=40)
@given(
    st.floats(1, 64),
    st.fractions(Fraction(1, 8000), 30, max_denominator=8000),
    st.integers(25, 51_200),
    st.floats(8, 800),
    st.integers(1, 8),
    st.datetimes(datetime(1990, 1, 1), datetime(2099, 1, 1)),
)
def test_pillow_reads_the_written_values(
    f_number: float, time: Fraction, iso: int, focal_length_mm: float, orientation: int, moment: datetime
) -> None:
    info = ShotInfo(
        captured_at=moment,
        exposure_time_s=time,
        f_number=f_number,
        iso=iso,
        focal_length_mm=focal_length_mm,
        orientation=orientation,
    )
    tags = read_back(info)
    assert float(tags[33437]) == pytest.approx(f_number, rel=1e-6)
    assert Fraction(tags[33434].numerator, tags[33434].denominator) == time
    assert (tags[34855], tags[274]) == (iso, orientation)
    assert float(tags[37386]) == pytest.approx(focal_length_mm, rel=1e-6)
    assert tags[36867] == tags[306] == moment.strftime("%Y:%m:%d %H:%M:%S")
    assert tags[37521] == f"{moment.microsecond // 1000:03d}"


def test_apex_values_follow_from_the_plain_ones() -> None:
    """EXIF annex C: Av = 2 log2 N, Tv = −log2 t."""
    tags = read_back(dataclasses.replace(INFO, f_number=16.0, exposure_time_s=Fraction(1, 64)))
    assert float(tags[37378]) == pytest.approx(8)
    assert float(tags[37377]) == pytest.approx(6)


def test_camera_lens_and_frame_are_named() -> None:
    tags = read_back(dataclasses.replace(INFO, make="Maker", model="Model 7", lens="50mm f/1.8", serial="42"))
    assert (tags[271], tags[272], tags[42036], tags[42033]) == ("Maker", "Model 7", "50mm f/1.8", "42")
    assert (tags[40962], tags[40963]) == (6, 4)
    assert tags[36864] == b"0230"
