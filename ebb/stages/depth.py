"""Depth: an 8-bit map a pair at half the photos' size, from a network or from the user's files."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ebb.arrays import Rect, Size
from ebb.dataset.catalog import CatalogRow, pairs_of, read_catalog
from ebb.depthmap.embedded import read_embedded, read_gdepth
from ebb.depthmap.encoding import encode_depth8, encode_float16, half_size_homography, resample_depth
from ebb.depthmap.heic import read_auxiliary
from ebb.depthmap.providers import FROM_FILES, DepthProvider, check_provider, make_provider
from ebb.depthmap.sidecar import read_sidecar
from ebb.errors import Broken, InvalidInput, MissingDependency, Reason, Rejected, Status
from ebb.files import write_atomic
from ebb.formats.containers import jpeg_segments
from ebb.formats.heif import HEIF_SUFFIXES, heif_depth, heif_xmp
from ebb.formats.npy import encode_npy
from ebb.formats.png import decode_png, encode_png
from ebb.geometry.crop import crop_to_photo
from ebb.model_files import find_model, sha256_model
from ebb.photo.decode import developed_size, upright
from ebb.pytorch import on_gpu
from ebb.runner.batches import Batching, run_batches
from ebb.runner.items import Result
from ebb.runner.keys import ALIGN, DEPTH, align_key, depth_key, depth_recipe
from ebb.runner.run import run_items
from ebb.runner.stage import StageReport, run_pairs, usable
from ebb.scan.inputs import read_ingested
from ebb.weights import find_weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ebb.arrays import InverseDepth, Rgb8
    from ebb.runner.items import Outcome, Progress, Work
    from ebb.settings import DepthSettings, RunSettings
    from ebb.workspace import Workspace

GPU_BATCH = 8
"""Photos a network gets at once on a GPU, unless the user says otherwise."""


@dataclass(frozen=True)
class DepthJob:
    """One pair that needs a depth map."""

    pair_id: str
    key: str
    folder: Path
    """The pair's folder, with the aligned photos in it."""
    figures: Mapping[str, Any]
    """What alignment found: the crop, the stored size."""
    wide: CatalogRow
    sidecar: CatalogRow | None
    settings: DepthSettings
    model: Path | None
    """File or folder of the network."""
    recipe: str
    align_key: str


def run(workspace: Workspace, settings: DepthSettings, run: RunSettings, progress: Progress) -> StageReport:
    """Make a depth map for every aligned pair; imported pairs that brought one keep it.

    The settings are remembered; those of a network once it has made a map.

    Raises:
        UsageError: there is no such provider, or it needs settings that are not there.
        MissingDependency: the network's weights or packages are not there.
    """
    model = check_ready(settings)
    model_sha256 = sha256_model(model)
    recipe = depth_recipe(settings, model_sha256)
    align_settings = workspace.settings(ALIGN)
    aligned = workspace.state.stage_rows(ALIGN)
    jobs = []
    for pair in pairs_of(read_catalog(workspace.catalog_file)):
        upstream = align_key(pair, align_settings)
        if not usable(aligned, pair.pair_id, upstream) or (pair.is_imported and pair.depth):
            continue
        jobs.append(
            DepthJob(
                pair_id=pair.pair_id,
                key=depth_key(pair, settings, upstream, model_sha256),
                folder=workspace.pair(pair.pair_id),
                figures=aligned[pair.pair_id].figures,
                wide=pair.wide,
                sidecar=pair.depth,
                settings=settings,
                model=model,
                recipe=recipe,
                align_key=upstream,
            )
        )
    if settings.provider in (*FROM_FILES, "none"):
        _remember(workspace, settings)
        return run_pairs(workspace.state, DEPTH, jobs, make_depth, run, progress, _run_jobs)
    # A network spreads each photo over all cores by itself; CUDA reserves terabytes of address space.
    run = replace(run, workers=1 if run.runner == "local" else run.workers, memory_limit=False)
    try:
        return run_pairs(workspace.state, DEPTH, jobs, make_depth, run, progress, _run_jobs)
    finally:
        rows = workspace.state.stage_rows(DEPTH).values()
        if any(row.status is Status.OK and row.figures.get("recipe") == recipe for row in rows):
            _remember(workspace, settings)


