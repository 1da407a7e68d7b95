"""RAW files by LibRaw: support, size, white balance and development.

Photos of a pair are comparable only if the development does not adapt to the single photo: no automatic
brightness, a fixed white level, and one white balance for both. If the camera recorded no white balance,
daylight is used, from the camera's colour matrix. Monochrome sensors have no white balance and give grey
photos.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

import numpy as np

from ebb.arrays import Size
from ebb.errors import Broken, Reason
from ebb.formats.exif_block import EXIF_POINTER, read_tags
from ebb.formats.tiff_reader import Tiff
from ebb.photo.suffixes import OTHER_RAW_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from ebb.arrays import Rgb
    from ebb.formats.tiff_reader import Directory

Balance: TypeAlias = tuple[float, float, float, float]
"""Multipliers of red, green, blue and the second green."""

_NEUTRAL: Balance = (1.0, 1.0, 1.0, 1.0)
_LEAST = 1e-5  # LibRaw treats smaller multipliers as missing

_COMPRESSION, _PHOTOMETRIC, _MAKE, _DNG_VERSION, _CFA_SIZE = 259, 262, 271, 50706, 33421
_RAW_PHOTOMETRICS = (32803, 34892)  # colour filter array and linear RAW
_DNG_COMPRESSIONS = {1: None, 7: None, 8: "DNGDEFLATECODEC", 34892: "DNGLOSSYCODEC"}
"""Compressions of DNG files supported by LibRaw, and the build option that each requires."""
_SAMPLE_FORMAT, _FLOATING_POINT = 339, 3
_SMALLEST_XTRANS = 512
"""Side of the tiles in which LibRaw develops X-Trans sensors (``LIBRAW_AHD_TILE``)."""
_NAMES = {8: "Deflate", 9: "VC-5", 34892: "lossy JPEG", 52546: "JPEG XL"}
_MAKER_NOTE, _NIKON_COMPRESSION = 0x927C, 0x0093
_NIKON_NAMES = {13: "High Efficiency", 14: "High Efficiency*"}


def libraw_text(error: Exception) -> str:
    """Message of a LibRaw error, which may be bytes."""
    message = error.args[0] if error.args else error
    return message.decode("ascii", "replace") if isinstance(message, bytes) else str(message)


def raw_size(data: bytes, suffix: str, check_size: Callable[[Size], None]) -> Size:
    """Size of the developed frame before orientation, from the header.

    Args:
        data: Contents of the file.
        suffix: Suffix of the file name in lower case.
        check_size: Raises an error if a size is too large; called before decoding.

    Raises:
        Broken: ``unsupported_raw``: LibRaw cannot read the camera file; ``unreadable``: the file is not a
            camera file; ``corrupt_input``; and errors of ``check_size``.
    """
    import rawpy

    _refuse_unsupported(data)
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            size = _developed(raw)
            check_size(size)
            if suffix in OTHER_RAW_SUFFIXES:
                raw.unpack()  # a readable header is not sufficient for untested cameras
            _refuse_small_xtrans(raw)
            rotated = raw.sizes.width > raw.sizes.raw_width or raw.sizes.height > raw.sizes.raw_height
    except (rawpy.LibRawError, rawpy.NotSupportedError) as error:
        raise _not_opened(data, suffix, error) from error
    if not rotated:
        return size
    photo = develop(data)  # Fujifilm's diagonal sensors: the size is known after development
    return Size(photo.shape[1], photo.shape[0])


def _refuse_small_xtrans(raw: Any) -> None:  # noqa: ANN401 - rawpy has no types
    """Refuse frames of X-Trans sensors that are smaller than LibRaw's tiles, for which it reports damage.

    Raises:
        Broken: ``unsupported_raw``.
    """
    height, width = raw.sizes.height, raw.sizes.width
    if min(height, width) < _SMALLEST_XTRANS and np.shape(raw.raw_pattern) == (6, 6):  # the latter unpacks
        least = f"LibRaw develops those of at least {_SMALLEST_XTRANS} pixels a side"
        message = f"its X-Trans sensor has {width} x {height} pixels; {least}"
        raise Broken(Reason.UNSUPPORTED_RAW, message)


def _developed(raw: Any) -> Size:  # noqa: ANN401 - rawpy has no types
    """Size after LibRaw's correction of the pixel aspect ratio."""
    width, height, aspect = raw.sizes.width, raw.sizes.height, raw.sizes.pixel_aspect
    if aspect < 1:
        height = int(height / aspect + 0.5)
    elif aspect > 1:
        width = int(width * aspect + 0.5)
    return Size(width, height)


