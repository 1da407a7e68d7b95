"""Read an ingested file again and check that it is unchanged since it was ingested."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from ebb.aligned_pair import CameraFile
from ebb.errors import Broken, Reason
from ebb.files import check_regular, read_regular, sha256_bytes, sha256_file

if TYPE_CHECKING:
    from ebb.dataset.catalog import CatalogRow

_LARGE_BYTES = 1 << 30
"""Size from which a file is hashed before it is read into memory; hardly any photo is as large."""


def read_ingested(file: CatalogRow) -> bytes:
    """Read a file of the catalogue; a large file in its place is not read into memory.

    Raises:
        Broken: ``unreadable``, or ``input_changed`` if its hash is not the recorded one.
    """
    path = Path(file.folder, file.name)
    try:
        check_regular(path)
        if path.stat().st_size >= _LARGE_BYTES and sha256_file(path) != file.sha256:
            raise _changed(file)
        data = read_regular(path)
    except OSError as error:
        raise Broken(Reason.UNREADABLE, f"cannot be read: {error.strerror}", path=file.name) from error
    if sha256_bytes(data) != file.sha256:
        raise _changed(file)
    return data


def _changed(file: CatalogRow) -> Broken:
    return Broken(Reason.INPUT_CHANGED, "not the bytes that were ingested", path=file.name)


def ingested_photo(row: CatalogRow) -> CameraFile:
    """A photo of the catalogue; opening it checks that it is unchanged."""
    return CameraFile(
        name=row.name,
        read=functools.partial(read_ingested, row),
        height=row.height,
        orientation=row.orientation,
        exposure=(row.f_number, row.exposure_time_s, row.iso),
    )