def _remember(workspace: Workspace, settings: DepthSettings) -> None:
    """Save the settings for later runs, wherever they are started; leave to fetch is for one run."""
    model = Path(settings.model).expanduser()
    if settings.provider in ("onnx", "transformers") and model.exists():
        settings = replace(settings, model=str(model.absolute()))
    workspace.save_settings(depth=replace(settings, model_download=False))


def check_ready(settings: DepthSettings) -> Path | None:
    """Find what the provider needs before any work starts: its packages, the weights of its network.

    Raises:
        UsageError: there is no such provider, or it needs a model and none is named.
        MissingDependency: something is not there; the message says how to get it.
    """
    check_provider(settings.provider)
    if settings.provider != "megadepth":
        return find_model(settings)
    try:
        return find_weights("megadepth", settings.weights, flag="--weights")
    except MissingDependency as error:
        hint = f"{error.hint}, or another --provider, such as none"
        raise MissingDependency(error.message, path=error.path, hint=hint) from error


def _run_jobs(
    work: Work[DepthJob], jobs: Sequence[DepthJob], run: RunSettings
) -> Iterator[Outcome[DepthJob]]:
    """Whatever became of a map, its row says which photo it was to be made for."""
    for outcome in _outcomes(work, jobs, run):
        yield replace(outcome, figures={**_origin(outcome.job), **outcome.figures})


def _outcomes(
    work: Work[DepthJob], jobs: Sequence[DepthJob], run: RunSettings
) -> Iterator[Outcome[DepthJob]]:
    """One photo at a time; those for a network in batches, where that is asked for or faster."""
    if not jobs or jobs[0].settings.provider in (*FROM_FILES, "none"):
        return run_items(work, jobs, run)
    size = run.depth_batch or (GPU_BATCH if on_gpu(jobs[0].settings.device) else 1)
    if size == 1:
        return run_items(work, jobs, run)
    batching = Batching(size=size, alike=_stored_size, together=_predict, finish=_store)
    return run_batches(work, jobs, run, batching)


def make_depth(job: DepthJob) -> Result:
    """Make one depth map. Runs in a worker.

    Raises:
        Rejected: there is no usable depth for this photo.
        Broken: the depth file changed or cannot be read.
    """
    if job.settings.provider == "none":
        return Result()
    read = _FROM_FILES.get(job.settings.provider)
    return _store(job, _through_crop(job, read(job)) if read else _predict([job])[0])


def _origin(job: DepthJob) -> dict[str, Any]:
    return {"provider": job.settings.provider, "recipe": job.recipe, "align_key": job.align_key}


def _store(job: DepthJob, inverse_depth: InverseDepth) -> Result:
    """Write the map of one photo.

    Raises:
        Rejected: ``bad_depth`` if it holds NaN or infinity.
    """
    figures = {}
    files = {"depth.png": encode_png(encode_depth8(inverse_depth))}
    if job.settings.keep_float:
        half = encode_float16(inverse_depth)
        files["depth.npy"] = encode_npy(half.values)
        figures = {"depth_min": half.lo, "depth_max": half.hi}
    return Result(
        figures=figures,
        outputs={name: write_atomic(job.folder / name, data) for name, data in files.items()},
    )


