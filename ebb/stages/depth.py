"""Depth: one 8-bit map a pair at half the photos' size, from a network or from files that came with the photos."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ebb.arrays import Size
from ebb.dataset.catalog import CatalogRow, Pair, pairs_of, read_catalog
from ebb.dataset.png import decode_png, encode_png
from ebb.depthmap.encoding import encode_depth8, resample_depth
from ebb.depthmap.providers import make_provider, read_sidecar
from ebb.errors import Broken, Reason, Rejected
from ebb.files import sha256_bytes, sha256_file, write_atomic
from ebb.runner.items import Result
from ebb.runner.keys import ALIGN, DEPTH, align_key, depth_key, depth_recipe
from ebb.runner.stage import StageReport, run_pairs, usable
from ebb.weights import find_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebb.arrays import InverseDepth
    from ebb.runner.items import Progress
    from ebb.settings import DepthSettings, RunSettings
    from ebb.workspace import Workspace

STAGE = DEPTH


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
    weights: Path | None
    recipe: str
    align_key: str


def run(
    workspace: Workspace, settings: DepthSettings, run: RunSettings, progress: Progress
) -> StageReport:
    """Make a depth map for every aligned pair; imported pairs that brought one keep it.

    Raises:
        MissingDependency: the network's weights or PyTorch are not there.
    """
    weights = check_ready(settings)
    weights_sha256 = sha256_file(weights) if weights else ""
    workspace.save_settings(depth=settings)
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
                key=depth_key(pair, settings, upstream, weights_sha256),
                folder=workspace.pair(pair.pair_id),
                figures=aligned[pair.pair_id].figures,
                wide=pair.wide,
                sidecar=pair.depth,
                settings=settings,
                weights=weights,
                recipe=depth_recipe(settings, weights_sha256),
                align_key=upstream,
            )
        )
    return run_pairs(workspace.state, STAGE, jobs, make_depth, run, progress)


def check_ready(settings: DepthSettings) -> Path | None:
    """Find what the provider needs before any work starts; the weights file of a network.

    Raises:
        MissingDependency: it is not there; the message says how to get it.
    """
    if settings.provider != "megadepth":
        return None
    return find_weights("megadepth", settings.weights)


def make_depth(job: DepthJob) -> Result:
    """Make one depth map. Runs in a worker.

    Raises:
        Rejected: there is no usable depth for this photo.
        Broken: the depth file changed or cannot be read.
    """
    facts = {"provider": job.settings.provider, "recipe": job.recipe, "align_key": job.align_key}
    if job.settings.provider == "none":
        return Result(figures=facts)
    stored = Size(job.figures["width"], job.figures["height"])
    half = Size(stored.width // 2, stored.height // 2)
    inverse_depth = _from_sidecar(job, half) if job.settings.provider == "sidecar" else _predict(job)
    depth = encode_png(encode_depth8(inverse_depth))
    return Result(figures=facts, outputs={"depth.png": write_atomic(job.folder / "depth.png", depth)})


def _from_sidecar(job: DepthJob, size: Size) -> InverseDepth:
    """Bring the depth file of the wide photo through the crop and scale of the photo itself."""
    if job.sidecar is None:
        name = PurePosixPath(job.wide.name).stem
        raise Rejected(Reason.NO_DEPTH, f"no {name}_depth file beside {job.wide.name}")
    path = Path(job.sidecar.folder, job.sidecar.name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Broken(Reason.UNREADABLE, f"cannot be read: {error.strerror}", path=job.sidecar.name) from error
    if sha256_bytes(data) != job.sidecar.sha256:
        raise Broken(Reason.INPUT_CHANGED, "not the bytes that were ingested", path=job.sidecar.name)
    photo = Size(job.wide.width, job.wide.height)
    depth = read_sidecar(data, path.suffix.lower(), job.settings.sidecar_values, photo)
    crop = Rect(*(job.figures[f"crop_{side}"] for side in ("x", "y", "width", "height")))
    H_photo_to_depth = resizing((depth.shape[1] / photo.width, depth.shape[0] / photo.height))
    return resample_depth(depth, H_photo_to_depth @ crop_to_photo(crop, size), size)


def _predict(job: DepthJob) -> InverseDepth:
    photo = decode_png((job.folder / "wide.png").read_bytes())
    return _network(job.settings.provider, job.weights).predict([photo])[0]


@functools.cache
def _network(provider: str, weights: Path | None) -> DepthProvider:
    """Load the network once a worker."""
    return make_provider(provider, weights)