def _not_opened(data: bytes, suffix: str, error: Exception) -> Broken:
    """Error for a file that LibRaw does not open."""
    import rawpy

    said = f"LibRaw cannot read it: {libraw_text(error)}"
    unsupported = isinstance(error, rawpy.LibRawFileUnsupportedError | rawpy.NotSupportedError)
    if unsupported and suffix in OTHER_RAW_SUFFIXES:
        kind = f"a camera file ({suffix[1:].upper()}) that is not supported here"
        return Broken(Reason.UNSUPPORTED_RAW, f"{kind}: {said}")
    if unsupported and _is_of_a_camera(data):
        return Broken(Reason.UNSUPPORTED_RAW, said)
    return Broken(Reason.CORRUPT_INPUT if suffix in OTHER_RAW_SUFFIXES else Reason.UNREADABLE, said)


def _is_of_a_camera(data: bytes) -> bool:
    """Whether a file is a camera file, by its first bytes or, for a TIFF, by its Make tag."""
    if data[:4] in (b"II*\0", b"MM\0*"):
        return bool(read_tags(data).get(_MAKE))
    return True  # probe has checked the first bytes


def _refuse_unsupported(data: bytes) -> None:
    """Refuse files that LibRaw opens but cannot develop correctly.

    Raises:
        Broken: ``unsupported_raw``, with the name of the compression.
    """
    try:
        tiff = Tiff(data)
        directories = tiff.directories()
    except Broken:
        return  # not a TIFF, or one that LibRaw may still read
    if any(_DNG_VERSION in directory for directory in directories):
        for directory in directories:
            if tiff.value(directory, _PHOTOMETRIC, 0) in _RAW_PHOTOMETRICS:
                _check_dng(tiff, directory)
    elif (name := _NIKON_NAMES.get(_nikon_compression(tiff))) is not None:
        raise Broken(Reason.UNSUPPORTED_RAW, f"its compression ({name}) is not supported by this LibRaw")


def _check_dng(tiff: Tiff, directory: Directory) -> None:
    import rawpy

    code = tiff.value(directory, _COMPRESSION, 1)
    codec = _DNG_COMPRESSIONS.get(code)
    if code not in _DNG_COMPRESSIONS or (codec is not None and (rawpy.flags or {}).get(codec) is False):
        name = f"{_NAMES[code]}, {code}" if code in _NAMES else str(code)
        raise Broken(Reason.UNSUPPORTED_RAW, f"its compression ({name}) is not supported by this LibRaw")
    if tiff.value(directory, _SAMPLE_FORMAT, 1) == _FLOATING_POINT:
        raise Broken(Reason.UNSUPPORTED_RAW, "its sensor data are floating point, as of merged exposures")
    cell = tiff.values(directory, _CFA_SIZE, 2).tolist()
    if cell not in ([], [2, 2], [6, 6]):
        filters = " x ".join(map(str, cell))
        raise Broken(Reason.UNSUPPORTED_RAW, f"its colour filters repeat every {filters} pixels")


def _nikon_compression(tiff: Tiff) -> int:
    """NEFCompression in Nikon's maker notes; 0 if missing."""
    try:
        main = tiff.readable_directory(tiff.first)
        details = tiff.readable_directory(tiff.value(main, EXIF_POINTER, 0))
        note = tiff.content(details[_MAKER_NOTE], 1) if _MAKER_NOTE in details else b""
    except Broken:
        return 0
    value = read_tags(note[10:]).get(_NIKON_COMPRESSION) if note.startswith(b"Nikon\0") else None
    return int(value[0]) if isinstance(value, tuple) and value else 0


@contextmanager
def opened_raw(data: bytes) -> Iterator[Any]:
    """Open a RAW file with LibRaw and check that its sensor data are complete.

    Raises:
        Broken: ``unsupported_raw``: LibRaw does not support the file; ``corrupt_input``: LibRaw fails within
            the context, or sensor rows are missing.
    """
    import rawpy

    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            _refuse_missing_rows(raw.raw_image_visible if raw.raw_type == rawpy.RawType.Flat else None)
            yield raw
    except (rawpy.LibRawFileUnsupportedError, rawpy.LibRawNotImplementedError) as error:
        message = f"LibRaw cannot develop it: {libraw_text(error)}"
        reason = Reason.UNSUPPORTED_RAW if _is_whole(data) else Reason.CORRUPT_INPUT
        raise Broken(reason, message) from error
    except (rawpy.LibRawError, rawpy.NotSupportedError) as error:
        raise Broken(Reason.CORRUPT_INPUT, f"LibRaw cannot develop it: {libraw_text(error)}") from error


