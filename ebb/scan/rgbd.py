"""Photos of the user with a depth file beside them."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from ebb.arrays import Size
from ebb.dataset.catalog import CatalogRow
from ebb.depthmap.sidecar import SUFFIXES, read_sidecar
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
    from collections.abc import Iterator, Mapping
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
            values: What the depth file holds.

        Raises:
            Broken: a file is gone, damaged or not the one that was found.
            Rejected: the depth does not fit the photo.
        """
        data, suffix = read_ingested(self.photo), PurePosixPath(self.photo.name).suffix.lower()
        probe(data, suffix, _MAX_MEGAPIXELS)
        rgb = decode(data, suffix, read_exif(data, suffix).orientation)
        depth, size = read_ingested(self.depth), Size(rgb.shape[1], rgb.shape[0])
        try:
            inverse_depth = read_sidecar(depth, PurePosixPath(self.depth.name).suffix, values, size)
        except Rejected as error:
            raise Rejected(
                error.reason, error.message, path=self.depth.name, figures=error.figures
            ) from error
        return RgbdView(self.photo.name, rgb, inverse_depth)


def find_photos(source: Path) -> Iterator[RgbdPhoto]:
    """Photos below a folder that have ``<photo>_depth.{png,tif,npy,npz}`` beside them, in name order.

    Raises:
        InvalidInput: not a folder, or none in it.
    """
    folder = existing_folder(source)
    names = sorted((job.name for job in walk(folder, _MAX_MEGAPIXELS)), key=natural_key)
    by_ending = {_with_small_ending(name): name for name in names}
    depth_of = {name: _depth_of(name, by_ending) for name in names}
    if not any(depth_of.values()):
        raise InvalidInput(
            "no photo with a depth file", path=folder, hint="name them garden.jpg and garden_depth.png"
        )
    for name, depth in depth_of.items():
        if depth:
            yield RgbdPhoto(_row(folder, name), _row(folder, depth))


def _row(folder: Path, name: str) -> CatalogRow:
    return CatalogRow(folder=str(folder), name=name, sha256=sha256_file(folder / name))


def _with_small_ending(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_suffix(path.suffix.lower()))


def _depth_of(name: str, names: Mapping[str, str]) -> str:
    """Name of the depth file of a photo, from names by lower-case ending; empty where there is none."""
    path = PurePosixPath(name)
    if path.suffix.lower() not in PHOTO_SUFFIXES or path.stem.endswith("_depth"):
        return ""
    candidates = (f"{path.with_suffix('')}_depth{suffix}" for suffix in SUFFIXES)
    return next((names[depth] for depth in candidates if depth in names), "")
