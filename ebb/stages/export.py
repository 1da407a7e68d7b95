"""Export stage: write shards as folders of photos in the layout of another project."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ebb.dataset.index import INDEX_NAME, DatasetIndex, read_index
from ebb.dataset.layouts import layout_paths
from ebb.dataset.shards import read_record
from ebb.dataset.splits import SPLITS, Split
from ebb.errors import InvalidInput, OutputError, Status
from ebb.files import cannot_write, is_temporary, read_regular, remove_temporaries, sha256_file, write_atomic
from ebb.formats.jpeg import encode_jpeg
from ebb.formats.png import decode_png
from ebb.progress import watched
from ebb.runner.items import Result
from ebb.runner.run import run_items
from ebb.settings import canonical_json
from ebb.temporary import sole_writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ebb.progress import Progress
    from ebb.settings import RunSettings

ImageFormat = Literal["png", "jpeg"]
NOTE_NAME = "ebb-export.json"
"""File with the origin of an export: an interrupted one is continued, a different one is refused."""


@dataclass(frozen=True)
class ExportJob:
    """A record to write as files."""

    shard: Path
    row: int
    folder: Path
    layout: str
    split: Split
    number: int
    image_format: ImageFormat


@dataclass(kw_only=True)
class ExportReport:
    """Summary of an export."""

    folder: str
    layout: str
    image_format: str
    splits: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """The same for ``--json``."""
        return {**self.__dict__, "splits": dict(self.splits)}


def run(
    shards: Path,
    out_dir: Path,
    layout: str,
    image_format: ImageFormat,
    run: RunSettings,
    progress: Progress,
) -> ExportReport:
    """Write every record of a data set as photos; an interrupted export is continued.

    Raises:
        InvalidInput: the shards are not finished or damaged.
        DatasetLocked: another process exports to the folder.
        OutputError: the folder holds something else, or cannot be written.
    """
    out_dir = out_dir.absolute()
    index = read_index(shards)
    made_from = sha256_file(shards / INDEX_NAME)
    _claim(out_dir, canonical_json({"layout": layout, "format": image_format, "dataset_sha256": made_from}))
    jobs = list(_jobs(shards, index, out_dir, layout, image_format))
    report = ExportReport(folder=str(out_dir), layout=layout, image_format=image_format)
    with sole_writer(out_dir), watched(progress, "export", len(jobs)):
        remove_temporaries(out_dir)
        for outcome in run_items(write_pair, jobs, run):
            if outcome.status is not Status.OK:
                raise InvalidInput(f"row {outcome.job.row}: {outcome.detail}", path=outcome.job.shard)
            report.splits[outcome.job.split] += 1
            progress.advance(f"{outcome.job.split} {outcome.job.number}", outcome.status, None, "")
    return report


def write_pair(job: ExportJob) -> Result[None]:
    """Write the photos of a record. Runs in a worker."""
    suffix = ".jpg" if job.image_format == "jpeg" else ".png"
    record = read_record(job.shard, job.row)
    paths = layout_paths(job.layout, job.split, job.number, has_depth=record.depth is not None, suffix=suffix)
    for name, path in paths._asdict().items():
        if path is None or (job.folder / path).exists():
            continue
        data: bytes = getattr(record, name)
        is_jpeg = job.image_format == "jpeg" and name != "depth"
        write_atomic(job.folder / path, encode_jpeg(decode_png(data)) if is_jpeg else data)
    return Result(value=None)


def _jobs(
    shards: Path, index: DatasetIndex, out_dir: Path, layout: str, image_format: ImageFormat
) -> Iterator[ExportJob]:
    for split in SPLITS:
        number = 0
        for name in index.names(split):
            for row in range(index.shards[name].rows):
                yield ExportJob(shards / name, row, out_dir, layout, split, number, image_format)
                number += 1


def _claim(out_dir: Path, note: str) -> None:
    """Claim an empty folder, or that of an earlier export of the same data set."""
    path = out_dir / NOTE_NAME
    try:
        names = [child.name for child in out_dir.iterdir()] if out_dir.exists() else []
        taken = sorted(name for name in names if not is_temporary(name))
        same = path.exists() and read_regular(path) == note.encode()
    except OSError as error:
        raise cannot_write(out_dir, error) from error
    if taken and not same:
        raise OutputError(f"the folder is not empty: {taken[0]}", path=out_dir, hint="choose a new folder")
    write_atomic(path, note.encode())
