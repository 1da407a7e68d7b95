"""Photos with a depth file beside them."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from ebb.arrays import Size
from ebb.dataset.catalog import CatalogRow
from ebb.depthmap.sidecar import depth_files, is_depth_file, read_sidecar
from ebb.errors import InvalidInput, Rejected
from ebb.files import sha256_file
from ebb.names import natural_key
from ebb.photo.decode import decode
from ebb.photo.exif import read_exif
from ebb.photo.probe import probe
from ebb.photo.suffixes import PHOTO_SUFFIXES
from ebb.scan.folder import existing_folder, walk
from ebb.scan.inputs import read_ingested
from ebb.settings import IngestSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ebb.arrays import InverseDepth, Rgb
    from ebb.depthmap.sidecar import SidecarValues

_MAX_MEGAPIXELS = IngestSettings().max_megapixels


class RgbdView(NamedTuple):
    """A decoded photo, upright, and its depth."""

    name: str
    rgb: Rgb
    inverse_depth: InverseDepth
    """The aspect of the photo at any resolution."""


class RgbdPhoto(NamedTuple):
    """A photo file and the depth file beside it."""

    photo: CatalogRow
    depth: CatalogRow

    def read(self, values: SidecarValues) -> RgbdView:
        """Decode both. For workers.

        Args:
            values: Meaning of the numbers in the depth file.

        Raises:
            Broken: a file is missing, damaged or has changed.
            Rejected: the depth does not fit the photo.
        """
        data, suffix = read_ingested(self.photo), PurePosixPath(self.photo.name).suffix.lower()
        probe(data, suffix, _MAX_MEGAPIXELS)
        rgb = decode(data, suffix, read_exif(data, suffix).orientation)
        depth, size = read_ingested(self.depth), Size(rgb.shape[1], rgb.shape[0])
        try:
            inverse_depth = read_sidecar(depth, PurePosixPath(self.depth.name).suffix, values, size)
        except Rejected as error:
            raise error.with_path(self.depth.name) from error
        return RgbdView(self.photo.name, rgb, inverse_depth)


def find_photos(source: Path) -> Iterator[RgbdPhoto]:
    """Photos below a folder that have ``<photo>_depth.{png,tif,npy,npz}`` beside them, in name order.

    Raises:
        InvalidInput: not a folder, or none in it.
    """
    folder = existing_folder(source, "the photos and their depth files")
    names = sorted((job.name for job in walk(folder, _MAX_MEGAPIXELS)), key=natural_key)
    depth_of = depth_files(names)
    photos = [name for name in names if _is_photo(PurePosixPath(name)) and _stem(name) in depth_of]
    if not photos:
        raise InvalidInput(
            "no photo with a depth file", path=folder, hint="name them garden.jpg and garden_depth.png"
        )
    for name in photos:
        yield RgbdPhoto(_row(folder, name), _row(folder, depth_of[_stem(name)]))


def _row(folder: Path, name: str) -> CatalogRow:
    return CatalogRow(folder=str(folder), name=name, sha256=sha256_file(folder / name))


def _is_photo(path: PurePosixPath) -> bool:
    return path.suffix.lower() in PHOTO_SUFFIXES and not is_depth_file(path)


def _stem(name: str) -> str:
    """Path of a photo without its ending."""
    return str(PurePosixPath(name).with_suffix(""))
