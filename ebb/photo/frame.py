"""Camera files as frames that can be resampled to any size, from sensor planes or developed pixels."""

from __future__ import annotations

from dataclasses import dataclass
from posixpath import splitext
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from ebb.arrays import Size
from ebb.errors import Broken
from ebb.formats.tiff_reader import Tiff
from ebb.photo.decode import (
    decode,
    developed_size,
    refuse_one_colour,
    upright,
    upright_to_stored,
)
from ebb.photo.mosaic import Mosaic, read_mosaic
from ebb.photo.raw import daylight_balance, noted_balance, opened_raw, pair_balance, read_balances
from ebb.photo.resample import NEUTRAL, Gain, as_photo, reduced, resample
from ebb.photo.suffixes import RAW_SUFFIXES
from ebb.srgb import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebb.arrays import Homography, Rgb, Rgb8
    from ebb.photo.raw import Balance, Balances

Result = TypeVar("Result")

LEAST_REDUCTION = 1.5
"""Ratio of sensor rows to output rows from which the sensor planes are resampled directly. The final pixels
would benefit down to a ratio of 1 (``benchmarks/developing.py``), but the reduced photo used for
measurements, which is made without interpolation of green, would lack sharpness."""

_BLACK_REPEAT = 50713  # DNG tag BlackLevelRepeatDim


class Frame(Protocol):
    """An upright photo that is resampled on demand."""

    @property
    def size(self) -> Size:
        """Size of the full photo."""
        ...

    def reduced(self, size: Size) -> Rgb:
        """The whole photo at a smaller size, with a fast filter, for measurements."""
        ...

    def resample(self, H_out_to_photo: Homography, size: Size, gain: Gain = NEUTRAL) -> Rgb8:
        """Resample the photo; see :func:`ebb.photo.resample.resample`."""
        ...


@dataclass(frozen=True)
class DevelopedFrame:
    """A photo decoded at full size.

    Attributes:
        photo: Pixels of the upright photo.
    """

    photo: Rgb

    def balances(self) -> None:
        """See :class:`Openable`; the photo is already developed."""

    def frame(self, _: float, __: Balance | None) -> DevelopedFrame:
        """See :class:`Openable`."""
        return self

    @property
    def size(self) -> Size:
        """Size of the full photo."""
        return Size(self.photo.shape[1], self.photo.shape[0])

    def reduced(self, size: Size) -> Rgb:
        """Area averages of encoded values."""
        return reduced(self.photo, size)

    def resample(self, H_out_to_photo: Homography, size: Size, gain: Gain = NEUTRAL) -> Rgb8:
        """Resample the photo; see :func:`ebb.photo.resample.resample`."""
        return resample(self.photo, H_out_to_photo, size, gain)


@dataclass(frozen=True)
class MosaicFrame:
    """A RAW file of a Bayer sensor, resampled without development at full size.

    Attributes:
        mosaic: Sensor values as stored.
        orientation: EXIF Orientation, 1…8.
    """

    mosaic: Mosaic
    orientation: int = 1

    @property
    def size(self) -> Size:
        """Size of the full photo, upright."""
        return developed_size(self.mosaic.size, self.orientation)

    def reduced(self, size: Size) -> Rgb:
        """Colour planes filtered to the given size, uint16."""
        small = self.mosaic.reduced(developed_size(size, self.orientation))
        return upright(encode(small, 65535), self.orientation)

    def resample(self, H_out_to_photo: Homography, size: Size, gain: Gain = NEUTRAL) -> Rgb8:
        """Resample the sensor planes; see :meth:`ebb.photo.mosaic.Mosaic.resample`."""
        H_out_to_stored = upright_to_stored(self.mosaic.size, self.orientation) @ H_out_to_photo
        return as_photo(self.mosaic.resample(H_out_to_stored, size), gain)


class Openable(Protocol):
    """A photo in memory that has yet to be developed."""

    def balances(self) -> Balances | None:
        """White balances of a RAW file; ``None`` for other photos."""
        ...

    def frame(self, reduction: float, balance: Balance | None) -> Frame:
        """Develop the photo; the arguments are those of :func:`open_frame`."""
        ...


class PhotoFile(NamedTuple):
    """A camera file in memory."""

    name: str
    data: bytes
    """Contents of the file."""
    orientation: int
    """EXIF Orientation, 1…8."""

    @property
    def suffix(self) -> str:
        """Suffix of the name in lower case."""
        return splitext(self.name)[1].lower()

    def balances(self) -> Balances | None:
        """See :class:`Openable`."""
        return self._named(lambda: read_balances(self.data)) if self.suffix in RAW_SUFFIXES else None

    def frame(self, reduction: float, balance: Balance | None) -> Frame:
        """See :class:`Openable`."""
        return self._named(lambda: open_frame(self.data, self.suffix, self.orientation, reduction, balance))

    def _named(self, read: Callable[[], Result]) -> Result:
        """Call a function and add the file's name to its errors."""
        try:
            return read()
        except Broken as error:
            raise error.with_path(self.name) from error


def open_pair(wide: Openable, shallow: Openable, reduction: float) -> tuple[Frame, Frame]:
    """Open both photos of a pair; RAW files share a white balance (:func:`ebb.photo.raw.pair_balance`).

    Args:
        wide: The wide photo.
        shallow: The shallow photo.
        reduction: As in :func:`open_frame`.

    Raises:
        Broken: as in :func:`ebb.photo.decode.decode`, with the name of the file.
    """
    known = [found for photo in (wide, shallow) if (found := photo.balances()) is not None]
    balance = pair_balance(known)
    return wide.frame(reduction, balance), shallow.frame(reduction, balance)


def open_frame(
    data: bytes, suffix: str, orientation: int, reduction: float, balance: Balance | None = None
) -> Frame:
    """Open a camera file.

    Args:
        data: Contents of the file.
        suffix: Suffix of the file name, e.g. ``.CR2``.
        orientation: EXIF Orientation, 1…8.
        reduction: Ratio of the photo's rows to those of the largest output; the same for both photos of a
            pair, so that they pass through the same filter.
        balance: White balance of a RAW file, from :func:`ebb.photo.raw.pair_balance`.

    Raises:
        Broken: as in :func:`ebb.photo.decode.decode`.
    """
    if suffix.lower() in RAW_SUFFIXES and reduction >= LEAST_REDUCTION:
        mosaic = None if _has_black_pattern(data) else _mosaic(data, balance)
        if mosaic is not None:
            return MosaicFrame(mosaic, orientation)
    return DevelopedFrame(decode(data, suffix, orientation, balance=balance))


def _mosaic(data: bytes, balance: Balance | None) -> Mosaic | None:
    with opened_raw(data) as raw:
        mosaic = read_mosaic(raw, balance or noted_balance(raw) or daylight_balance(raw))
    if mosaic is not None:
        rows, columns = (side // 2 for side in mosaic.numbers.shape)
        refuse_one_colour(mosaic.numbers.reshape(rows, 2, columns, 2).swapaxes(1, 2))
    return mosaic


def _has_black_pattern(data: bytes) -> bool:
    """Whether a DNG has a pattern of black levels larger than a Bayer cell, which LibRaw does not expose."""
    if data[:2] not in (b"II", b"MM"):
        return False
    tiff = Tiff(data)
    return any(tiff.values(one, _BLACK_REPEAT).max(initial=0) > 2 for one in tiff.directories())
