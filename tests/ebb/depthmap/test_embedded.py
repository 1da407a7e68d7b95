import io
from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ebb.arrays import Size
from ebb.depthmap.embedded import describes_map, read_embedded, read_gdepth
from ebb.errors import Reason, Rejected
from ebb.formats.containers import jpeg_segments
from tests.helpers.file_parts import png_bomb
from tests.helpers.phone_jpegs import (
    GDEPTH,
    PACKET,
    app1,
    encode,
    gdepth_description,
    insert,
    packet,
    png,
    with_dynamic_depth,
    with_gdepth,
)

SIZE = Size(64, 48)
NEAR, FAR = 0.5, 8.0
DISTANCE = np.geomspace(NEAR, FAR, 32 * 24).reshape(24, 32)
Writer: TypeAlias = Callable[..., bytes]
WRITERS: tuple[Writer, ...] = (with_gdepth, with_dynamic_depth)


def photo() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(3).integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(file, "JPEG")
    return file.getvalue()


def read(data: bytes, size: Size = SIZE) -> np.ndarray:
    return read_embedded(data, list(jpeg_segments(data)), size)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", ["RangeInverse", "RangeLinear"])
@pytest.mark.parametrize("write", WRITERS)
def test_known_distances_are_recovered(write: Writer, kind: str, bits: int) -> None:
    """Within half a stored level, carried from the stored number to 1/distance by the formula's slope."""
    data = write(photo(), png(encode(DISTANCE, kind, NEAR, FAR, bits)), kind=kind, near=NEAR, far=FAR)
    found = read(data)
    slope = 1 / NEAR - 1 / FAR if kind == "RangeInverse" else (FAR - NEAR) / DISTANCE**2
    assert (
        np.abs(found - 1 / DISTANCE) <= 0.51 * slope / (2**bits - 1) * (1.2 if kind == "RangeLinear" else 1)
    ).all()
    assert found.dtype == np.float32
    assert (found[0, 0], found[-1, -1]) == pytest.approx((1 / NEAR, 1 / FAR))


@settings(deadline=None, max_examples=20)
@given(
    near=st.floats(0.05, 5),
    factor=st.floats(1.01, 1000),
    kind=st.sampled_from(["RangeInverse", "RangeLinear"]),
)
def test_near_is_large_whatever_the_range(near: float, factor: float, kind: str) -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    data = with_gdepth(photo(), png(ramp), kind, near, near * factor)
    found = read(data, Size(64, 64)).ravel()
    assert found[0] == pytest.approx(1 / near, rel=1e-5)
    assert found[-1] == pytest.approx(1 / (near * factor), rel=1e-3)
    assert (np.diff(found) <= 0).all()


def test_range_inverse_may_end_at_infinity() -> None:
    data = with_gdepth(photo(), png(np.array([[0, 255], [0, 255]], np.uint8)), near=2, far="inf")
    np.testing.assert_array_equal(read(data, Size(64, 64)), [[0.5, 0], [0.5, 0]])


@pytest.mark.parametrize("padding", [0, 37])
@pytest.mark.parametrize("profile", ["dd", "photos"])
def test_both_container_directories(profile: str, padding: int) -> None:
    image = png(encode(DISTANCE, "RangeInverse", NEAR, FAR))
    data = with_dynamic_depth(photo(), image, near=NEAR, far=FAR, profile=profile, padding=padding)
    np.testing.assert_array_equal(read(data), read(with_gdepth(photo(), image, near=NEAR, far=FAR)))


def test_an_item_without_bytes_of_its_own_shares_those_before_it() -> None:
    image = png(encode(DISTANCE, "RangeInverse", NEAR, FAR))
    data = with_dynamic_depth(photo(), b"", near=NEAR, far=FAR, before=image)
    np.testing.assert_array_equal(read(data), read(with_gdepth(photo(), image, near=NEAR, far=FAR)))


