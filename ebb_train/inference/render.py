"""Rendering of photo files, one after the other; a photo that fails is a row with a reason."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ebb.errors import InvalidInput, ItemError, Reason, Rejected, Status, UsageError
from ebb.files import check_file, check_writable, write_atomic
from ebb.one_photo import DepthOf, OnePhoto, Opening, open_photos
from ebb.progress import SilentProgress, watched
from ebb_train.inference.guided_upsampling import guided_upsample
from ebb_train.inference.network import load_network
from ebb_train.inference.picture_file import encode_picture, side_by_side
from ebb_train.models.weights_path import weights_path
from ebb_train.pixels import enlarge, from_unit, to_8_bits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from ebb.arrays import Rgb8
    from ebb.progress import Progress
    from ebb.settings import DepthSettings
    from ebb_train.inference.settings import RenderSettings
    from ebb_train.models.inference_graph import InferenceGraph
    from ebb_train.models.network import PyNet


class RenderedPhoto(NamedTuple):
    """Result for one photo."""

    photo: Path
    status: Status
    reason: Reason | None = None
    detail: str = ""
    files: tuple[Path, ...] = ()
    """Its pictures that are there now."""
    is_new: bool = False
    """Whether this run made them."""


@dataclass(frozen=True)
class RenderReport:
    """Results for all photos, in their order."""

    rows: list[RenderedPhoto] = field(default_factory=list)

    @property
    def failed(self) -> list[RenderedPhoto]:
        """Photos without a picture."""
        return [row for row in self.rows if row.status is not Status.OK]

    @property
    def files(self) -> list[Path]:
        """All pictures that are there now."""
        return [path for row in self.rows for path in row.files]

    @property
    def folders(self) -> list[Path]:
        """Folders of the pictures."""
        return list(dict.fromkeys(path.parent for path in self.files))

    def as_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        rows = [row._asdict() | {"files": list(map(str, row.files))} for row in self.rows]
        return self._counts() | {"photos": rows}

    def text(self) -> str:
        """Counts, and what to do about each reason of a failure; the progress reports every failure."""
        counts = self._counts()
        lines = [f"{counts['rendered']} rendered, {counts['failed']} failed"]
        reasons = Counter(row.reason for row in self.failed if row.reason)
        lines += [f"{reason}: {count} ({reason.advice})" for reason, count in reasons.items()]
        if counts["already_there"]:
            lines.append(f"{counts['already_there']} already there (--overwrite makes them again)")
        return "\n".join(lines)

    def _counts(self) -> dict[str, int]:
        new, failed = sum(row.is_new for row in self.rows), len(self.failed)
        return {"rendered": new, "already_there": len(self.rows) - new - failed, "failed": failed}


DEPTH_HINT = "--depth FILE, or --provider sidecar with PHOTO_depth.png beside the photo"
"""How to give a photo depth without a network."""


class Targets(NamedTuple):
    """Files that belong to one photo."""

    picture: Path
    compare: Path | None

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return tuple(path for path in self if path is not None)


def render_photos(
    photos: Sequence[Path],
    checkpoint: Path,
    out: Path | None,
    settings: RenderSettings,
    depth: DepthSettings,
    depth_file: Path | None = None,
    *,
    progress: Progress | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> RenderReport:
    """Render all photos.

    Args:
        photos: JPEG, HEIC, PNG, TIFF or RAW files.
        checkpoint: Weights file, or a run folder: its best weights.
        out: Folder for the pictures; None: each beside its photo.
        settings: What pictures are made.
        depth: Where depth comes from.
        depth_file: The depth of the one photo.
        progress: Shows every photo.
        note: Called with one line of text for the user.

    Raises:
        UsageError: photos or settings that do not go together.
        InvalidInput: a photo is a folder, there is no depth file, or the checkpoint is not one of PyNET.
        MissingDependency: a package or the weights of the depth network are missing.
        OutputError: a picture cannot be written.
    """
    targets = plan_targets(photos, out, settings)
    _check_depth_file(photos, depth_file)
    for path in {path.parent: path for target in targets for path in target.files}.values():
        check_writable(path)
    keep = [not settings.overwrite and all(path.exists() for path in target.files) for target in targets]
    network = _load(checkpoint, depth.device, note, is_fast=settings.fast)
    source = None if all(keep) else _depth_of(network, depth, depth_file, checkpoint)
    renderer = _Renderer(network, source, settings)
    to_open = [photo for photo, is_there in zip(photos, keep, strict=True) if not is_there]
    progress = progress or SilentProgress()
    report = RenderReport()
    opening = closing(open_photos(to_open, _opening(settings)))
    with opening as opened, watched(progress, "render", len(photos)):
        for photo, target, is_there in zip(photos, targets, keep, strict=True):
            if is_there:
                row = RenderedPhoto(photo, Status.OK, detail="already there", files=target.files)
            else:
                row = renderer.render(photo, next(opened), target)
            report.rows.append(row)
            status = (
                Status.OK if row.status is Status.OK else Status.ERROR
            )  # a photo without depth fails, too
            progress.advance(photo.name, status, row.reason, row.detail)
    return report


def plan_targets(photos: Sequence[Path], out: Path | None, settings: RenderSettings) -> list[Targets]:
    """Where the pictures go: ``<photo>_bokeh`` and, to compare, ``<photo>_compare``.

    Raises:
        UsageError: there are no photos, or two would get the same picture.
        InvalidInput: a photo is a folder.
    """
    if not photos:
        raise UsageError("no photos", hint="ebb-train render PHOTO... --checkpoint FILE")
    targets = []
    for photo in photos:
        if photo.is_dir():
            raise InvalidInput(
                "a folder, not a photo", path=photo, hint=f"name its photos: {photo / '*.jpg'}"
            )
        name = (out or photo.parent) / photo.stem
        picture, compare = (
            name.with_name(f"{name.name}_{kind}.{settings.format}") for kind in ("bokeh", "compare")
        )
        targets.append(Targets(picture, compare if settings.compare else None))
    twice, count = Counter(target.picture for target in targets).most_common(1)[0]
    if count > 1:
        hint = "render them one by one, each with another --out"
        raise UsageError(f"{count} photos would become this picture", path=twice, hint=hint)
    return targets


def _opening(settings: RenderSettings) -> Opening:
    return Opening(
        height=settings.height,
        keep_full=settings.full_resolution,
        max_megapixels=settings.max_megapixels,
        item_timeout=settings.item_timeout,
    )


def _check_depth_file(photos: Sequence[Path], depth_file: Path | None) -> None:
    if depth_file is None:
        return
    if len(photos) > 1:
        hint = "name them PHOTO_depth.png beside the photos: --provider sidecar"
        raise UsageError(f"--depth is the depth of one photo, and there are {len(photos)}", hint=hint)
    check_file(depth_file, "depth file", "--depth takes a png, tif, npy or npz file")


def _depth_of(
    network: PyNet | InferenceGraph, settings: DepthSettings, depth_file: Path | None, checkpoint: Path
) -> DepthOf | None:
    """The source of depth; None for a network without it.

    Raises:
        UsageError: there is no such provider, or it gives no depth.
        MissingDependency: its weights or packages are not there.
    """
    if network.config.in_channels != 4:
        return None
    if settings.provider == "none" and depth_file is None:
        path, hint = weights_path(checkpoint), f"{DEPTH_HINT}, or --provider megadepth"
        raise UsageError("the network takes depth, and --provider none gives none", path=path, hint=hint)
    return DepthOf(settings, depth_file, instead=DEPTH_HINT)


@dataclass(frozen=True)
class _Renderer:
    """Networks and settings, used for all photos."""

    _network: PyNet | InferenceGraph
    _depth: DepthOf | None
    _settings: RenderSettings

    def render(self, path: Path, photo: OnePhoto | ItemError, target: Targets) -> RenderedPhoto:
        """Make the files of one photo."""
        try:
            if isinstance(photo, ItemError):
                raise photo
            self._write(photo, target)
        except ItemError as error:
            where = f"{error.path}: " if error.path is not None else ""
            return RenderedPhoto(path, error.status, error.reason, where + error.message)
        except MemoryError as error:  # of the network, that of depth, or the full resolution
            return RenderedPhoto(path, Status.ERROR, Reason.OUT_OF_MEMORY, str(error) or "not enough memory")
        return RenderedPhoto(path, Status.OK, files=target.files, is_new=True)

    def _write(self, photo: OnePhoto, target: Targets) -> None:
        picture = self._picture(photo)
        kind = self._settings.format
        if target.compare is not None:
            before = photo.small if photo.full is None else to_8_bits(photo.full)
            both = side_by_side(before, picture)
            write_atomic(target.compare, encode_picture(both, kind, photo.metadata))
        write_atomic(target.picture, encode_picture(picture, kind, photo.metadata))

    def _picture(self, photo: OnePhoto) -> Rgb8:
        depth = self._depth(photo) if self._depth is not None else None
        picture = _run(self._network, photo.small, depth)
        if photo.full is not None and photo.full.shape != photo.small.shape:
            return guided_upsample(photo.full, photo.small, picture)
        return from_unit(picture)


def _run(
    network: PyNet | InferenceGraph, small: Rgb8, depth: NDArray[np.uint8] | None
) -> NDArray[np.float32]:
    """The network's picture at the size of ``small``, also if the network ends above level 1."""
    from ebb_train.inference.whole_photo import render_full_image

    try:
        picture = render_full_image(network, small, depth)
    except InvalidInput as error:
        raise Rejected(Reason.TOO_SMALL, error.message) from error
    return enlarge(picture, small.shape)


def _load(
    checkpoint: Path, device: str, note: Callable[[str], None], *, is_fast: bool
) -> PyNet | InferenceGraph:
    """The network, or its inference graph if that is asked for and runs on the device."""
    network = load_network(checkpoint, device)
    if network.config.level > 1:
        smaller = 2 ** (network.config.level - 1)
        path = weights_path(checkpoint)
        note(f"{path}: ends at level {network.config.level}; its pictures are enlarged {smaller} times")
    if is_fast and next(network.parameters()).device.type == "cpu":
        from ebb_train.models.inference_graph import InferenceGraph

        return InferenceGraph(network)
    return network
