"""Where the pictures of a study come from: target photos, and folders with the pictures of methods."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ebb.dataset.index import find_shards
from ebb.documents import read_json
from ebb.errors import Broken, InvalidInput, UsageError
from ebb.one_photo import Opening, open_photo, reduced
from ebb_train.data.sources import STATE, open_source
from ebb_train.evaluation.evaluate import PREDICTIONS, REPORT
from ebb_train.evaluation.predictions import PictureFolder, has_pictures, names_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ebb.arrays import Rgb8
    from ebb.dataset.splits import Split
    from ebb_train.data.sources import Source

MAX_MEGAPIXELS = 64.0
_SECONDS = 120.0


class Target(NamedTuple):
    """A target photo."""

    image: str
    """Name of the image."""
    names: tuple[str, ...]
    """Names that the pictures of methods may have, without suffix."""
    pixels: Rgb8


class TargetPhotos(Protocol):
    """Target photos, which are read one at a time."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Target]: ...


def open_targets(folder: Path, split: Split, height: int) -> TargetPhotos:
    """Open a folder of photos, or the shallow photos of a data set.

    Args:
        folder: A folder of pictures, a dataset folder of ``ebb``, its folder of shards, or an EBB! folder.
        split: Which pairs of a data set.
        height: Photos that are higher are reduced to it.

    Raises:
        InvalidInput: there are no pictures and no pairs.
    """
    is_dataset = find_shards(folder) is not None or (folder / STATE).is_file()
    if not is_dataset and has_pictures(folder):
        return _PhotoFolder(PictureFolder(folder), height)
    return _Shallow(open_source(folder, split), height)


class _PhotoFolder:
    def __init__(self, folder: PictureFolder, height: int) -> None:
        self._folder, self._height = folder, height

    def __len__(self) -> int:
        return len(self._folder.paths)

    def __iter__(self) -> Iterator[Target]:
        for name, path in self._folder.paths.items():
            yield Target(name, (name,), read_srgb(path, self._height))


class _Shallow:
    def __init__(self, source: Source, height: int) -> None:
        self._source, self._height = source, height

    def __len__(self) -> int:
        return len(self._source)

    def __iter__(self) -> Iterator[Target]:
        for index in range(len(self._source)):
            photos = self._source.read(index)
            names = tuple(names_of(photos))
            yield Target(photos.pair_id, names, reduced(photos.shallow, self._height))


class MethodFolder:
    """The pictures of a method.

    Args:
        name: Name of the method.
        folder: A folder of pictures, or one of a model that ``ebb-train evaluate`` or ``benchmark`` wrote.

    Raises:
        InvalidInput: there are no pictures.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        # evaluate and benchmark write the pictures of a model there
        self.folder = folder / PREDICTIONS if (folder / PREDICTIONS).is_dir() else folder
        self._paths = PictureFolder(self.folder).paths

    def find(self, target: Target) -> Path | None:
        """The picture of an image; None if there is none."""
        return next((self._paths[name] for name in target.names if name in self._paths), None)

    def read(self, path: Path, target: Target, height: int) -> Rgb8:
        """Read a picture, reduced like its target.

        Raises:
            InvalidInput: it cannot be read, or its size is not that of the target.
        """
        pixels = read_srgb(path, height)
        if pixels.shape != target.pixels.shape:
            sizes = [f"{shape[1]} x {shape[0]}" for shape in (pixels.shape, target.pixels.shape)]
            message = f"has {sizes[0]} pixels, but the target photo of {target.image} has {sizes[1]}"
            raise InvalidInput(message, path=path, hint="all pictures of an image must have the same size")
        return pixels


def open_methods(texts: Sequence[str]) -> list[MethodFolder]:
    """Open the folders of methods, each ``NAME=FOLDER``, or ``FOLDER`` with its own or its evaluation's name.

    Raises:
        UsageError: two have one name, or a part is empty.
        InvalidInput: a folder has no pictures.
    """
    found = [_open_method(text) for text in texts]
    names = [method.name for method in found]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"two methods are named {repeated[0]}", hint="give them names: NAME=FOLDER")
    return found


def _open_method(text: str) -> MethodFolder:
    name, equals, folder = text.partition("=")
    if not equals:
        folder, name = text, _own_name(Path(text))
    if not name.strip() or not folder:
        raise UsageError(f"--method {text!r} is not NAME=FOLDER", hint="such as pynet=runs/pynet")
    return MethodFolder(name.strip(), Path(folder))


def _own_name(folder: Path) -> str:
    """Name of an evaluation, or of a folder."""
    path, name = folder / REPORT, folder.name
    if not path.is_file():
        return name
    report = read_json(path)
    found = report.get("name") if isinstance(report, dict) else None
    return found if isinstance(found, str) and found else name


def read_srgb(path: Path, height: int) -> Rgb8:
    """Read a picture as upright 8-bit sRGB, reduced in linear light if it is higher.

    Returns:
        (h, w, 3), 0…255.

    Raises:
        InvalidInput: it cannot be read, is damaged or too large, or its colours cannot be converted.
    """
    try:
        opening = Opening(height=height, max_megapixels=MAX_MEGAPIXELS, item_timeout=_SECONDS)
        return open_photo(path, opening).small
    except Broken as error:
        raise InvalidInput(error.message, path=path, hint=error.hint) from error
