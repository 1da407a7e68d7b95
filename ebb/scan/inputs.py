"""Read an ingested file again and check that it is unchanged since it was ingested."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from ebb.aligned_pair import CameraFile
from ebb.errors import Broken, Reason
from ebb.files import read_regular, sha256_bytes

if TYPE_CHECKING:
    from ebb.dataset.catalog import CatalogRow


def read_ingested(file: CatalogRow) -> bytes:
    """Read a file of the catalogue.

    Raises:
        Broken: ``unreadable``, or ``input_changed`` if its hash is not the recorded one.
    """
    try:
        data = read_regular(Path(file.folder, file.name))
    except OSError as error:
        raise Broken(Reason.UNREADABLE, f"cannot be read: {error.strerror}", path=file.name) from error
    if sha256_bytes(data) != file.sha256:
        raise Broken(Reason.INPUT_CHANGED, "not the bytes that were ingested", path=file.name)
    return data


def ingested_photo(row: CatalogRow) -> CameraFile:
    """A photo of the catalogue; opening it checks that it is unchanged."""
    return CameraFile(
        name=row.name,
        read=functools.partial(read_ingested, row),
        height=row.height,
        orientation=row.orientation,
        exposure=(row.f_number, row.exposure_time_s, row.iso),
    )
