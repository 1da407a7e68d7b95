"""Single photos outside a dataset folder: opened, reduced, and given depth as in a dataset.

Entry point for code that has photos but no pairs, such as ``ebb-train render``.
"""

from __future__ import annotations

import glob
from dataclasses import dataclass, replace
from pathlib import Path  # noqa: TC003 - fields keep their type at run time
from typing import TYPE_CHECKING, cast

import numpy as np

from ebb.arrays import Rect, Size
from ebb.depthmap.encoding import encode_depth8
from ebb.depthmap.registry import prepare
from ebb.depthmap.sidecar import depth_files
from ebb.depthmap.source import DepthFile
from ebb.errors import Broken, Reason, Rejected
from ebb.geometry.crop import crop_to_photo
from ebb.photo.decode import decode
from ebb.photo.exif import read_exif
from ebb.photo.file_size import read_photo_file
from ebb.photo.metadata import Metadata, kept_metadata
from ebb.photo.probe import probe
from ebb.photo.resample import resample
from ebb.runner.items import Result
from ebb.runner.local import run_items
from ebb.settings import RunSettings
from ebb.version import __version__

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from ebb.arrays import Gray8, Rgb, Rgb8
    from ebb.depthmap.source import PhotoView
    from ebb.settings import DepthSettings


@dataclass(frozen=True, kw_only=True)
class OnePhoto:
    """A photo, and its reduced version for a network."""

    path: Path
    size: Size
    """Of the upright photo."""
    small: Rgb8
    """(h, w, 3), upright: at the height of :class:`Opening`, by the filter of the photos of a dataset."""
    full: Rgb | None
    """(height, width, 3), upright, 8 or 16 bit: the photo at its own size, if it is kept."""
    orientation: int
    """EXIF Orientation of the file, 1…8."""
    metadata: Metadata
    """Metadata for pictures made from it."""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """Settings of opening photos."""

    height: int
    """Height of the small photo; a lower photo keeps its own size."""
    keep_full: bool = False
    """Also keep it at its own size."""
    max_megapixels: float
    """Refuse larger ones."""
    item_timeout: float
    """Seconds of processor time on each core that one may take; by the clock five times as long."""


def open_photos(paths: Sequence[Path], opening: Opening) -> Generator[OnePhoto | Broken, None, None]:
    """Open photos in a worker process, ahead of the caller; a decoder that crashes or hangs fails one photo.

    Args:
        paths: JPEG, PNG, TIFF or RAW files.
        opening: How.

    Yields:
        The photo, or why there is none; in the order of the paths.
    """
    # one worker: its outcomes come in order, and hardly more than one photo waits for the caller
    settings = RunSettings(workers=1, item_timeout=opening.item_timeout)
    for outcome in run_items(_Open(opening), paths, settings):
        if outcome.value is not None:
            yield outcome.value
        else:
            yield Broken(outcome.reason or Reason.INTERNAL_ERROR, outcome.detail)


@dataclass(frozen=True)
class _Open:
    """The job of the worker."""

    opening: Opening

    def __call__(self, path: Path) -> Result[OnePhoto]:
        return Result(value=open_photo(path, self.opening))


def open_photo(path: Path, opening: Opening) -> OnePhoto:
    """Open a photo in this process.

    Raises:
        Broken: it cannot be read or decoded, is no photo, or is too large.
    """
    data, suffix = read_photo_file(path, opening.max_megapixels), path.suffix.lower()
    probe(data, suffix, opening.max_megapixels)
    exif = read_exif(data, suffix)
    rgb = decode(data, suffix, exif.orientation)
    size = Size(rgb.shape[1], rgb.shape[0])
    return OnePhoto(
        path=path,
        size=size,
        small=reduced(rgb, opening.height),
        full=rgb if opening.keep_full else None,
        orientation=exif.orientation,
        metadata=kept_metadata(data, suffix, exif, f"ebb {__version__}"),
    )


def small_size(size: Size, height: int) -> Size:
    """Size of a photo brought to a height; one that is not higher keeps its own size."""
    if height >= size.height:
        return size
    return Size(max(1, round(size.width * height / size.height)), height)


def reduced(rgb: Rgb, height: int) -> Rgb8:
    """Bring a photo to a height in linear light, in 8 bits; one that is not higher keeps its own size.

    Args:
        rgb: (h, w, 3), 8 or 16 bit sRGB.
        height: The height, at least 1.
    """
    size = Size(rgb.shape[1], rgb.shape[0])
    small = small_size(size, height)
    if small == size and rgb.dtype == np.uint8:
        return cast("Rgb8", rgb)
    return resample(rgb, crop_to_photo(Rect(0, 0, *size), small), small)


class DepthOf:
    """Gives photos the depth maps that ``ebb depth`` would give them.

    Args:
        settings: Where depth comes from.
        file: One depth file for all photos instead; its numbers are ``settings.sidecar_values``.
        instead: What to use in place of a network that is not there, for the hint.

    Raises:
        UsageError: there is no such provider, or it needs settings that are not there.
        MissingDependency: the network's weights or packages are not there.
    """

    def __init__(
        self, settings: DepthSettings, file: Path | None = None, *, instead: str = "another --provider"
    ) -> None:
        self._file = file
        self._source = prepare(replace(settings, provider="sidecar") if file else settings, instead).open()

    def __call__(self, photo: OnePhoto) -> Gray8:
        """The depth map of a photo at half the size of its small version; 0 is farthest.

        Raises:
            Rejected: there is no usable depth for this photo.
            Broken: the depth file cannot be read.
        """
        (depth,) = self._source.depth([as_view(photo, self._file)])
        if depth is None:
            raise Rejected(Reason.NO_DEPTH, "the provider gives no depth")
        return encode_depth8(depth)


def as_view(photo: OnePhoto, depth_file: Path | None = None) -> PhotoView:
    """A photo as depth sources see it; its depth file is the one given, else the one beside it."""
    return _View(photo, depth_file)


@dataclass(frozen=True)
class _View:
    """See :func:`as_view`."""

    photo: OnePhoto
    depth_file: Path | None

    @property
    def name(self) -> str:
        return self.photo.path.name

    @property
    def photo_size(self) -> Size:
        return self.photo.size

    @property
    def orientation(self) -> int:
        return self.photo.orientation

    @property
    def crop(self) -> Rect:
        return Rect(0, 0, *self.photo.size)

    @property
    def size(self) -> Size:
        return Size(self.photo.small.shape[1], self.photo.small.shape[0])

    def read_pixels(self) -> Rgb8:
        return self.photo.small

    def read_file(self) -> bytes:
        return read_photo_file(self.photo.path)

    def read_depth_file(self) -> DepthFile | None:
        path = self.depth_file or depth_beside(self.photo.path)
        if path is None:
            return None
        try:
            return DepthFile(path, read_photo_file(path))
        except Broken as error:
            raise error.with_path(path) from error


def depth_beside(photo: Path) -> Path | None:
    """The depth file beside a photo, ``PHOTO_depth.png`` (tif, npy, npz); None without one."""
    names = [path.name for path in photo.parent.glob(f"{glob.escape(photo.stem)}_depth.*") if path.is_file()]
    found = depth_files(names).get(photo.stem)
    return photo.with_name(found) if found else None
