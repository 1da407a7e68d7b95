"""The files and pairs of an existing data set: found, read, and as rows of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple, cast

from ebb.arrays import Size
from ebb.dataset.import_layouts import find_pairs
from ebb.dataset.pairs_list import read_pairs_list
from ebb.errors import InvalidInput, Reason, Status, UsageError
from ebb.files import sha256_bytes
from ebb.pair_ids import ShallowPhoto, pair_ids
from ebb.photo.capture import FileMetadata
from ebb.photo.decode import developed_size
from ebb.photo.exif import read_exif
from ebb.photo.probe import probe
from ebb.runner.items import Result
from ebb.scan.folder import FileJob, catalog_row, existing_folder, walk
from ebb.settings import IngestSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ebb.dataset.catalog import CatalogRow, Origin, Role
    from ebb.dataset.found_pairs import FoundPair, Listing
    from ebb.dataset.splits import Split
    from ebb.state import FileRow

MAX_TEXT_BYTES = 16 << 20
"""Size of the largest file of metadata that is read."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to import."""

    source: Path
    """Folder of the data set."""
    layout: str = "auto"
    """A name of :data:`ebb.dataset.import_layouts.LAYOUTS`, or ``auto``."""
    pairs: Path | None = None
    """CSV file that lists the pairs of a data set of any layout."""
    realign: bool = False
    """Leave the photos to the align stage."""


class Found(NamedTuple):
    """The files and pairs of a data set."""

    folder: Path
    jobs: list[FileJob]
    """The files of the pairs."""
    listing: Listing


def find_data_set(request: Request) -> Found:
    """Find the pairs of a data set.

    Raises:
        InvalidInput: it is not a folder, or holds no pair of a known layout, or damaged metadata.
        UsageError: the CSV file is not valid, or several layouts fit.
    """
    folder = existing_folder(request.source, "the data set: train, test, Training, or the files of --pairs")
    jobs = list(walk(folder, IngestSettings().max_megapixels))
    names = [job.name for job in jobs]
    try:
        if request.pairs is not None:
            listing = read_pairs_list(_text(request.pairs), names)
        else:
            listing = find_pairs(names, request.layout, lambda name: _text(folder / name))
    except UsageError as error:
        raise UsageError(error.message, path=request.pairs or folder, hint=error.hint) from error
    except InvalidInput as error:
        path = folder / error.path if error.path else folder
        raise InvalidInput(error.message, path=path, hint=error.hint) from error
    wanted = {name for pair in listing.pairs for name in pair.names.values()}
    wanted |= {aside.name for aside in listing.aside}
    return Found(folder, [job for job in jobs if job.name in wanted], listing)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise InvalidInput("larger than 16 MB: no list of photos", path=path)
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", path=path) from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"is not UTF-8: {error.reason}", path=path) from error


def read_file(job: FileJob) -> Result[FileMetadata]:
    """Hash a file of a known layout, read its size and EXIF. Runs in a worker.

    The orientation is left out: readers of these data sets do not turn photos.

    Raises:
        Broken: it cannot be read, is damaged or too large.
    """
    found = _read(job)
    stored = developed_size(Size(found.width, found.height), found.exif.orientation)
    exif = replace(found.exif, orientation=1)
    return Result(value=replace(found, width=stored.width, height=stored.height, exif=exif))


def read_own_file(job: FileJob) -> Result[FileMetadata]:
    """The same for a file that a list of pairs names, with its orientation and the size of the upright photo.

    Raises:
        Broken: as :func:`read_file`.
    """
    return Result(value=_read(job))


def _read(job: FileJob) -> FileMetadata:
    data, suffix = job.read(), PurePosixPath(job.name).suffix.lower()
    stored = probe(data, suffix, job.max_megapixels)
    exif = read_exif(data, suffix)
    size = developed_size(stored, exif.orientation)
    return FileMetadata(sha256=sha256_bytes(data), width=size.width, height=size.height, exif=exif)


def catalog_rows(listing: Listing, files: Mapping[str, FileRow], origin: Origin) -> Iterator[CatalogRow]:
    """Rows of the catalogue: one for each file of each pair, and for each file set aside.

    A wide photo of several pairs of a split has a row for each, and they are a series. Pairs with the photos
    of an earlier one are duplicates.

    Args:
        listing: The pairs.
        files: Name → what was read of the file.
        origin: Of the pairs.
    """
    seen: dict[str, FoundPair] = {}
    names = _pair_ids(listing.pairs, files)
    for pair in listing.pairs:
        pair_files = {role: files[name] for role, name in pair.names.items()}
        is_whole = _is_whole(pair, files)
        key = names[_photos(pair, files)] if is_whole else ""
        first = seen.setdefault(key, pair) if key else pair
        partner = {"wide": pair.shallow.name, "shallow": pair.wide.name, "depth": ""}
        for role, file in pair_files.items():
            row = replace(_as_said(file, pair, role), origin=origin, role=cast("Role", role))
            if first is not pair:
                detail = f"the same photos as the pair of {first.wide.name} and {first.shallow.name}"
                row = replace(row, status=Status.REJECTED, reason=Reason.DUPLICATE, detail=detail)
            elif is_whole:
                row = replace(row, pair_id=key, partner=partner[role])
            yield row
    for aside in listing.aside:
        row = replace(catalog_row(files[aside.name]), origin=origin)
        if row.status is Status.OK:
            row = replace(row, status=Status.REJECTED, reason=aside.reason, detail=aside.detail)
        yield row


def _as_said(file: FileRow, pair: FoundPair, role: str) -> CatalogRow:
    """The catalogue row of a file, with what the data set says before what its EXIF says."""
    row = catalog_row(file)
    if role == "depth":
        return row
    shot = pair.wide if role == "wide" else pair.shallow
    said = {name: value for name, value in shot._asdict().items() if name != "name" and value}
    return replace(row, **said)


def splits_of(pairs: Sequence[FoundPair], files: Mapping[str, FileRow]) -> dict[str, Split]:
    """Splits of whole pairs; of equal ones the first counts."""
    splits: dict[str, Split] = {}
    names = _pair_ids(pairs, files)
    for pair in pairs:
        if pair.split and _is_whole(pair, files):
            splits.setdefault(names[_photos(pair, files)], pair.split)
    return splits


def _pair_ids(pairs: Sequence[FoundPair], files: Mapping[str, FileRow]) -> dict[tuple[str, str], str]:
    """Names of whole pairs, by the bytes of their photos; those of a wide photo and split are a series."""
    series: dict[tuple[str, Split | None], dict[str, ShallowPhoto]] = {}
    named: set[tuple[str, str]] = set()
    for pair in pairs:
        if _is_whole(pair, files) and (photos := _photos(pair, files)) not in named:
            named.add(photos)
            f_number = _as_said(files[pair.shallow.name], pair, "shallow").f_number
            series.setdefault((photos[0], pair.split), {})[photos[1]] = ShallowPhoto(photos[1], f_number)
    return {
        (wide, sha256): name
        for (wide, _), shallow in series.items()
        for sha256, name in zip(shallow, pair_ids(wide, list(shallow.values())), strict=True)
    }


def _is_whole(pair: FoundPair, files: Mapping[str, FileRow]) -> bool:
    return all(files[name].status is Status.OK for name in pair.names.values())


def _photos(pair: FoundPair, files: Mapping[str, FileRow]) -> tuple[str, str]:
    """SHA-256 of the wide and of the shallow file."""
    return catalog_row(files[pair.wide.name]).sha256, catalog_row(files[pair.shallow.name]).sha256
