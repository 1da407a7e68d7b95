"""Depth stage: an 8-bit map for each pair, at half the size of the photos."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from itertools import chain, groupby, islice
from typing import TYPE_CHECKING, get_args

from ebb.arrays import Rect, Size
from ebb.dataset.catalog import CatalogRow, Origin, pairs_of, read_catalog
from ebb.depthmap.encoding import encode_depth8, encode_float16
from ebb.depthmap.registry import Prepared, prepare
from ebb.depthmap.source import DepthFile, DepthSource
from ebb.errors import Broken, InvalidInput, Reason
from ebb.files import read_bytes, read_regular, remove_files, write_atomic
from ebb.formats.npy import encode_npy
from ebb.formats.png import decode_png, encode_png
from ebb.hints import command
from ebb.names import counted
from ebb.results import ALIGN, DEPTH, DepthMap, StoredAlignment
from ebb.runner.batches import Batching, run_batches
from ebb.runner.items import Result
from ebb.runner.keys import align_key, depth_key, depth_recipe, photos_key
from ebb.runner.run import run_items
from ebb.runner.stage import StageReport, current_value, run_pairs
from ebb.scan.inputs import read_ingested
from ebb.settings import AlignSettings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from ebb.arrays import InverseDepth, Rgb8
    from ebb.progress import Progress
    from ebb.runner.items import Outcome, Work
    from ebb.settings import DepthSettings, RunSettings
    from ebb.workspace import Workspace


MAPS = ("depth.png", "depth.npy")
"""Files that the stage writes."""


@dataclass(frozen=True)
class DepthJob:
    """A pair that needs a depth map; a :class:`~ebb.depthmap.source.PhotoView` of its wide photo."""

    pair_id: str
    key: str
    folder: Path
    """Folder of the pair, which holds the aligned photos."""
    aligned: StoredAlignment
    wide: CatalogRow
    sidecar: CatalogRow | None
    source: Prepared
    recipe: str
    align_key: str
    photo: str
    """Equal for pairs of a series with the same aligned wide photo."""

    @property
    def name(self) -> str:
        """File name of the wide photo."""
        return self.wide.name

    @property
    def photo_size(self) -> Size:
        """Size of the whole, upright wide photo."""
        return Size(self.wide.width, self.wide.height)

    @property
    def orientation(self) -> int:
        """EXIF Orientation of the wide photo."""
        return self.wide.orientation

    @property
    def crop(self) -> Rect:
        """The common crop."""
        return self.aligned.crop

    @property
    def size(self) -> Size:
        """Size of the aligned photos."""
        return self.aligned.size

    def read_pixels(self) -> Rgb8:
        """The aligned wide photo."""
        path = self.folder / "wide.png"
        try:
            return decode_png(read_regular(path))
        except OSError as error:
            raise Broken(Reason.INPUT_CHANGED, f"cannot be read: {error.strerror}", path=path) from error
        except InvalidInput as error:
            again = command("align", self.folder.parents[1])
            message = f"{error.message}: remove the pair's folder and run {again}"
            raise Broken(Reason.INPUT_CHANGED, message, path=path) from error

    def read_file(self) -> bytes:
        """The camera file."""
        return read_ingested(self.wide)

    def read_depth_file(self) -> DepthFile | None:
        """The depth file of the wide photo, if there is one."""
        return DepthFile(self.sidecar.name, read_ingested(self.sidecar)) if self.sidecar else None


def run(
    workspace: Workspace,
    settings: DepthSettings,
    run: RunSettings,
    progress: Progress,
    origins: Collection[Origin] = get_args(Origin),
) -> StageReport:
    """Make a depth map for every aligned pair; unchanged pairs of a data set keep the map of that set.

    The settings are stored if they are those of all pairs; those of a network after its first map.

    Args:
        workspace: The dataset folder.
        settings: Where depth comes from.
        run: How the run is carried out.
        progress: Shows every pair.
        origins: Only pairs of these.

    Raises:
        UsageError: the provider is unknown, or settings that it requires are missing.
        MissingDependency: the weights or packages of the network are missing.
    """
    source = prepare(settings)
    model_sha256 = source.model_sha256
    recipe = depth_recipe(settings, model_sha256)
    all_jobs = _jobs(workspace, source, recipe, model_sha256)
    jobs = [job for job in all_jobs if job.wide.origin in origins]
    are_all = len(jobs) == len(all_jobs)
    if source.is_network:
        # A network uses all cores for each photo; CUDA reserves terabytes of address space.
        run = replace(run, workers=1 if run.runner == "local" else run.workers, memory_limit=False)
    elif are_all:
        workspace.save_settings(depth=source.to_remember)
    try:
        return run_pairs(
            workspace.state, DEPTH, jobs, make_depth, run, progress, _run_jobs, lambda job: job.align_key
        )
    finally:
        rows = workspace.state.stage_rows(DEPTH).values()
        if are_all and any(row.value is not None and row.value.recipe == recipe for row in rows):
            workspace.save_settings(depth=source.to_remember)


def check_aligned(workspace: Workspace) -> None:
    """Check that there are aligned pairs.

    Raises:
        InvalidInput: there are none, or the catalogue is missing or damaged.
    """
    pairs, settings = pairs_of(read_catalog(workspace.catalog_file)), workspace.settings(AlignSettings)
    rows = workspace.state.stage_rows(ALIGN)
    aligned = [current_value(rows, pair.pair_id, align_key(pair, settings)) for pair in pairs]
    if not any(aligned):
        are_new = any(pair.pair_id not in rows for pair in pairs)
        what = f"of {counted(len(pairs), 'pair')}, none is aligned"
        hint = command("align" if are_new else "status --pairs", workspace.root)
        raise InvalidInput(what, path=workspace.root, hint=hint)


def check_ready(settings: DepthSettings) -> None:
    """Check the provider and its requirements before any work starts.

    Raises:
        UsageError: the provider is unknown, or the model that it requires is not named.
        MissingDependency: weights or a package are missing; the message says how to get them.
    """
    prepare(settings)


def _jobs(workspace: Workspace, source: Prepared, recipe: str, model_sha256: str) -> list[DepthJob]:
    align_settings = workspace.settings(AlignSettings)
    rows = workspace.state.stage_rows(ALIGN)
    jobs = []
    for pair in pairs_of(read_catalog(workspace.catalog_file)):
        key = align_key(pair, align_settings)
        aligned = current_value(rows, pair.pair_id, key)
        if aligned is None or (pair.is_imported and pair.depth):
            continue
        outputs = rows[pair.pair_id].outputs
        upstream = photos_key(pair, key, outputs)
        jobs.append(
            DepthJob(
                pair_id=pair.pair_id,
                key=depth_key(pair, source.settings, upstream, model_sha256),
                folder=workspace.pair(pair.pair_id),
                aligned=aligned,
                wide=pair.wide,
                sidecar=pair.depth,
                source=source,
                recipe=recipe,
                align_key=upstream,
                photo=f"{pair.scene} {outputs['wide.png']}" if pair.series else pair.pair_id,
            )
        )
    return jobs


def _run_jobs(
    work: Work[DepthJob, DepthMap], jobs: Iterable[DepthJob], run: RunSettings
) -> Iterator[Outcome[DepthJob, DepthMap]]:
    """Make one map for each wide photo, one by one or in batches, and copy it to the pairs of its series."""
    others: dict[str, list[DepthJob]] = {}

    def firsts() -> Iterator[DepthJob]:
        for _, alike in groupby(jobs, key=lambda job: job.photo):
            first, *rest = alike
            others[first.pair_id] = rest
            yield first

    for outcome in _run_photos(work, firsts(), run):
        yield outcome
        for job in others[outcome.job.pair_id]:
            _copy_files(outcome.outputs, outcome.job.folder, job.folder)
            yield replace(outcome, job=job, seconds=0.0)


def _copy_files(names: Iterable[str], source: Path, target: Path) -> None:
    remove_files(target / name for name in MAPS)
    for name in names:
        write_atomic(target / name, read_bytes(source / name))


def _run_photos(
    work: Work[DepthJob, DepthMap], jobs: Iterator[DepthJob], run: RunSettings
) -> Iterator[Outcome[DepthJob, DepthMap]]:
    """Run the jobs one by one, or in batches for a network if that is requested or faster."""
    first = list(islice(jobs, 1))
    jobs = chain(first, jobs)
    size = first[0].source.batch_size(run.depth_batch) if first else 1
    if size == 1:
        return run_items(work, jobs, run)
    batching = Batching(size=size, alike=_stored_size, together=_depth_of, finish=_store)
    return run_batches(work, jobs, run, batching)


def make_depth(job: DepthJob) -> Result[DepthMap]:
    """Make a depth map. Runs in a worker.

    Raises:
        Rejected: there is no usable depth for the photo.
        Broken: the depth file changed or cannot be read.
    """
    (inverse_depth,) = _depth_of([job])
    return _store(job, inverse_depth)


def _depth_of(jobs: Sequence[DepthJob]) -> Sequence[InverseDepth | None]:
    """Compute the depth of wide photos of equal size; each worker opens the source once."""
    return _open(jobs[0].source).depth(jobs)


@functools.cache
def _open(source: Prepared) -> DepthSource:
    return source.open()


def _stored_size(job: DepthJob) -> Size:
    return job.size


def _store(job: DepthJob, inverse_depth: InverseDepth | None) -> Result[DepthMap]:
    """Write the map of a photo, if it has one, and remove an earlier one.

    Raises:
        Rejected: ``bad_depth`` if it holds NaN or infinity.
    """
    provider = job.source.settings.provider if inverse_depth is not None else "none"
    made = DepthMap(provider=provider, recipe=job.recipe)
    remove_files(job.folder / name for name in MAPS)
    if inverse_depth is None:
        return Result(value=made)
    files = {"depth.png": encode_png(encode_depth8(inverse_depth))}
    if job.source.settings.keep_float:
        half = encode_float16(inverse_depth)
        files["depth.npy"] = encode_npy(half.values)
        made = replace(made, depth_min=half.lo, depth_max=half.hi)
    outputs = {name: write_atomic(job.folder / name, data) for name, data in files.items()}
    return Result(value=made, outputs=outputs)
