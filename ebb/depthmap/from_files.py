"""Depth from the file beside a photo, or from inside the photo's file."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from ebb.arrays import Size
from ebb.depthmap.embedded import read_embedded, read_gdepth
from ebb.depthmap.encoding import half_size_homography, resample_depth
from ebb.depthmap.heic import read_auxiliary
from ebb.depthmap.sidecar import max_depth_pixels, read_sidecar
from ebb.errors import ItemError, Reason, Rejected
from ebb.formats.containers import jpeg_segments
from ebb.formats.heif import HEIF_SUFFIXES, heif_depth, heif_xmp
from ebb.geometry.crop import crop_to_photo
from ebb.photo.decode import developed_size, upright

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebb.arrays import InverseDepth
    from ebb.depthmap.sidecar import SidecarValues
    from ebb.depthmap.source import PhotoView


class Sidecar:
    """Depth from the file beside a photo.

    Args:
        values: Meaning of the values in the files.
        is_optional: Whether a photo without a file gets no depth instead of being rejected.
    """

    def __init__(self, values: SidecarValues, *, is_optional: bool = False) -> None:
        self._values = values
        self._is_optional = is_optional

    def depth(self, photos: Sequence[PhotoView]) -> list[InverseDepth | None]:
        """See :class:`~ebb.depthmap.source.DepthSource`."""
        depths = ((photo, self._read(photo)) for photo in photos)
        return [None if depth is None else _through_crop(photo, depth) for photo, depth in depths]

    def _read(self, photo: PhotoView) -> InverseDepth | None:
        file = photo.read_depth_file()
        if file is None:
            if self._is_optional:
                return None
            message = f"no {PurePath(photo.name).stem}_depth file beside {photo.name}"
            raise Rejected(Reason.NO_DEPTH, message)
        try:
            return read_sidecar(file.data, PurePath(file.path).suffix, self._values, photo.photo_size)
        except ItemError as error:
            raise error.with_path(file.path) from error


class Embedded:
    """Depth stored inside the photo's file, as by phones."""

    def depth(self, photos: Sequence[PhotoView]) -> list[InverseDepth]:
        """See :class:`~ebb.depthmap.source.DepthSource`."""
        return [_through_crop(photo, self._read(photo)) for photo in photos]

    def _read(self, photo: PhotoView) -> InverseDepth:
        """Inverse depth of the whole photo, upright."""
        data, suffix = photo.read_file(), PurePath(photo.name).suffix.lower()
        if suffix in HEIF_SUFFIXES:
            return _from_heic(data, photo.photo_size)
        if suffix not in (".jpg", ".jpeg"):
            message = "only JPEG and HEIC files are searched for embedded maps"
            raise Rejected(Reason.NO_DEPTH, message, path=photo.name)
        stored = developed_size(photo.photo_size, photo.orientation)
        return upright(read_embedded(data, list(jpeg_segments(data)), stored), photo.orientation)


def _from_heic(data: bytes, photo: Size) -> InverseDepth:
    """Inverse depth inside a HEIC: an auxiliary image, or otherwise a map in its XMP."""
    if auxiliary := heif_depth(data, max_depth_pixels(photo)):
        return read_auxiliary(*auxiliary, photo)
    inverse_depth = read_gdepth(heif_xmp(data), photo)
    if inverse_depth is None:
        raise Rejected(Reason.NO_DEPTH, "the HEIC contains no depth map (auxiliary image or GDepth)")
    return inverse_depth


def _through_crop(photo: PhotoView, depth: InverseDepth) -> InverseDepth:
    """Apply the crop and scale of the stored photo to a map of the whole photo."""
    H_out_to_depth = half_size_homography(
        crop_to_photo(photo.crop, photo.size), photo.photo_size, Size(depth.shape[1], depth.shape[0])
    )
    return resample_depth(depth, H_out_to_depth, Size(photo.size.width // 2, photo.size.height // 2))
