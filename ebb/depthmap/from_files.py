"""Depth from the file beside a photo, or from inside the photo's file."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from ebb.arrays import Size
from ebb.depthmap.embedded import describes_map, read_embedded, read_gdepth
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
    from ebb.depthmap.source import DepthFile, PhotoView


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
        return [self._cropped(photo) for photo in photos]

    def read_whole(self, photo: PhotoView) -> InverseDepth:
        """Inverse depth of the whole photo, at the size of the file.

        Raises:
            Rejected: there is no file, or it is not a map of this photo.
            Broken: the file cannot be read.
        """
        return self._decoded(photo, photo.read_depth_file())

    def _cropped(self, photo: PhotoView) -> InverseDepth | None:
        file = photo.read_depth_file()
        if file is None and self._is_optional:
            return None
        return _through_crop(photo, self._decoded(photo, file))

    def _decoded(self, photo: PhotoView, file: DepthFile | None) -> InverseDepth:
        if file is None:
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
        return [_through_crop(photo, self.read_whole(photo)) for photo in photos]

    def read_whole(self, photo: PhotoView) -> InverseDepth:
        """Inverse depth of the whole photo, upright, at the size of the stored map.

        Raises:
            Rejected: the file holds no map, or it is not a map of this photo.
            Broken: the file cannot be read.
        """
        data, suffix = photo.read_file(), PurePath(photo.name).suffix.lower()
        if suffix in HEIF_SUFFIXES:
            return _from_heic(data, photo.photo_size)
        if suffix not in (".jpg", ".jpeg"):
            message = "only JPEG and HEIC files are searched for embedded maps"
            raise Rejected(Reason.NO_DEPTH, message, path=photo.name)
        stored = developed_size(photo.photo_size, photo.orientation)
        return upright(read_embedded(data, list(jpeg_segments(data)), stored), photo.orientation)


def may_hold_depth(data: bytes, suffix: str) -> bool:
    """Whether a photo's file describes a depth map, or has to be decoded to tell.

    Args:
        data: The file.
        suffix: Its suffix, in lower case.
    """
    if suffix in HEIF_SUFFIXES:
        return True
    if suffix not in (".jpg", ".jpeg"):
        return False
    try:
        return describes_map(data, list(jpeg_segments(data)))
    except ItemError:  # whoever opens the photo says what is wrong with it
        return True


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
