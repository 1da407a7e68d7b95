"""Simulate stage: a folder of simulated camera files with known truth, as input for ``ebb run``.

The hidden folder ``.simulate/`` holds the lock and the rows of finished pairs; ``truth.parquet`` is written
last.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ebb.arrays import Size
from ebb.errors import OutputError, Rejected
from ebb.files import remove_temporaries, sha256_bytes, sha256_file, write_atomic
from ebb.runner.items import Result
from ebb.runner.stage import StageReport, needs_work, run_pairs
from ebb.scan.rgbd import RgbdPhoto, RgbdView, find_photos
from ebb.settings import SimulateSettings, as_dict, canonical_json
from ebb.simulation.plan import BAD_KINDS, PairKind, PairPlan, plan_pair
from ebb.simulation.rgbd import scene_from_photo
from ebb.simulation.simulate import APS_C, ScenePair, planned_scenes, simulate_pair
from ebb.simulation.truth import PairTruth, write_truth
from ebb.state import Stage
from ebb.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ebb.depthmap.sidecar import SidecarValues
    from ebb.progress import Progress
    from ebb.settings import RunSettings
    from ebb.simulation.scenes import Scene
    from ebb.state import StageRow
    from ebb.workspace import Workspace

STAGE = Stage("simulate", PairTruth)
VERSION = 2
"""Raised when the same settings give other bytes."""

TRUTH_FILE = "truth.parquet"
BOOKS = ".simulate"
"""Folder with the state of the simulation; hidden folders are not ingested."""

_DEFAULT_SCENES = 20


@dataclass(frozen=True)
class SimulateJob:
    """A pair to simulate."""

    pair_id: str
    index: int
    folder: Path
    settings: SimulateSettings
    photos: tuple[RgbdPhoto, ...] = ()
    """The scene, and the scene of an unrelated second shot; empty: a procedural scene."""

    @property
    def values(self) -> SidecarValues:
        """Kind of the values in the depth files of the photos."""
        return "distance" if self.settings.rgbd_depth == "metres" else "inverse"

    @property
    def key(self) -> str:
        """Hash of everything that determines the files of the pair."""
        taken = [file.sha256 for photo in self.photos for file in photo]
        return sha256_bytes(
            canonical_json([STAGE.name, VERSION, self.index, _recipe(self.settings), taken]).encode()
        )


def run(folder: Path, settings: SimulateSettings, run: RunSettings, progress: Progress) -> StageReport:
    """Make the missing pairs, then write the truth of all pairs.

    Pairs whose files exist with the recorded hashes are kept.

    Raises:
        OutputError: the folder holds other files, another simulation or more pairs than requested.
        InvalidInput: ``settings.from_rgbd`` holds no photo with depth.
        DatasetLocked: another run uses the folder.
    """
    folder = folder.absolute()
    if folder.is_dir() and not (folder / BOOKS).is_dir() and any(folder.iterdir()):
        raise OutputError("there are other files in it", path=folder, hint="name a new or an empty folder")
    photos = list(find_photos(settings.from_rgbd)) if settings.from_rgbd else []
    jobs = _jobs(folder, settings, photos)
    with open_workspace(folder / BOOKS, create=True) as books:
        _refuse_another(folder, books, settings, len(jobs))
        books.save_settings(simulate=settings)
        remove_temporaries(folder)
        rows = books.state.stage_rows(STAGE)
        _remove_stale(folder, rows.values(), jobs)
        if any(needs_work(rows.get(job.pair_id), job, run) for job in jobs):
            (folder / TRUTH_FILE).unlink(missing_ok=True)
        report = run_pairs(books.state, STAGE, jobs, simulate_job, run, progress)
        made = [row.value for row in books.state.stage_rows(STAGE).values() if row.value is not None]
        write_atomic(folder / TRUTH_FILE, write_truth(made))
    return report


def simulate_job(job: SimulateJob) -> Result[PairTruth]:
    """Simulate a pair and write its files. Runs in a worker.

    Raises:
        Broken: a photo or depth file of the user is damaged or was changed.
        Rejected: such a photo is too small, or its depth map does not fit.
    """
    plan = plan_pair(
        job.settings.seed,
        job.index,
        bad_share=job.settings.bad,
        size=job.settings.frame,
        file_format=job.settings.format,
        bad_kinds=_bad_kinds(job.photos),
    )
    if job.photos:
        plan, scenes = _photographed(job, plan)
    else:
        scenes = planned_scenes(plan)
    pair = simulate_pair(scenes, plan, dataclasses.replace(APS_C, low_pass_shift_px=job.settings.low_pass))
    truth = pair.truth
    files = {truth.wide: pair.wide_file, truth.shallow: pair.shallow_file, truth.depth: pair.depth_file}
    outputs = {
        name: write_atomic(job.folder / name, data) for name, data in files.items() if data is not None
    }
    return Result(value=truth, outputs=outputs)


def _jobs(folder: Path, settings: SimulateSettings, photos: list[RgbdPhoto]) -> list[SimulateJob]:
    """Return a job for each pair; photos are used in turn, the next one for an unrelated shot."""
    number = settings.scenes or len(photos) or _DEFAULT_SCENES
    return [
        SimulateJob(f"{index:06d}", index, folder, settings, tuple((2 * photos)[index % len(photos) :][:2]))
        if photos
        else SimulateJob(f"{index:06d}", index, folder, settings)
        for index in range(number)
    ]


def _recipe(settings: SimulateSettings) -> dict[str, object]:
    """Return the settings that a pair depends on, without the number of pairs and the folder of photos."""
    return as_dict(dataclasses.replace(settings, scenes=0, from_rgbd=None))


def _refuse_another(folder: Path, books: Workspace, settings: SimulateSettings, number: int) -> None:
    rows = books.state.stage_rows(STAGE)
    held = books.settings(SimulateSettings)
    same_source = (held.from_rgbd is None) == (settings.from_rgbd is None)
    if rows and not (_recipe(held) == _recipe(settings) and same_source):
        flags = f"--seed {held.seed} --bad {held.bad:g} --size {held.size} --format {held.format}"
        flags += f" --low-pass {held.low_pass:g}"
        raise OutputError(
            f"it holds another simulation ({flags})",
            path=folder,
            hint="name a new folder, or use its settings",
        )
    if len(rows) > number:
        raise OutputError(
            f"it holds {len(rows)} pairs, {number} are asked for", path=folder, hint="raise --scenes"
        )


def _remove_stale(folder: Path, rows: Iterable[StageRow[PairTruth]], jobs: Iterable[SimulateJob]) -> None:
    """Remove files with another hash or key than recorded; their pairs are made again."""
    keys = {job.pair_id: job.key for job in jobs}
    for row in rows:
        for name, sha256 in row.outputs.items():
            path = folder / name
            if path.exists() and (row.key != keys[row.pair_id] or sha256_file(path) != sha256):
                path.unlink()


def _bad_kinds(photos: tuple[RgbdPhoto, ...]) -> list[PairKind]:
    """Return the possible kinds of bad pairs: no moved subject with photos, no unrelated shot with one."""
    alone = len({photo.photo.sha256 for photo in photos}) == 1
    impossible = {PairKind.MOVED_SUBJECT} if photos else set()
    impossible |= {PairKind.UNRELATED} if alone else set()
    return [kind for kind in BAD_KINDS if kind not in impossible]


def _photographed(job: SimulateJob, plan: PairPlan) -> tuple[PairPlan, ScenePair]:
    """Return the plan with the camera turned to fit the photo, and the photo as a scene."""
    first = job.photos[0].read(job.values)
    height, width = first.rgb.shape[:2]
    if (height > width) != (plan.size.height > plan.size.width):
        turned = {1: 8, 3: 6, 6: 3, 8: 1}[plan.orientation]
        plan = dataclasses.replace(plan, orientation=turned, size=Size(plan.size.height, plan.size.width))
    scene = _scene(job, first, plan.size)
    if plan.kind is not PairKind.UNRELATED:
        return plan, ScenePair(scene, scene)
    return plan, ScenePair(scene, _scene(job, job.photos[1].read(job.values), plan.size))


def _scene(job: SimulateJob, view: RgbdView, size: Size) -> Scene:
    try:
        return scene_from_photo(view.rgb, view.inverse_depth, size, job.settings.rgbd_depth)
    except Rejected as error:
        raise error.with_path(view.name) from error
