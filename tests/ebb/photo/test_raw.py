"""RAW files of every kind that LibRaw gives back, by another library's TIFF writer."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from ebb.errors import Broken, Reason
from ebb.photo.decode import decode
from ebb.photo.frame import MosaicFrame, PhotoFile, open_frame, open_pair
from ebb.photo.probe import probe
from ebb.photo.raw import Balances, develop, pair_balance, raw_size, read_balances
from tests.helpers.bayer_files import bayer_dng

BLACK, WHITE = 512, 16000
XTRANS = ["RGB".index(colour) for colour in "GBGGRGRGRBGBGBGGRGGRGGBGBGBRGRGRGGBG"]
EYE = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def flat(height: int = 96, width: int = 128, level: float = 0.2) -> NDArray[np.int_]:
    noise = np.random.default_rng(0).integers(-40, 40, (height, width))
    return round(BLACK + level * (WHITE - BLACK)) + noise


def dng(
    numbers: NDArray[np.generic],
    pattern: Sequence[int] = (0, 1, 1, 2),
    *,
    matrix: Sequence[Sequence[float]] = EYE,
    neutral: Sequence[float] | None = (1, 1, 1),
    scale: tuple[int, ...] = (),
    layout: int = 1,
    dtype: type = np.uint16,
    compression: int = 1,
) -> bytes:
    """A DNG; ``neutral`` is what the camera sees of white, ``scale`` the size of a pixel as four integers."""
    side = round(len(pattern) ** 0.5)
    planes = sorted(set(pattern)) if numbers.ndim == 2 else [0, 1, 2]
    colour = [value for row in matrix for number in row for value in (round(number * 10_000), 10_000)]
    tags = [
        (271, 2, 0, "Test", True),
        (272, 2, 0, "Test", True),
        (50706, 1, 4, (1, 4, 0, 0), True),
        (50708, 2, 0, "Test", True),
        (50714, 3, 1, BLACK, True),
        (50717, 3, 1, WHITE, True),
        (50721, 10, len(colour) // 2, colour, True),
    ]
    if numbers.ndim == 2:
        tags += [(33421, 3, 2, (side, side), True), (33422, 1, len(pattern), tuple(pattern), True)]
        tags += [(50710, 1, len(planes), tuple(planes), True), (50711, 3, 1, layout, True)]
    if neutral is not None:
        fractions = [value for number in neutral for value in (round(1000 * number), 1000)]
        tags.append((50728, 5, len(neutral), fractions, True))
    tags += [(50718, 5, 2, scale, True)] if scale else []
    stream = io.BytesIO()
    photometric = 32803 if numbers.ndim == 2 else 34892
    tifffile.imwrite(stream, numbers.astype(dtype), photometric=photometric, extratags=tags)
    data = stream.getvalue()
    entry = struct.pack("<HHI", 259, 3, 1)
    at = data.index(entry) + len(entry)
    return data[:at] + struct.pack("<H", compression) + data[at + 2 :]


def grey_dng(level: float) -> bytes:
    """Of a sensor without colour filters: one channel of linear RAW."""
    data = dng(flat(level=level))
    at = data.index(struct.pack("<HHI", 262, 3, 1)) + 8
    return data[:at] + struct.pack("<H", 34892) + data[at + 2 :]


def encoded(light: float) -> float:
    return float(1.055 * light ** (1 / 2.4) - 0.055)


SENSORS = {
    "Bayer": dng(flat()),
    "X-Trans": dng(flat(540, 600), XTRANS),
    "three colours at every pixel": dng(np.dstack([flat()] * 3)),
    "four colours": dng(flat(), (0, 1, 2, 3), matrix=(*EYE, (0.3, 0.3, 0.4)), neutral=(1, 1, 1, 1)),
    "no colours": grey_dng(0.2),
    "diagonal": dng(flat(), layout=2),
    "wide pixels": dng(flat(), scale=(3, 1, 2, 1)),
    "high pixels": dng(flat(), scale=(3, 1, 4, 1)),
    "nearly square pixels": dng(flat(), scale=(1006, 1000, 1, 1)),
    "square pixels of another size": dng(flat(), scale=(2, 1, 2, 1)),
}


@pytest.mark.parametrize("kind", SENSORS)
def test_size_at_ingest_is_that_of_the_photo(kind: str) -> None:
    size = probe(SENSORS[kind], ".DNG", 120)
    photo = develop(SENSORS[kind])
    assert photo.shape == (size.height, size.width, 3)
    assert photo.dtype == np.uint16
    assert open_frame(SENSORS[kind], ".dng", 1, 3.0).size == size


@pytest.mark.parametrize("kind", [kind for kind in SENSORS if kind != "four colours"])
def test_monochrome_sensors_give_grey_of_the_right_brightness(kind: str) -> None:
    photo = develop(SENSORS[kind])
    middle = photo[photo.shape[0] // 3 : -(photo.shape[0] // 3), photo.shape[1] // 3 : -(photo.shape[1] // 3)]
    np.testing.assert_allclose(middle.mean(axis=(0, 1)) / 65535, encoded(0.2), atol=0.004)


def test_pixels_become_square() -> None:
    assert probe(dng(flat(), scale=(3, 1, 2, 1)), ".dng", 120) == (192, 96)
    assert probe(dng(flat(), scale=(3, 1, 4, 1)), ".dng", 120) == (128, 128)


def test_a_monochrome_photo_has_no_balance() -> None:
    """LibRaw would multiply its one channel by the factor of red."""
    data = grey_dng(0.5)
    at = data.index(struct.pack("<II", 1000, 1000) * 3)
    tinted = data[:at] + struct.pack("<II", 500, 1000) + data[at + 8 :]
    np.testing.assert_array_equal(develop(tinted), develop(data))


@pytest.mark.parametrize(
    ("code", "name"), [(52546, "JPEG XL, 52546"), (9, "VC-5, 9"), (34933, "34933"), (5, "5")]
)
def test_compressions_that_libraw_cannot_read(code: int, name: str) -> None:
    with pytest.raises(Broken, match=rf"its compression \({name}\) is not supported") as error:
        probe(dng(flat(), compression=code), ".dng", 120)
    assert error.value.reason is Reason.UNSUPPORTED_RAW
    assert "DNG" in error.value.reason.advice


def test_a_codec_that_is_not_compiled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dng(flat(), compression=34892)
    monkeypatch.setattr("rawpy.flags", {"DNGLOSSYCODEC": False})
    with pytest.raises(Broken, match=r"its compression \(lossy JPEG, 34892\) is not supported"):
        raw_size(data, ".dng", lambda size: None)


def test_colour_filters_that_libraw_does_not_support() -> None:
    quad = (0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 2, 2, 1, 1, 2, 2)
    with pytest.raises(Broken, match="its colour filters repeat every 4 x 4 pixels") as error:
        probe(dng(flat(), quad), ".dng", 120)
    assert error.value.reason is Reason.UNSUPPORTED_RAW


@pytest.mark.parametrize(("width", "height"), [(512, 512), (511, 600), (600, 511)])
def test_small_frames_of_xtrans_sensors_are_named(width: int, height: int) -> None:
    """LibRaw said "Input/output error", and the advice was to copy the file again."""
    mosaic = np.tile(np.arange(600, 1200, dtype=np.uint16), (600, 1))[:height, :width]
    data = dng(mosaic, XTRANS)
    if min(width, height) >= 512:
        assert probe(data, ".dng", 120) == (width, height)
        assert decode(data, ".dng", 1).shape == (height, width, 3)
        return
    with pytest.raises(Broken, match=f"its X-Trans sensor has {width} x {height} pixels; LibRaw") as error:
        probe(data, ".dng", 120)
    assert error.value.reason is Reason.UNSUPPORTED_RAW


def test_floating_point_is_refused() -> None:
    with pytest.raises(Broken, match="its sensor data are floating point") as error:
        probe(dng(flat() / 16000, dtype=np.float32), ".dng", 120)
    assert error.value.reason is Reason.UNSUPPORTED_RAW


def nikon(compression: int) -> bytes:
    """A NEF's directories: main, EXIF, and the maker note with a TIFF of its own."""
    note_rows = struct.pack("<H", 1) + struct.pack("<HHIHH", 0x93, 3, 1, compression, 0) + bytes(4)
    note = b"Nikon\0\2\x11\0\0" + b"II*\0\x08\0\0\0" + note_rows
    main = struct.pack("<H", 2) + struct.pack("<HHI4s", 271, 2, 4, b"NIK\0")
    main += struct.pack("<HHII", 0x8769, 4, 1, 38) + bytes(4)
    details = struct.pack("<H", 1) + struct.pack("<HHII", 0x927C, 7, len(note), 56) + bytes(4)
    return b"II*\0\x08\0\0\0" + main + details + note