def test_grey_stored_as_colour_jpeg() -> None:
    grey = encode(DISTANCE, "RangeInverse", NEAR, FAR)
    colour = np.repeat(np.asarray(grey)[..., None], 3, axis=2)
    jpeg = cv2.imencode(".jpg", colour, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    found = read(with_dynamic_depth(photo(), jpeg, near=NEAR, far=FAR))
    assert np.abs(found - 1 / DISTANCE).max() < 4 / 255 * (1 / NEAR - 1 / FAR)


def test_a_photo_without_a_map() -> None:
    for data in (photo(), insert(photo(), app1(PACKET + packet("")))):
        with pytest.raises(Rejected, match="contains no depth map") as caught:
            read(data)
        assert caught.value.reason is Reason.NO_DEPTH


def test_gdepth_in_a_packet_from_elsewhere() -> None:
    image = png(encode(DISTANCE, "RangeInverse", NEAR, FAR))
    found = read_gdepth([packet(gdepth_description(image, near=NEAR, far=FAR))], SIZE)
    np.testing.assert_array_equal(found, read(with_gdepth(photo(), image, near=NEAR, far=FAR)))
    assert read_gdepth([packet("")], SIZE) is None
    with pytest.raises(Rejected, match="different aspect ratios"):
        read_gdepth([packet(gdepth_description(WIDE))], SIZE)


RAMP = png(np.arange(24 * 32, dtype=np.uint16).reshape(24, 32))
WIDE = png(np.arange(24 * 64, dtype=np.uint16).reshape(24, 64))
FLAT = png(np.full((24, 32), 7, np.uint8))
COLOUR = png(np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8))


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("image", "facts", "message"),
    [
        (RAMP[:-20], {}, "cannot be decoded"),
        (b"not a picture", {}, "cannot be decoded"),
        (WIDE, {}, "different aspect ratios"),
        (FLAT, {}, "the same value everywhere"),
        (COLOUR, {}, "a colour picture"),
        (RAMP, {"near": 0}, "from 0 to 9.0: that is not a range"),
        (RAMP, {"near": 9.5}, "that is not a range"),
        (RAMP, {"near": "nan"}, "that is not a range"),
        (RAMP, {"far": "far"}, "that is not a range"),
        (RAMP, {"far": "inf", "kind": "RangeLinear"}, "that is not a range"),
        (RAMP, {"near": "1e-320", "far": "1e300"}, "that is not a range"),
        (RAMP, {"near": "1e-320", "far": "1e300", "kind": "RangeLinear"}, "that is not a range"),
        (RAMP, {"near": "1e-200", "far": "1e300"}, "depth values are not finite"),
        (RAMP, {"near": "1", "far": "1.000000001"}, "the same value everywhere"),
        (RAMP, {"kind": "Range"}, "of format 'Range'; known: RangeInverse, RangeLinear"),
    ],
)
def test_maps_that_are_refused(write: Writer, image: bytes, facts: dict[str, object], message: str) -> None:
    with pytest.raises(Rejected, match=message) as caught:
        read(write(photo(), image, **facts))
    assert caught.value.reason is Reason.BAD_DEPTH


@pytest.mark.parametrize("write", WRITERS)
def test_maps_that_claim_too_many_pixels_are_not_decoded(
    write: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write(photo(), png_bomb())
    monkeypatch.setattr("cv2.imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(Rejected, match="claims 30000 x 30000 = 900 megapixels, more than 32"):
        read(data)


def test_gdepth_without_its_data_or_with_text_in_its_place() -> None:
    for data, message in (("", "describes a depth map .* but does not contain it"), ("!", "not base64")):
        facts = f' GDepth:Data="{data}"' if data else ""
        xmp = packet(f'<rdf:Description xmlns:GDepth="{GDEPTH}" GDepth:Format="RangeInverse"{facts}/>')
        with pytest.raises(Rejected, match=message):
            read(insert(photo(), app1(PACKET + xmp)))


def test_dynamic_depth_that_is_truncated_or_not_listed() -> None:
    data = with_dynamic_depth(photo(), RAMP)
    with pytest.raises(
        Rejected, match=rf"ends at byte {len(data)}, the file has {len(data) - 1}: it was cut"
    ):
        read(data[:-1])
    with pytest.raises(Rejected, match="but no file with it"):
        read(data.replace(b'DataURI="android/depthmap"', b'DataURI="android/otherone"'))
    with pytest.raises(Rejected, match="'-[0-9]+' for a number of bytes"):
        read(data.replace(f'Length="{len(RAMP)}"'.encode(), f'Length="-{str(len(RAMP))[1:]}"'.encode()))


INTACT = [(data, list(jpeg_segments(data))) for data in (write(photo(), RAMP) for write in WRITERS)]


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_damage_is_refused_and_never_crashes(data: st.DataObject) -> None:
    whole, segments = data.draw(st.sampled_from(INTACT))
    damaged = bytearray(whole)
    for _ in range(3):
        damaged[data.draw(st.integers(2, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_embedded(bytes(damaged), segments, SIZE)
    except Rejected:
        return
    assert np.isfinite(found).all()


@pytest.mark.parametrize("write", WRITERS)
def test_a_map_is_seen_without_decoding_it(write: Writer) -> None:
    plain, data = photo(), write(photo(), b"no picture")
    assert not describes_map(plain, list(jpeg_segments(plain)))
    assert describes_map(data, list(jpeg_segments(data)))
