"""Writing of uncompressed DNG files with the metadata that raw converters need.

Source: Adobe, *Digital Negative (DNG) Specification*, version 1.4.0.0, 2012; ISO 12234-2 (TIFF/EP) for the
colour filter array.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import UsageError
from ebb.formats import tiff_writer as tiff
from ebb.formats.exif_writer import EXIF_IFD, ShotInfo, exif_entries, main_entries

if TYPE_CHECKING:
    from ebb.simulation.sensor import BayerArray, Exposure, Sensor

_STRIP_OFFSETS = 273
_STRIP_BYTES = 1 << 18
"""Size of a strip in bytes."""


def write_dng(mosaic: BayerArray, info: ShotInfo, sensor: Sensor, exposure: Exposure) -> bytes:
    """Write a DNG file.

    Args:
        mosaic: (height, width), uint16, RGGB, in the orientation of the sensor.
        info: EXIF metadata.
        sensor: Black and white level, colour matrix, noise.
        exposure: White balance and ISO.

    Returns:
        Contents of the file.

    Raises:
        UsageError: the mosaic is not (height, width) of uint16, or a value is out of range for its tag.
    """
    if mosaic.ndim != 2 or mosaic.dtype != np.uint16:
        raise UsageError(
            f"a mosaic must have shape (height, width) and type uint16, not {mosaic.shape} of {mosaic.dtype}"
        )
    height, width = mosaic.shape
    rows = min(height, max(1, _STRIP_BYTES // (2 * width)))
    lengths = [2 * width * min(rows, height - top) for top in range(0, height, rows)]
    exif = exif_entries(info, width, height)
    entries = [
        *main_entries(info),
        *_image_entries(width, height, rows, lengths),
        *_camera_entries(info, sensor, exposure),
    ]
    # The size of a directory does not depend on the offsets: a draft with zeros gives the layout.
    draft = [*entries, tiff.long(EXIF_IFD, 0), tiff.long(_STRIP_OFFSETS, *[0] * len(lengths))]
    exif_at = len(tiff.HEADER) + tiff.directory_size(draft)
    pixels_at = exif_at + tiff.directory_size(exif)
    offsets = np.cumsum([pixels_at, *lengths[:-1]]).tolist()
    main = [*entries, tiff.long(EXIF_IFD, exif_at), tiff.long(_STRIP_OFFSETS, *offsets)]
    directories = tiff.directory(main, len(tiff.HEADER)) + tiff.directory(exif, exif_at)
    return tiff.HEADER + directories + mosaic.astype("<u2").tobytes()


def _image_entries(width: int, height: int, rows: int, lengths: list[int]) -> list[tiff.TiffTag]:
    """Tags of the pixel layout."""
    return [
        tiff.long(254, 0),  # the full-resolution picture
        tiff.long(256, width),
        tiff.long(257, height),
        tiff.short(258, 16),
        tiff.short(259, 1),  # not compressed
        tiff.short(262, 32803),  # colour filter array
        tiff.short(277, 1),
        tiff.long(278, rows),
        tiff.long(279, *lengths),
        tiff.short(284, 1),
        tiff.short(33421, 2, 2),
        tiff.byte(33422, 0, 1, 1, 2),
    ]


def _camera_entries(info: ShotInfo, sensor: Sensor, exposure: Exposure) -> list[tiff.TiffTag]:
    """Tags of levels, colour and noise."""
    return [
        tiff.byte(50706, 1, 4, 0, 0),  # written by version 1.4 …
        tiff.byte(50707, 1, 3, 0, 0),  # … readable from 1.3
        tiff.ascii_text(50708, info.model),
        tiff.byte(50710, 0, 1, 2),
        tiff.short(50711, 1),  # rectangular
        tiff.short(50714, sensor.black_level),
        tiff.long(50717, sensor.white_level),
        tiff.srational(50721, *np.ravel(sensor.xyz_to_camera).tolist()),
        tiff.rational(50728, *(1 / factor for factor in exposure.white_balance)),
        tiff.short(50778, 21),  # D65
        tiff.double(51041, *sensor.noise_profile(exposure.iso)),
    ]