@pytest.mark.parametrize(("code", "name"), [(13, "High Efficiency"), (14, r"High Efficiency\*")])
def test_compressions_of_nikon_that_libraw_cannot_read(code: int, name: str) -> None:
    with pytest.raises(Broken, match=rf"its compression \({name}\) is not supported") as error:
        probe(nikon(code), ".NEF", 120)
    assert error.value.reason is Reason.UNSUPPORTED_RAW
    with pytest.raises(Broken, match="LibRaw cannot read it") as error:
        probe(nikon(3), ".NEF", 120)
    assert error.value.reason is Reason.UNSUPPORTED_RAW  # a file of a camera, whatever else it is


@pytest.mark.parametrize("suffix", [".pef", ".SRW", ".3fr"])
def test_other_endings_are_tried_first(suffix: str) -> None:
    assert probe(SENSORS["Bayer"], suffix, 120) == (128, 96)
    assert decode(SENSORS["Bayer"], suffix, 1).shape == (96, 128, 3)
    with pytest.raises(Broken) as error:
        probe(SENSORS["Bayer"], suffix, 0.001)
    assert error.value.reason is Reason.TOO_LARGE
    with pytest.raises(Broken) as error:
        probe(SENSORS["Bayer"][:-5000], suffix, 120)
    assert error.value.reason is Reason.CORRUPT_INPUT


