from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebb.dataset.record import (
    COLUMNS,
    SCHEMA_VERSION,
    VERSION_KEY,
    Record,
    check_schema,
    from_row,
    record_row,
    schema,
)
from ebb.errors import InvalidInput
from ebb.formats.npy import encode_npy
from ebb.formats.png import encode_png

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from ebb.dataset.record import Record

    MakeRecord = Callable[..., Record]

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NUMBER = st.none() | st.floats(allow_nan=False, allow_infinity=False)
SHARE = st.none() | st.floats(0, 1)
COUNT = st.none() | st.integers(0, 2**31 - 1)
FILE_NAME = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"), min_size=1, max_size=30
).filter(lambda name: name not in (".", ".."))
CHANGES = st.fixed_dictionaries(
    {
        "pair_id": st.text("0123456789abcdef", min_size=16, max_size=16),
        "camera": TEXT,
        "lens": TEXT,
        "software": TEXT,
        "source_wide": FILE_NAME,
        "source_shallow": FILE_NAME,
        "f_number_wide": NUMBER,
        "exposure_time_s_wide": NUMBER,
        "exposure_gain": NUMBER,
        "inlier_ratio": SHARE,
        "overlap": SHARE,
        "num_inliers": COUNT,
        "captured_at_wide": st.none() | st.datetimes(),
        "defocus_map": st.none() | st.tuples(*[NUMBER] * 16),
        "H_shallow_to_wide": st.none()
        | st.tuples(*[st.floats(allow_nan=False, allow_infinity=False) for _ in range(9)]),
    }
)


def grey(width: int, height: int) -> bytes:
    return encode_png(np.zeros((height, width), np.uint8))


def halves(width: int, height: int) -> bytes:
    return encode_npy(np.zeros((height, width), np.float16))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(changes=CHANGES, bare=st.booleans())
def test_a_record_round_trips_through_arrow(
    make_record: MakeRecord, changes: dict[str, Any], bare: bool
) -> None:
    record = make_record(1, bare=bare, **changes)
    table = pa.Table.from_pylist([record_row(record)], schema=schema())
    assert from_row(table.to_pylist()[0]) == record


def test_schema_names_every_field_with_its_type() -> None:
    image = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    expected = {
        "pair_id": pa.string(),
        "wide": image,
        "shallow": image,
        "depth": image,
        "depth_float16": pa.binary(),
        "depth_min": pa.float64(),
        "width": pa.int32(),
        "f_number_shallow": pa.float64(),
        "captured_at_wide": pa.timestamp("us"),
        "H_shallow_to_wide": pa.list_(pa.float64()),
        "defocus_map": pa.list_(pa.float64()),
        "num_inliers": pa.int32(),
        "software": pa.string(),
    }
    assert schema().names == [column.name for column in COLUMNS]
    assert {name: schema().field(name).type for name in expected} == expected
    assert schema().metadata[VERSION_KEY] == str(SCHEMA_VERSION).encode()


COLUMNS_OF_VERSION_7 = """
pair_id:s scene:s wide:I shallow:I depth:I depth_float16:b depth_min:f depth_max:f width:i height:i
f_number_wide:f f_number_shallow:f focal_length_mm:f exposure_time_s_wide:f exposure_time_s_shallow:f
iso_wide:f
iso_shallow:f camera:s lens:s captured_at_wide:t captured_at_shallow:t motion_model:s H_shallow_to_wide:L
crop_x:i crop_y:i crop_width:i crop_height:i num_matches:i num_inliers:i inlier_ratio:f coverage:f overlap:f
focus_share:f parallax_px:f similarity:f changed_share:f focus_mismatch:f changed_in_focus:f residual_px:f
residual_p95_px:f uncertainty_px:f focus_correlation:f sharpness_wide:f sharpness_shallow:f defocus_px:f
defocus_p90_px:f unexplained:f exposure_gain:f vignetting_ev:f quality_rank:f defocus_map:L
refused_for:s near_duplicates:s depth_provider:s source_wide:s source_shallow:s source_wide_sha256:s
source_shallow_sha256:s software:s
"""
IMAGE = pa.struct({"bytes": pa.binary(), "path": pa.string()})
ARROW = {
    "s": pa.string(),
    "i": pa.int32(),
    "f": pa.float64(),
    "t": pa.timestamp("us"),
    "b": pa.binary(),
    "I": IMAGE,
    "L": pa.list_(pa.float64()),
}