def _through_crop(job: DepthJob, depth: InverseDepth) -> InverseDepth:
    """Bring a map of the whole wide photo through the crop and scale of the photo itself."""
    photo, stored = Size(job.wide.width, job.wide.height), _stored_size(job)
    crop = Rect(*(job.figures[f"crop_{side}"] for side in Rect._fields))
    H_out_to_depth = half_size_homography(
        crop_to_photo(crop, stored), photo, Size(depth.shape[1], depth.shape[0])
    )
    return resample_depth(depth, H_out_to_depth, Size(stored.width // 2, stored.height // 2))


def _stored_size(job: DepthJob) -> Size:
    return Size(job.figures["width"], job.figures["height"])


def _sidecar(job: DepthJob) -> InverseDepth:
    """Inverse depth from the file beside the wide photo."""
    if job.sidecar is None:
        name = PurePosixPath(job.wide.name).stem
        raise Rejected(Reason.NO_DEPTH, f"no {name}_depth file beside {job.wide.name}")
    suffix = PurePosixPath(job.sidecar.name).suffix
    photo = Size(job.wide.width, job.wide.height)
    return read_sidecar(read_ingested(job.sidecar), suffix, job.settings.sidecar_values, photo)


def _embedded(job: DepthJob) -> InverseDepth:
    photo = Size(job.wide.width, job.wide.height)
    return embedded_depth(read_ingested(job.wide), job.wide.name, photo, job.wide.orientation)


def embedded_depth(data: bytes, name: str, photo: Size, orientation: int) -> InverseDepth:
    """Inverse depth from inside a photo's file, turned upright as the photo is.

    Args:
        data: The file.
        name: Its name: the ending says what it is.
        photo: Size of the upright photo.
        orientation: Its EXIF orientation.

    Raises:
        Rejected: it holds no depth map that can be used.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in HEIF_SUFFIXES:
        return _from_heic(data, photo)
    if suffix not in (".jpg", ".jpeg"):
        message = "only JPEG and HEIC files are searched for embedded maps"
        raise Rejected(Reason.NO_DEPTH, message, path=name)
    stored = developed_size(photo, orientation)
    return upright(read_embedded(data, list(jpeg_segments(data)), stored), orientation)


def _from_heic(data: bytes, photo: Size) -> InverseDepth:
    """Inverse depth from inside a HEIC: an auxiliary image, else what its XMP holds."""
    if auxiliary := heif_depth(data):
        return read_auxiliary(*auxiliary, photo)
    inverse_depth = read_gdepth(heif_xmp(data), photo)
    if inverse_depth is None:
        raise Rejected(Reason.NO_DEPTH, "the HEIC holds no depth map (auxiliary image or GDepth)")
    return inverse_depth


_FROM_FILES = {"sidecar": _sidecar, "embedded": _embedded}


def _predict(jobs: Sequence[DepthJob]) -> list[InverseDepth]:
    """What the network says of the aligned wide photos, all of one size.

    Raises:
        Rejected: there is no usable depth for one of them.
        Broken: the photo of one of them is gone or damaged.
    """
    settings = jobs[0].settings
    provider = _network(settings, jobs[0].model)
    if provider is None:
        raise Rejected(Reason.NO_DEPTH, f"the provider {settings.provider} gives no depth")
    predict = provider.predict if len(jobs) > 1 else lambda photos: [provider(photos[0])]
    photos = [_aligned_photo(job) for job in jobs]
    maps = list(predict(photos))
    half = (photos[0].shape[0] // 2, photos[0].shape[1] // 2)
    for inverse_depth in maps:
        if inverse_depth.shape != half:
            message = f"a map of shape {inverse_depth.shape} where {half} is half the photo"
            raise Rejected(Reason.BAD_DEPTH, message)
    return maps


def _aligned_photo(job: DepthJob) -> Rgb8:
    path = job.folder / "wide.png"
    try:
        return decode_png(path.read_bytes())
    except OSError as error:
        raise Broken(Reason.INPUT_CHANGED, f"cannot be read: {error.strerror}", path=path) from error
    except InvalidInput as error:
        message = f"{error.message}: remove the pair's folder and run ebb align"
        raise Broken(Reason.INPUT_CHANGED, message, path=path) from error


@functools.cache
def _network(settings: DepthSettings, model: Path | None) -> DepthProvider | None:
    """Load the network once a worker."""
    return make_provider(settings, model)
