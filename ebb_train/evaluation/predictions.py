"""A folder of predicted pictures: rendered once by a model, or made elsewhere.

::

    <folder>/
      predictions.json      model, data and version; a run continues only if they are the same
      <pair_id>.png         one picture per pair, 8-bit RGB, written atomically
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.documents import flattened, parse_json, read_json
from ebb.errors import InvalidInput, Reason, Status, UsageError
from ebb.files import read_bytes, remove_temporaries, write_atomic
from ebb.formats.image import decode_image, max_image_bytes
from ebb.formats.png import encode_png
from ebb.progress import watched
from ebb.settings import MAX_PIXELS, canonical_json
from ebb_train.pixels import from_unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ebb.progress import Progress
    from ebb_train.baselines.model import Model
    from ebb_train.data.sources import Photos, Source

MANIFEST = "predictions.json"
VERSION = 1
"""Version of the pictures; it increases if a model gives different pictures."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")
"""Suffixes of pictures made elsewhere."""


class CannotRender(InvalidInput):
    """No pair of a source could be rendered with a model."""


class DepthMissing(CannotRender):
    """A model needs depth, and no pair of the source has any."""


def file_stem(pair_id: str) -> str:
    """Name of a pair's picture without suffix; the ids of EBB! folders contain a slash."""
    return pair_id.replace("/", "_")


def predict(jobs: Sequence[tuple[Model, Path]], source: Source, progress: Progress) -> dict[int, str]:
    """Render every pair of a source that has no picture in its folder yet.

    Args:
        jobs: Models, and folders of their pictures, which are created if necessary. All models render a pair
            before the next one is read, so that shared results are computed once.
        source: The pairs.
        progress: Progress over the pairs.

    Returns:
        Number of a pair that cannot be read or rendered → reason.

    Raises:
        UsageError: a folder contains pictures of another model or data set.
        DepthMissing: a model needs depth, and no pair has any.
        CannotRender: no pair could be rendered.
        OutputError: a picture cannot be written.
    """
    for model, folder in jobs:
        _check_depth(model, source)
        claim(folder, {"model": model.metadata(), "data": source.fingerprint(), "version": VERSION})
    failures = {}
    with watched(progress, "predict", len(source)):
        for index in range(len(source)):
            name = f"pair {index}"
            try:
                photos = source.read(index)
                name = photos.pair_id
                for model, folder in jobs:
                    _render(model, photos, folder / f"{file_stem(name)}.png")
            except (InvalidInput, MemoryError) as error:
                failures[index] = str(error)
                progress.advance(name, Status.ERROR, Reason.NO_PREDICTION, str(error))
            else:
                progress.advance(name, Status.OK, None, "")
    if len(failures) == len(source):
        raise CannotRender(f"no pair could be rendered, the first: {failures[0]}")
    return failures


def _check_depth(model: Model, source: Source) -> None:
    if model.needs_depth and not source.has_depth():
        message = f"{model.name} needs depth, and no pair has any"
        hint = "make depth maps with: ebb depth, then ebb shard"
        raise DepthMissing(message, path=source.folder, hint=hint)


def _render(model: Model, photos: Photos, path: Path) -> None:
    if not path.exists():
        write_atomic(path, encode_png(from_unit(model.render_pair(photos))))


def claim(folder: Path, identity: Mapping[str, Any]) -> None:
    """Record the model and data of the pictures in a folder, or compare them with those recorded there.

    Raises:
        UsageError: the folder contains other pictures; the message lists the differences.
        InvalidInput: the manifest cannot be read.
        OutputError: the manifest cannot be written.
    """
    path = folder / MANIFEST
    if not path.exists():
        write_atomic(path, (json.dumps(identity, indent=2, sort_keys=True) + "\n").encode())
        return
    remove_temporaries(folder)
    found = read_json(path)
    if not isinstance(found, dict):
        raise InvalidInput("not a JSON object", path=path)
    there, mine = flattened(found), flattened(parse_json(canonical_json(identity)))
    names = [values.get("model.model") for values in (there, mine)]
    differences = [
        f"{key} is {there.get(key)}, not {mine.get(key)}"
        for key in sorted(there.keys() | mine.keys())
        if there.get(key) != mine.get(key)
    ]
    if differences:
        what = f"pictures made with other settings: {', '.join(differences)}"
        if names[0] != names[1]:  # whose other settings have other names
            what = f"pictures of another model: {names[0]}, not {names[1]}"
        raise UsageError(what, path=folder, hint="give another --out, or remove the folder")


def has_pictures(folder: Path) -> bool:
    """Whether a folder holds pictures itself, not only in folders below."""
    return folder.is_dir() and any(map(_is_picture, folder.iterdir()))


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


class PictureFolder:
    """Pictures by the names of their files, made here or elsewhere.

    Args:
        folder: Folder of the pictures; folders below it are not read.

    Raises:
        InvalidInput: the folder does not exist, has no pictures, or has two with one name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths: dict[str, Path] = {}
        """Names without suffix → files."""
        if not folder.is_dir():
            raise InvalidInput("not a folder" if folder.exists() else "no such folder", path=folder)
        for path in sorted(folder.iterdir()):
            if _is_picture(path):
                if path.stem in self.paths:
                    message = f"two pictures of one name: {self.paths[path.stem].name} and {path.name}"
                    raise InvalidInput(message, path=folder)
                self.paths[path.stem] = path
        if not self.paths:
            raise InvalidInput("no pictures", path=folder, hint=f"endings: {', '.join(SUFFIXES)}")

    def find(self, photos: Photos) -> Path | None:
        """The picture of a pair: by its id, by the number in it, or by the wide or shallow photo's name."""
        return next((self.paths[name] for name in names_of(photos) if name in self.paths), None)


def names_of(photos: Photos) -> list[str]:
    """Accepted names of a pair's picture, in order of preference."""
    names = [file_stem(photos.pair_id), photos.pair_id.rpartition("/")[2]]
    return names + [name.rpartition(".")[0] or name for name in photos.file_names]


def read_picture(path: Path, max_pixels: int = MAX_PIXELS) -> NDArray[np.generic]:
    """Decode a picture as it is stored: 8 or 16 bits, grey, RGB or RGB with alpha.

    Args:
        path: The file.
        max_pixels: Largest accepted number of pixels.

    Raises:
        InvalidInput: the picture cannot be read, is damaged or is too large.
    """
    try:
        pixels = decode_image(read_bytes(path, max_image_bytes(max_pixels)), max_pixels)
    except ValueError as error:
        raise InvalidInput(f"not an image, or a damaged one: {error}", path=path) from error
    if pixels.ndim == 3:
        pixels = np.ascontiguousarray(pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])
    return pixels