def test_the_schema_of_a_version_stays_as_it_is() -> None:
    """Existing shards stay readable: a changed schema needs a new version."""
    written = [column.split(":") for column in COLUMNS_OF_VERSION_7.split()]
    assert [(field.name, field.type) for field in schema()] == [(name, ARROW[kind]) for name, kind in written]
    features = schema().metadata[b"huggingface"]
    digest = "fa1a67f8c782331643880977a04ce26c5161d0dd0afae4fb92f156736601ef0c"
    assert (SCHEMA_VERSION, hashlib.sha256(features).hexdigest()) == (7, digest)


def test_a_measurement_without_a_column_is_refused(make_record: MakeRecord) -> None:
    with pytest.raises(InvalidInput, match="^luck: no measurement of that name has a column"):
        replace(make_record(1), measurements={"luck": 7.0})


def test_nothing_private_has_a_column() -> None:
    assert not [name for name in schema().names if "gps" in name or "serial" in name]


def test_hugging_face_features_cover_every_column(datasets: ModuleType) -> None:
    features = datasets.Features.from_arrow_schema(schema())
    assert list(features) == schema().names
    assert isinstance(features["depth"], datasets.Image)
    assert features["H_shallow_to_wide"].feature.dtype == "float64"
    assert features["depth_float16"].dtype == "binary"
    assert features.arrow_schema.types == schema().types


