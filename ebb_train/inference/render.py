"""Rendering of photo files, one after the other; a photo that fails is a row with a reason."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ebb.depth_search import AUTO, DepthSearch
from ebb.errors import InvalidInput, ItemError, Reason, Status, UsageError
from ebb.files import check_file, check_writable, write_atomic
from ebb.one_photo import OnePhoto, Opening, open_photos
from ebb.progress import SilentProgress, watched
from ebb_train import optional
from ebb_train.inference.lens_settings import LensSettings
from ebb_train.inference.picture_file import encode_picture, side_by_side
from ebb_train.inference.render_report import RenderedPhoto, RenderReport
from ebb_train.inference.targets import Targets, plan_targets
from ebb_train.models.weights import STRENGTH_NETWORK, network_in
from ebb_train.models.weights_path import weights_path
from ebb_train.networks.files import takes_f_number
from ebb_train.pixels import to_8_bits
from ebb_train.strips import strip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ebb.arrays import Rgb8
    from ebb.progress import Progress
    from ebb.settings import DepthSettings
    from ebb_train.inference.pictures import PictureMaker, Pictures
    from ebb_train.inference.settings import RenderSettings

THE_LENS = LensSettings()
STRIP_HEIGHT = 720
"""Of the pictures in a strip."""
FOCUS_HINT = "--focus takes x,y, a depth from 0 to 1, auto, or a mask file that is white on the subject"


def render_photos(
    photos: Sequence[Path],
    checkpoint: Path | None,
    out: Path | None,
    settings: RenderSettings,
    depth: DepthSettings,
    depth_file: Path | None = None,
    *,
    lens: LensSettings = THE_LENS,
    progress: Progress | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> RenderReport:
    """Render all photos.

    Args:
        photos: JPEG, HEIC, PNG, TIFF or RAW files.
        checkpoint: Weights file of a network, or a run folder: its best weights; None: the physical lens.
        out: Folder for the pictures; None: each beside its photo.
        settings: What pictures are made.
        depth: Where depth comes from; the provider ``auto`` is for the lens alone.
        depth_file: The depth of the one photo.
        lens: Focus and f-numbers of the lens; of a network that takes them, the f-numbers.
        progress: Shows every photo.
        note: Called with one line of text for the user.

    Raises:
        UsageError: photos or settings that do not go together.
        InvalidInput: a photo is a folder, none is there, a file that the settings name is not there, or the
            checkpoint is none.
        MissingDependency: a package or the weights of the depth network are missing, or no photo has depth.
        OutputError: a picture cannot be written.
    """
    targets = plan_targets(photos, out, settings, lens.f_numbers)
    _check_depth_file(photos, depth_file)
    if checkpoint is not None:
        weights_path(checkpoint)  # a wrong path is reported before PyTorch is imported
    _check_lens(photos, checkpoint, settings, lens)
    if not any(photo.exists() for photo in photos):  # one of several that is not there is a row
        raise InvalidInput("no such photo", path=photos[0], hint="check the name and the folder")
    for path in {path.parent: path for target in targets for path in target.files}.values():
        check_writable(path)
    keep = [not settings.overwrite and all(path.exists() for path in target.files) for target in targets]
    to_open = [photo for photo, is_there in zip(photos, keep, strict=True) if not is_there]
    if checkpoint is not None:
        maker = _with_network(checkpoint, settings, lens, depth, depth_file, note, needs_depth=bool(to_open))
    else:
        maker = _with_lens(lens, depth, depth_file, to_open)
    writer = _Writer(maker, settings, lens.f_numbers)
    progress = progress or SilentProgress()
    report = RenderReport()
    opening = closing(open_photos(to_open, _opening(settings)))
    with opening as opened, watched(progress, "render", len(photos)):
        for photo, target, is_there in zip(photos, targets, keep, strict=True):
            if is_there:
                row = RenderedPhoto(photo, Status.OK, detail="already there", files=target.files)
            else:
                row = writer.render(photo, next(opened), target)
            report.rows.append(row)
            # a photo without depth fails, too
            status = Status.OK if row.status is Status.OK else Status.ERROR
            progress.advance(photo.name, status, row.reason, row.detail)
    return report


def _with_network(
    checkpoint: Path,
    settings: RenderSettings,
    lens: LensSettings,
    depth: DepthSettings,
    depth_file: Path | None,
    note: Callable[[str], None],
    *,
    needs_depth: bool,
) -> PictureMaker:
    """A trained network; its depth is looked for only if a photo is to be rendered."""
    optional.torch()
    from ebb_train.inference.network_pictures import NetworkPictures, depth_for, load_for_rendering
    from ebb_train.inference.strength_pictures import (
        StrengthPictures,
        has_strength,
        load_strength_network,
    )

    if has_strength(checkpoint):
        adjustable = load_strength_network(checkpoint, depth.device)
        source = depth_for(adjustable.base, depth, depth_file, checkpoint) if needs_depth else None
        return StrengthPictures(adjustable, lens, source)
    network = load_for_rendering(checkpoint, depth.device, note, is_fast=settings.fast)
    if lens != THE_LENS and not takes_f_number(network):
        hint = "leave it away: the aperture is that of the training photos"
        raise UsageError("the network takes no --aperture", path=weights_path(checkpoint), hint=hint)
    source = depth_for(network, depth, depth_file, checkpoint) if needs_depth else None
    return NetworkPictures(network, source, lens.f_numbers)


def _with_lens(
    lens: LensSettings, depth: DepthSettings, depth_file: Path | None, photos: Sequence[Path]
) -> PictureMaker:
    """The physical lens; depth has to be there for at least one of the photos."""
    from ebb.pytorch import open_device
    from ebb_train.inference.depth_repair import find_repair
    from ebb_train.inference.lens import LensModel
    from ebb_train.inference.lens_pictures import LensPictures

    search = DepthSearch(depth, depth_file)
    search.check(photos)
    device = None if depth.device in (AUTO, "cpu") else depth.device
    if device is not None:
        open_device(device)
    return LensPictures(LensModel.of(lens, device), lens, search, find_repair(wanted=not lens.no_repair))


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


def _check_lens(
    photos: Sequence[Path], checkpoint: Path | None, settings: RenderSettings, lens: LensSettings
) -> None:
    """Refuse settings of the lens for a network, those of a network for the lens, and one focus for many."""
    if checkpoint is not None:
        _check_network(checkpoint, settings, lens)
        return
    if settings.fast:
        raise UsageError("--fast goes with --checkpoint only", hint="leave it away")
    if lens.is_for_one_photo and len(photos) > 1:
        hint = "a point in shares of the sides is for all: --focus 0.5,0.4"
        raise UsageError(f"--focus {lens.focus} is of one photo, and there are {len(photos)}", hint=hint)
    if lens.mask is not None:
        check_file(lens.mask, "mask", FOCUS_HINT)


def _check_network(checkpoint: Path, settings: RenderSettings, lens: LensSettings) -> None:
    """Refuse settings of the lens, but for the aperture, and the strength if the network knows it."""
    if lens == THE_LENS and not settings.fast:
        return
    is_adjustable = network_in(weights_path(checkpoint)) == STRENGTH_NETWORK
    allowed = ["aperture", "strength"] if is_adjustable else ["aperture"]
    if replace(lens, **{name: getattr(THE_LENS, name) for name in allowed}) != THE_LENS:
        hint = "leave --checkpoint away: the lens renders without a network"
        raise UsageError("focus, blur and the like do not go with --checkpoint", hint=hint)
    if settings.fast and is_adjustable:
        raise UsageError(
            "--fast does not go with these weights: their aperture can be set", hint="leave it away"
        )


@dataclass(frozen=True)
class _Writer:
    """Makes the files of photos, one after the other."""

    _maker: PictureMaker
    _settings: RenderSettings
    _f_numbers: tuple[float, ...]

    def render(self, path: Path, photo: OnePhoto | ItemError, target: Targets) -> RenderedPhoto:
        """Make the files of one photo."""
        try:
            if isinstance(photo, ItemError):
                raise photo
            made = self._maker(photo)
            self._write(photo, made, target)
        except ItemError as error:
            where = f"{error.path}: " if error.path is not None else ""
            return RenderedPhoto(path, error.status, error.reason, where + error.message)
        except MemoryError as error:  # of the network, that of depth, the lens, or the full resolution
            return RenderedPhoto(path, Status.ERROR, Reason.OUT_OF_MEMORY, str(error) or "not enough memory")
        return RenderedPhoto(path, Status.OK, files=target.files, is_new=True, facts=made.facts)

    def _write(self, photo: OnePhoto, made: Pictures, target: Targets) -> None:
        """Write what the pictures are compared in first: the pictures stand for the whole."""
        before = photo.small if photo.full is None else to_8_bits(photo.full)
        if target.compare is not None:
            self._save(target.compare, side_by_side(before, made.pictures[0]), photo)
        if target.strip is not None:
            names = [f"f/{number:g}" for number in self._f_numbers]
            row = {"photo": before, **dict(zip(names, made.pictures, strict=True))}
            self._save(target.strip, strip(row, STRIP_HEIGHT), photo)
        for path, picture in zip(target.pictures, made.pictures, strict=True):
            self._save(path, picture, photo)

    def _save(self, path: Path, picture: Rgb8, photo: OnePhoto) -> None:
        write_atomic(path, encode_picture(picture, self._settings.format, photo.metadata))
