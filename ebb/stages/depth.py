"""Depth: an 8-bit map a pair at half the photos' size, from a network or from files beside the photos."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ebb.arrays import Rect, Size
from ebb.dataset.catalog import CatalogRow, pairs_of, read_catalog
from ebb.dataset.png import decode_png, encode_png
from ebb.depthmap.encoding import encode_depth8, half_size_homography, resample_depth
from ebb.depthmap.providers import DepthProvider, make_provider
from ebb.depthmap.sidecar import read_sidecar
from ebb.errors import Reason, Rejected
from ebb.files import sha256_file, write_atomic
from ebb.geometry.crop import crop_to_photo
from ebb.runner.inputs import read_ingested
from ebb.runner.items import Result
from ebb.runner.keys import ALIGN, DEPTH, align_key, depth_key, depth_recipe
from ebb.runner.stage import StageReport, run_pairs, usable
from ebb.weights import find_weights

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ebb.arrays import InverseDepth
    from ebb.runner.items import Progress
    from ebb.settings import DepthSettings, RunSettings
    from ebb.workspace import Workspace


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


def run(workspace: Workspace, settings: DepthSettings, run: RunSettings, progress: Progress) -> StageReport:
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
    # One process runs the network: PyTorch spreads each photo over all cores by itself.
    run = replace(run, workers=1) if weights else run
    return run_pairs(workspace.state, DEPTH, jobs, make_depth, run, progress)


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
    inverse_depth = _from_sidecar(job) if job.settings.provider == "sidecar" else _predict(job)
    depth = encode_png(encode_depth8(inverse_depth))
    return Result(figures=facts, outputs={"depth.png": write_atomic(job.folder / "depth.png", depth)})


def _from_sidecar(job: DepthJob) -> InverseDepth:
    """Bring the depth file of the wide photo through the crop and scale of the photo itself."""
    if job.sidecar is None:
        name = PurePosixPath(job.wide.name).stem
        raise Rejected(Reason.NO_DEPTH, f"no {name}_depth file beside {job.wide.name}")
    photo, stored = Size(job.wide.width, job.wide.height), Size(job.figures["width"], job.figures["height"])
    suffix = PurePosixPath(job.sidecar.name).suffix
    depth = read_sidecar(read_ingested(job.sidecar), suffix, job.settings.sidecar_values, photo)
    crop = Rect(*(job.figures[f"crop_{side}"] for side in Rect._fields))
    H_out_to_depth = half_size_homography(
        crop_to_photo(crop, stored), photo, Size(depth.shape[1], depth.shape[0])
    )
    return resample_depth(depth, H_out_to_depth, Size(stored.width // 2, stored.height // 2))


def _predict(job: DepthJob) -> InverseDepth:
    photo = decode_png((job.folder / "wide.png").read_bytes())
    provider = _network(job.settings.provider, job.weights)
    if provider is None:
        raise Rejected(Reason.NO_DEPTH, f"the provider {job.settings.provider} gives no depth")
    return provider(photo)


@functools.cache
def _network(provider: str, weights: Path | None) -> DepthProvider | None:
    """Load the network once a worker."""
    return make_provider(provider, weights)