def test_images_are_named_after_the_pair(make_record: MakeRecord) -> None:
    record = make_record(3)
    row = record_row(record)
    assert row["shallow"] == {"bytes": record.shallow, "path": f"{record.pair_id}_shallow.png"}
    assert record_row(make_record(3, bare=True))["depth"] is None


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("pair_id", "0123456789ABCDEF", "pair_id: expected 16 hex digits, got '0123456789ABCDEF'"),
        ("pair_id", "../../etc/passwd", "pair_id: expected 16 hex digits"),
        ("pair_id", None, "pair_id: expected text, got None"),
        ("source_wide", "DCIM/IMG_1.DNG", "source_wide: expected a file name without a folder"),
        ("source_shallow", "..", "source_shallow: expected a file name without a folder"),
        ("source_shallow", "a\\b.DNG", "source_shallow: expected a file name without a folder"),
        ("source_wide", "", "source_wide: expected a file name without a folder"),
        ("source_wide", "broken\udcff.DNG", "source_wide: expected text"),
        ("source_wide_sha256", "abc", "source_wide_sha256: expected 64 hex digits"),
        ("camera", b"Canon", "camera: expected text"),
        ("width", 24.0, "width: expected a whole number of at least 0"),
        ("width", True, "width: expected a whole number"),
        ("height", -17, "height: expected a whole number of at least 0, got -17"),
        ("crop_width", 0, "crop_width: expected at least 1 pixel"),
        ("num_inliers", 2**31, "num_inliers: expected a whole number"),
        ("residual_px", float("nan"), "residual_px: expected a finite float, got nan"),
        ("f_number_wide", 16, "f_number_wide: expected a finite float, got 16"),
        ("coverage", 1.5, "coverage: expected a share between 0 and 1, got 1.5"),
        ("captured_at_wide", datetime(2019, 1, 1, tzinfo=UTC), "captured_at_wide: expected a time without"),
        ("H_shallow_to_wide", (1.0,) * 8, "H_shallow_to_wide: expected 9 finite floats"),
        ("H_shallow_to_wide", (float("inf"),) * 9, "H_shallow_to_wide: expected 9 finite floats"),
        ("defocus_map", (4.0,) * 9, "defocus_map: expected 16 finite floats or None"),
        ("defocus_map", (float("nan"),) * 16, "defocus_map: expected 16 finite floats or None"),
        ("wide", b"\xff\xd8\xff", "wide: not a PNG"),
        ("wide", "text", "wide: expected bytes, got 'text'"),
        ("wide", grey(24, 17), "wide: expected 8-bit RGB of 24x17 pixels, got 8-bit, 1 channels, 24x17"),
        ("depth", grey(24, 17), "depth: expected 8-bit grey of 12x8 pixels, got 8-bit, 1 channels, 24x17"),
        ("depth", grey(12, 9), "depth: expected 8-bit grey of 12x8 pixels"),
        ("depth", None, "depth_float16: expected beside an 8-bit depth map"),
        ("depth_float16", None, "depth_float16: expected together with depth_min and depth_max"),
        ("depth_max", None, "depth_float16: expected together with depth_min and depth_max"),
        ("depth_max", 0.0, "depth_min: 0.125 is above depth_max, 0.0"),
        ("depth_min", float("nan"), "depth_min: expected a finite float"),
        ("depth_float16", "text", "depth_float16: expected bytes, got 'text'"),
        ("depth_float16", b"\x93NUMPY", "depth_float16: not an NPY file"),
        ("depth_float16", halves(24, 17), "depth_float16: expected 12x8 values, got 24x17"),
    ],
)
def test_invalid_values_are_named(make_record: MakeRecord, field: str, value: object, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make_record(1, **{field: value})
    assert str(caught.value).startswith(message)


def test_photo_sizes_must_be_those_of_the_row(make_record: MakeRecord) -> None:
    with pytest.raises(InvalidInput, match="wide: expected 8-bit RGB of 25x17 pixels"):
        replace(make_record(1), width=25)


def test_messages_stay_short(make_record: MakeRecord) -> None:
    with pytest.raises(InvalidInput) as caught:
        make_record(1, pair_id="f" * 100_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ({"bytes": b"", "path": "/etc/passwd"}, "wide: not the image '"),
        ({"bytes": b"", "path": "../0_wide.png"}, "wide: not the image '"),
        ({"bytes": b""}, "wide: not the image '"),
        (b"bytes", "wide: not the image '"),
        (None, "wide: expected bytes, got None"),
    ],
)
def test_other_image_cells_are_refused(make_record: MakeRecord, cell: object, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        from_row({**record_row(make_record(1)), "wide": cell})
    assert str(caught.value).startswith(message)


def test_an_image_with_a_path_but_no_bytes_is_refused(make_record: MakeRecord) -> None:
    row = record_row(make_record(1))
    row["wide"] = {**row["wide"], "bytes": None}
    with pytest.raises(InvalidInput, match="wide: has a path but no bytes"):
        from_row(row)


def test_missing_and_unknown_columns_are_named(make_record: MakeRecord) -> None:
    row = record_row(make_record(1))
    with pytest.raises(InvalidInput, match="gps: column is unknown"):
        from_row({**row, "gps": 1})
    del row["lens"]
    with pytest.raises(InvalidInput, match="lens: column is missing"):
        from_row(row)


def test_other_schemas_are_named() -> None:
    good = schema()
    check_schema(good)
    check_schema(pa.schema(list(good)[::-1], metadata=good.metadata))
    lens, width = good.get_field_index("lens"), good.get_field_index("width")
    bad = {
        "lens: column is missing": good.remove(lens),
        "gps: column is unknown": good.append(pa.field("gps", pa.string())),
        "width: type is string, not int32": good.set(width, pa.field("width", pa.string())),
        "a column name is there twice": good.append(good.field(lens)),
        "ebb_schema_version is 'none'": good.remove_metadata(),
        "ebb_schema_version is '99', this program reads 7": good.with_metadata({VERSION_KEY: b"99"}),
    }
    for message, found in bad.items():
        with pytest.raises(InvalidInput) as caught:
            check_schema(found)
        assert str(caught.value).startswith(message)