@pytest.mark.parametrize("suffix", [".pef", ".crw", ".raw"])
def test_other_endings_are_named_when_libraw_cannot_read_them(suffix: str) -> None:
    name = suffix[1:].upper()
    with pytest.raises(Broken, match=rf"a camera file \({name}\) that is not supported here") as error:
        probe(b"some format of its own".ljust(5000, b"\0"), suffix, 120)
    assert error.value.reason is Reason.UNSUPPORTED_RAW
    with pytest.raises(Broken, match="the file is empty"):
        probe(b"", suffix, 120)


def test_balance_of_a_pair() -> None:
    one, other, sun = (2.0, 1.0, 1.5, 0.0), (1.8, 1.0, 1.6, 0.0), (2.2, 1.0, 1.3, 0.0)
    assert pair_balance([]) is None
    assert pair_balance([Balances(one, sun)]) is None
    assert pair_balance([Balances(one, sun), Balances(one, sun)]) is None
    assert pair_balance([Balances(one, sun), Balances(other, sun)]) == one
    assert pair_balance([Balances(None, sun), Balances(other, sun)]) == other
    assert pair_balance([Balances(None, sun), Balances(None, one)]) == sun
    assert pair_balance([Balances(None, sun)]) == sun


def test_balances_are_read() -> None:
    noted, daylight = read_balances(dng(flat(), neutral=(0.5, 1, 0.8)))
    assert noted == pytest.approx((2, 1, 1.25, 0))
    assert read_balances(dng(flat(), neutral=None)) == Balances(None, daylight)
    with pytest.raises(Broken):
        read_balances(b"no camera file")


@pytest.mark.parametrize("reduction", [1.0, 3.0])
@pytest.mark.parametrize("shallow_neutral", [(0.5, 1, 0.8), (0.4, 1, 0.9), None])
@pytest.mark.parametrize("wide_neutral", [(0.5, 1, 0.8), None])
def test_both_photos_of_a_pair_get_one_balance(
    wide_neutral: tuple[float, ...] | None, shallow_neutral: tuple[float, ...] | None, reduction: float
) -> None:
    """Equal sensor values give equal pixels for any recorded balance."""
    wide, shallow = (
        PhotoFile(name, dng(flat(), neutral=neutral), 1)
        for name, neutral in (("a.DNG", wide_neutral), ("b.DNG", shallow_neutral))
    )
    opened = open_pair(wide, shallow, reduction)
    assert all(isinstance(frame, MosaicFrame) == (reduction > 1) for frame in opened)
    small = [frame.reduced(frame.size) for frame in opened]
    np.testing.assert_array_equal(small[0], small[1])


@pytest.mark.parametrize("neutral", [(0.5, 1, 0.8), (0.9, 1, 0.7)])
def test_a_given_balance_equals_a_recorded_one(neutral: tuple[float, ...]) -> None:
    data = dng(flat(), neutral=neutral)
    noted = read_balances(data).noted
    np.testing.assert_array_equal(develop(data), develop(data, noted))
    frames = [open_frame(data, ".dng", 1, 3.0, balance) for balance in (None, noted)]
    np.testing.assert_array_equal(*(frame.reduced(frame.size) for frame in frames))


def test_without_a_balance_it_is_daylight_and_not_the_mean_of_the_picture() -> None:
    """LibRaw's automatic balance would make every photo grey on average."""
    numbers = flat()
    numbers[::2, ::2] += 3000  # a red wall
    photo = develop(dng(numbers, neutral=None))
    assert photo[..., 0].mean() > 1.2 * photo[..., 2].mean()
    daylight = read_balances(dng(numbers)).daylight
    np.testing.assert_array_equal(photo, develop(dng(numbers, neutral=None), daylight))


def test_an_invalid_file_is_named() -> None:
    good = PhotoFile("wide.DNG", bayer_dng(flat()), 1)
    bad = PhotoFile("sub/shallow.DNG", bayer_dng(flat())[:-9000], 1)
    with pytest.raises(Broken) as error:
        open_pair(good, bad, 1.0)
    assert error.value.path == "sub/shallow.DNG"