def _is_whole(data: bytes) -> bool:
    """Whether all directories and blocks of a TIFF-like file are present; True for other files."""
    try:
        tiff = Tiff(data)
        for directory in tiff.directories():
            tiff.check_blocks(directory)
    except Broken as error:
        return error.reason is Reason.UNREADABLE and len(data) > 0
    return True


def _refuse_missing_rows(mosaic: NDArray[np.uint16] | None) -> None:
    """Refuse sensor data that end in zeros, with which LibRaw fills missing rows.

    Raises:
        Broken: ``corrupt_input``: the last two rows of the sensor are zero.
    """
    if mosaic is not None and not mosaic[-2:].any():
        written = np.flatnonzero(np.max(mosaic, axis=1))
        num_rows = len(mosaic) - (int(written[-1]) + 1 if len(written) else 0)
        raise Broken(Reason.CORRUPT_INPUT, f"the last {num_rows} of {len(mosaic)} sensor rows hold no data")


class Balances(NamedTuple):
    """White balances of a file."""

    noted: Balance | None
    """White balance recorded by the camera, if any."""
    daylight: Balance


def read_balances(data: bytes) -> Balances:
    """Read the white balances of a RAW file.

    Raises:
        Broken: ``corrupt_input``: LibRaw cannot open the file.
    """
    import rawpy

    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            return Balances(noted_balance(raw), daylight_balance(raw))
    except (rawpy.LibRawError, rawpy.NotSupportedError) as error:
        raise Broken(Reason.CORRUPT_INPUT, f"LibRaw cannot develop it: {libraw_text(error)}") from error


def pair_balance(files: Sequence[Balances]) -> Balance | None:
    """White balance with which both photos of a pair are developed.

    It is the first available of: the camera's for the wide photo, the camera's for the shallow photo, and
    daylight for the camera of the wide photo.

    Args:
        files: White balances of the pair's RAW files, the wide photo first.

    Returns:
        The white balance; ``None`` if all files have the same.
    """
    noted = [file.noted for file in files if file.noted is not None]
    if len(noted) == len(files) and len(set(noted)) <= 1:
        return None
    return noted[0] if noted else files[0].daylight


def noted_balance(raw: Any) -> Balance | None:  # noqa: ANN401 - rawpy has no types
    """White balance recorded by the camera, if any."""
    balance = tuple(map(float, raw.camera_whitebalance))
    return cast("Balance", balance) if min(balance[:3]) > _LEAST else None


def daylight_balance(raw: Any) -> Balance:  # noqa: ANN401 - rawpy has no types
    """White balance of daylight from the camera's colour matrix; neutral if LibRaw has no matrix."""
    balance = tuple(map(float, raw.daylight_whitebalance))
    return cast("Balance", balance) if min(balance[:3]) > _LEAST else _NEUTRAL


def develop(data: bytes, balance: Balance | None = None) -> Rgb:
    """Develop a RAW file at full size with LibRaw: AHD demosaicing for Bayer sensors, sRGB, 16 bits.

    Args:
        data: Contents of the file.
        balance: White balance; None: the camera's, or daylight if there is none.

    Returns:
        (height, width, 3), uint16, as stored (not rotated upright).

    Raises:
        Broken: as in :func:`opened_raw`.
    """
    import rawpy

    with opened_raw(data) as raw:
        if raw.num_colors == 1:
            balance = _NEUTRAL
        elif balance is None and noted_balance(raw) is None:
            balance = daylight_balance(raw)
        photo: Rgb = raw.postprocess(
            demosaic_algorithm=rawpy.DemosaicAlgorithm.AHD,
            use_camera_wb=balance is None,
            user_wb=None if balance is None else list(balance),
            no_auto_bright=True,
            adjust_maximum_thr=0.0,  # otherwise the white level depends on the brightest pixel
            gamma=(2.4, 12.92),
            output_color=rawpy.ColorSpace.sRGB,
            output_bps=16,
            user_flip=0,
        )
    if photo.shape[2] == 1:
        return cast("Rgb", np.repeat(photo, 3, axis=2))
    if photo.shape[2] != 3:
        raise Broken(Reason.UNSUPPORTED_RAW, f"LibRaw makes {photo.shape[2]} colours of it")
    return photo
