"""Depth for a photo that comes alone: from beside it, from inside it, or from a network that is there."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from ebb.depthmap.from_files import Embedded, Sidecar, may_hold_depth
from ebb.depthmap.registry import DEPTH_ANYTHING, SOURCES, check_weights, prepare
from ebb.errors import ItemError, MissingDependency, Reason, Rejected, UsageError, install_extra
from ebb.extras import is_installed
from ebb.one_photo import as_view, depth_beside
from ebb.photo.file_size import read_photo_file
from ebb.published_weights import WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ebb.arrays import InverseDepth
    from ebb.depthmap.registry import Prepared
    from ebb.depthmap.source import DepthSource
    from ebb.one_photo import OnePhoto
    from ebb.settings import DepthSettings

AUTO = "auto"
"""Name of the provider that stands for the search."""

NETWORKS = ("depth-anything", "megadepth")
"""Networks whose weights ``ebb weights download`` fetches, the better one first."""


class FoundDepth(NamedTuple):
    """A depth map and where it comes from."""

    inverse_depth: InverseDepth
    """(h, w) of any size, the whole upright photo; larger is nearer."""
    origin: str
    """For people: ``IMG_1_depth.png beside the photo``."""


class DepthSearch:
    """Finds the depth of photos.

    With the provider ``auto`` the first of these is used: the given file, a file ``PHOTO_depth.png`` (tif,
    npy, npz) beside the photo, a map inside its JPEG or HEIC file, a network whose weights and packages are
    there. Another provider is used as ``ebb depth`` uses it. Maps of files keep their own size.

    Args:
        settings: The provider, and what it needs.
        file: The depth file of the one photo, in place of a provider.

    Raises:
        UsageError: there is no such provider, it gives no depth, or it needs settings that are not there.
        InvalidInput: the weights file that the settings name is not there.
        MissingDependency: the weights or packages of a named provider are not there.
    """

    def __init__(self, settings: DepthSettings, file: Path | None = None) -> None:
        if settings.provider == "none" and file is None:
            hint = "--depth FILE, or leave --provider away"
            raise UsageError("a picture with bokeh takes depth, and --provider none gives none", hint=hint)
        self._settings, self._file = settings, file
        self._is_auto = settings.provider == AUTO
        self._named = None
        check_weights(settings)
        if file is None and not self._is_auto:
            self._named = prepare(settings, "--depth FILE, or without --provider")

    def check(self, photos: Sequence[Path]) -> None:
        """See whether there may be depth for any of the photos, before they are opened.

        Raises:
            MissingDependency: no photo has a map beside or inside it, and no network is there.
            InvalidInput: the weights of the network are damaged.
        """
        if self._file is not None or not self._is_auto or any(map(_has_own_map, photos)):
            return
        if photos and self._network is None:
            raise MissingDependency(_MISSING, path=photos[0], hint=how_to_get_depth())

    def __call__(self, photo: OnePhoto) -> FoundDepth:
        """The depth of a photo.

        Raises:
            Rejected: there is none, or it is not usable.
            Broken: a file cannot be read.
        """
        if self._file is not None:
            return FoundDepth(self._sidecar.read_whole(as_view(photo, self._file)), str(self._file))
        if not self._is_auto:
            return self._from_named(photo)
        beside = depth_beside(photo.path)
        if beside is not None:
            return FoundDepth(self._sidecar.read_whole(as_view(photo)), f"{beside.name} beside the photo")
        try:
            return FoundDepth(Embedded().read_whole(as_view(photo)), "the map inside the photo")
        except Rejected as error:
            if error.reason is not Reason.NO_DEPTH:
                raise
        return self._from_network(photo)

    @property
    def _sidecar(self) -> Sidecar:
        return Sidecar(self._settings.sidecar_values)

    def _from_named(self, photo: OnePhoto) -> FoundDepth:
        source, name = self._opened, self._settings.provider
        if isinstance(source, Sidecar | Embedded):
            return FoundDepth(source.read_whole(as_view(photo)), f"--provider {name}")
        return FoundDepth(_ask(source, photo), f"--provider {name}")

    def _from_network(self, photo: OnePhoto) -> FoundDepth:
        if self._network is None:
            raise Rejected(Reason.NO_DEPTH, f"{_MISSING}; {how_to_get_depth()}")
        return FoundDepth(_ask(self._opened, photo), f"the network {self._network.settings.provider}")

    @cached_property
    def _network(self) -> Prepared | None:
        """The first network that is there."""
        for name in NETWORKS:
            try:
                return prepare(replace(self._settings, provider=name))
            except MissingDependency:
                continue
        return None

    @cached_property
    def _opened(self) -> DepthSource:
        """The named source or the network, loaded when the first photo needs it."""
        prepared = self._named or self._network
        if prepared is None:
            raise MissingDependency(_MISSING, hint=how_to_get_depth())
        return prepared.open()


_MISSING = "no depth: no map beside the photo, none inside it, and no depth network is there"


def how_to_get_depth() -> str:
    """The command that fetches a small network, its size and licence, and what does without."""
    known = WEIGHTS[DEPTH_ANYTHING]
    packages = SOURCES["depth-anything"].packages
    missing = {extra: None for package, extra in packages if not is_installed(package)}
    steps = [*map(install_extra, missing), f"ebb weights download {DEPTH_ANYTHING}"]
    return f"{' && '.join(steps)} fetches one ({known.size}, Apache-2.0); or give a map: --depth FILE"


def _ask(source: DepthSource, photo: OnePhoto) -> InverseDepth:
    (depth,) = source.depth([as_view(photo)])
    if depth is None:
        raise Rejected(Reason.NO_DEPTH, "the provider gives no depth")
    return depth


def _has_own_map(path: Path) -> bool:
    """Whether a photo has a map beside or inside it, or cannot be read to tell."""
    try:
        return depth_beside(path) is not None or may_hold_depth(read_photo_file(path), path.suffix.lower())
    except ItemError:
        return True
