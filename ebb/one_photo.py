"""A photo by itself, outside a dataset folder: opened, made smaller, and given depth as a dataset would.

This is the door for whoever has photos but no pairs, such as ``ebb-train render``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - fields keep their type at run time
from typing import TYPE_CHECKING, cast

import numpy as np

from ebb.arrays import Rect, Size
from ebb.depthmap.encoding import encode_depth8, half_size_homography, resample_depth
from ebb.depthmap.providers import FROM_FILES, make_provider
from ebb.depthmap.sidecar import SUFFIXES, read_sidecar
from ebb.errors import Broken, ItemError, Reason, Rejected
from ebb.geometry.crop import crop_to_photo
from ebb.photo.decode import decode
from ebb.photo.exif import read_exif
from ebb.photo.metadata import Metadata, kept_metadata
from ebb.photo.probe import probe
from ebb.photo.resample import resample
from ebb.runner.items import Result
from ebb.runner.local import run_items
from ebb.settings import RunSettings
from ebb.stages.depth import check_ready, embedded_depth
from ebb.version import __version__

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from ebb.arrays import Gray8, InverseDepth, Rgb, Rgb8
    from ebb.settings import DepthSettings


@dataclass(frozen=True, kw_only=True)
class OnePhoto:
    """A photo, and what a network sees of it."""

    path: Path
    size: Size
    """Of the upright photo."""
    small: Rgb8
    """(h, w, 3), upright: at the height asked for, by the filter that made the photos of a dataset."""
    full: Rgb | None
    """(height, width, 3), upright, 8 or 16 bit: the photo at its own size, if it was asked for."""
    orientation: int
    """EXIF Orientation of the file, 1…8."""
    metadata: Metadata
    """For pictures made from it."""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """How photos are opened."""

    height: int
    """Of the small photo; one that is not higher keeps its own size."""
    keep_full: bool = False
    """Also keep it at its own size."""
    max_megapixels: float
    """Refuse larger ones."""
    item_timeout: float
    """Seconds that one may take."""


def open_photos(paths: Sequence[Path], opening: Opening) -> Generator[OnePhoto | Broken, None, None]:
    """Open photos in a worker process, ahead of the caller; a decoder that crashes or hangs costs one photo.

    Args:
        paths: JPEG, PNG, TIFF or RAW files.
        opening: How.

    Yields:
        The photo, or why there is none; in the order of the paths.
    """
    # one worker: its outcomes come in order, and hardly more than one photo waits for the caller
    settings = RunSettings(workers=1, item_timeout=opening.item_timeout)
    for outcome in run_items(_Open(opening), paths, settings):
        if outcome.reason is None:
            yield outcome.figures["photo"]
        else:
            yield Broken(outcome.reason, outcome.detail)


@dataclass(frozen=True)
class _Open:
    """What the worker does."""

    opening: Opening

    def __call__(self, path: Path) -> Result:
        return Result(figures={"photo": open_photo(path, self.opening)})


def open_photo(path: Path, opening: Opening) -> OnePhoto:
    """Open a photo where it is called.

    Raises:
        Broken: it cannot be read or decoded, is no photo, or is too large.
    """
    data, suffix = _read(path), path.suffix.lower()
    probe(data, suffix, opening.max_megapixels)
    exif = read_exif(data, suffix)
    rgb = decode(data, suffix, exif.orientation)
    size = Size(rgb.shape[1], rgb.shape[0])
    return OnePhoto(
        path=path,
        size=size,
        small=_reduced(rgb, size, small_size(size, opening.height)),
        full=rgb if opening.keep_full else None,
        orientation=exif.orientation,
        metadata=kept_metadata(data, suffix, exif, f"ebb {__version__}"),
    )


def small_size(size: Size, height: int) -> Size:
    """Size of a photo brought to a height; one that is not higher keeps its own size."""
    if height >= size.height:
        return size
    return Size(max(1, round(size.width * height / size.height)), height)


def _reduced(rgb: Rgb, size: Size, small: Size) -> Rgb8:
    """In 8 bits."""
    if small == size and rgb.dtype == np.uint8:
        return cast("Rgb8", rgb)
    return resample(rgb, crop_to_photo(Rect(0, 0, *size), small), small)


class DepthOf:
    """Gives photos the depth maps that ``ebb depth`` would give them.

    Args:
        settings: Where depth comes from.
        file: One depth file for all photos instead; its numbers are ``settings.sidecar_values``.

    Raises:
        UsageError: there is no such provider, or it needs settings that are not there.
        MissingDependency: the network's weights or packages are not there.
    """

    def __init__(self, settings: DepthSettings, file: Path | None = None) -> None:
        self._settings, self._file = settings, file
        network = file is None and settings.provider not in FROM_FILES
        self._network = make_provider(settings, check_ready(settings)) if network else None

    def __call__(self, photo: OnePhoto) -> Gray8:
        """The depth map of a photo at half the size of its small version; 0 is farthest.

        Raises:
            Rejected: there is no usable depth for this photo.
            Broken: the depth file cannot be read.
        """
        if self._network is not None:
            return encode_depth8(self._network(photo.small))
        size = Size(photo.small.shape[1], photo.small.shape[0])
        depth = self._from_file(photo)
        H_out_to_depth = half_size_homography(
            crop_to_photo(Rect(0, 0, *photo.size), size), photo.size, Size(depth.shape[1], depth.shape[0])
        )
        return encode_depth8(resample_depth(depth, H_out_to_depth, Size(size.width // 2, size.height // 2)))

    def _from_file(self, photo: OnePhoto) -> InverseDepth:
        if self._file is None and self._settings.provider == "embedded":
            return embedded_depth(_read(photo.path), photo.path.name, photo.size, photo.orientation)
        path = self._file or _sidecar(photo.path)
        try:
            return read_sidecar(_read(path), path.suffix, self._settings.sidecar_values, photo.size)
        except ItemError as error:
            raise type(error)(error.reason, error.message, path=path, figures=error.figures) from error


def _sidecar(path: Path) -> Path:
    """The depth file beside a photo."""
    for suffix in SUFFIXES:
        for ending in (suffix, suffix.upper()):
            if (found := path.with_name(f"{path.stem}_depth{ending}")).is_file():
                return found
    raise Rejected(Reason.NO_DEPTH, f"no {path.stem}_depth file beside it")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Broken(Reason.UNREADABLE, f"cannot be read: {error.strerror}") from error
