"""Photos to pictures with bokeh, one after the other; one that fails is a row with a reason."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ebb.errors import InvalidInput, ItemError, Reason, Rejected, Status, UsageError
from ebb.files import write_atomic
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
    """How one photo ended."""

    photo: Path
    status: Status
    reason: Reason | None = None
    detail: str = ""
    files: tuple[Path, ...] = ()
    """What is there now."""
    is_new: bool = False
    """Whether this run made it."""


@dataclass(frozen=True)
class RenderReport:
    """How all photos ended, in their order."""

    rows: list[RenderedPhoto] = field(default_factory=list)

    @property
    def failed(self) -> list[RenderedPhoto]:
        """Photos without a picture."""
        return [row for row in self.rows if row.status is not Status.OK]

    def as_dict(self) -> dict[str, object]:
        """For machines."""
        rows = [row._asdict() | {"files": list(map(str, row.files))} for row in self.rows]
        return self._counts() | {"photos": rows}

    def text(self) -> str:
        """For people: a line a photo that failed, and the counts."""
        lines = [f"{row.photo}: {row.reason}: {row.detail}{_advice(row)}" for row in self.failed]
        counts = self._counts()
        if counts["already_there"]:
            lines.append(f"{counts['already_there']} already there; --overwrite makes them anew")
        return "\n".join([*lines, f"{counts['rendered']} rendered, {counts['failed']} failed"])

    def _counts(self) -> dict[str, int]:
        new, failed = sum(row.is_new for row in self.rows), len(self.failed)
        return {"rendered": new, "already_there": len(self.rows) - new - failed, "failed": failed}


def _advice(row: RenderedPhoto) -> str:
    return f" ({row.reason.advice})" if row.reason else ""


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
        checkpoint: Weights file, or a run folder with some.
        out: Folder for the pictures; None: each beside its photo.
        settings: What pictures are made.
        depth: Where depth comes from.
        depth_file: The depth of the one photo.
        progress: Shows every photo.
        note: Called with one line of text for the user.

    Raises:
        UsageError: photos or settings that do not go together.
        InvalidInput: the checkpoint is not one of PyNET.
        MissingDependency: a package or the weights of the depth network are missing.
        OutputError: a picture cannot be written.
    """
    targets = plan_targets(photos, out, settings)
    if depth_file is not None and len(photos) > 1:
        hint = "name them PHOTO_depth.png beside the photos: --provider sidecar"
        raise UsageError(f"--depth is the depth of one photo, and there are {len(photos)}", hint=hint)
    keep = [not settings.overwrite and all(path.exists() for path in target.files) for target in targets]
    renderer = None if all(keep) else _Renderer(checkpoint, settings, depth, depth_file, note)
    to_open = [photo for photo, is_there in zip(photos, keep, strict=True) if not is_there]
    progress = progress or SilentProgress()
    report = RenderReport()
    opening = closing(open_photos(to_open, _opening(settings)))
    with opening as opened, watched(progress, "render", len(photos)):
        for photo, target, is_there in zip(photos, targets, keep, strict=True):
            if renderer is None or is_there:
                row = RenderedPhoto(photo, Status.OK, detail="already there", files=target.files)
            else:
                row = renderer.render(photo, next(opened), target)
            report.rows.append(row)
            progress.advance(photo.name, row.status, row.reason, row.detail)
    return report


def plan_targets(photos: Sequence[Path], out: Path | None, settings: RenderSettings) -> list[Targets]:
    """Where the pictures go: ``<photo>_bokeh`` and, to compare, ``<photo>_compare``.

    Raises:
        UsageError: there are no photos, or two would get the same picture.
    """
    if not photos:
        raise UsageError("no photos", hint="ebb-train render PHOTO... --checkpoint FILE")
    targets = []
    for photo in photos:
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


class _Renderer:
    """What is loaded once for all photos."""

    def __init__(
        self,
        checkpoint: Path,
        settings: RenderSettings,
        depth: DepthSettings,
        depth_file: Path | None,
        note: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._network = _load(checkpoint, depth.device, note, is_fast=settings.fast)
        self._depth: DepthOf | None = None
        if self._network.config.in_channels == 4:
            if depth.provider == "none" and depth_file is None:
                raise UsageError("the network takes depth", hint="choose another --provider, or --depth FILE")
            self._depth = DepthOf(depth, depth_file)

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
