"""Stored training photos: one array of bytes per set, written by several processes and read by memory map.

::

    train/
      samples.npy    (N, 5, H, W), uint8: the planes of ebb_train.lens.samples.pack
      done.npy       (N,), uint8: 1 where a sample is complete
      set.json       what the set was made from

Depth is exact; errors are imposed when a patch is drawn, so that no two patches have the same.

Sample ``i`` depends on the seed of its set and on ``i`` only, not on the number of processes; an interrupted
set is completed by the next call.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np

from ebb.documents import parse_json
from ebb.errors import InvalidInput, Status
from ebb.files import write_atomic
from ebb.progress import SilentProgress, watched
from ebb.settings import canonical_json
from ebb_train.lens.samples import make_training_photo, pack, unpack

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ebb.arrays import InverseDepth, Rgb8
    from ebb.progress import Progress

VERSION = 3
"""Of the scenes and the stored planes; another version is another set."""
SAMPLES, DONE, ABOUT = "samples.npy", "done.npy", "set.json"
NICENESS = 10


@dataclass(frozen=True, kw_only=True)
class SetPlan:
    """What a set is made from."""

    scenes: int
    seed: int
    side: int = 384
    """Side of the photos in pixels."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of the array of samples."""
        return self.scenes, 5, self.side, self.side


class LensSet:
    """A stored set, read by memory map.

    Args:
        folder: Of the set.

    Raises:
        InvalidInput: the set is missing, of another version or incomplete.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.plan = folder, _read_plan(folder)
        missing = int((_open(folder / DONE) == 0).sum())
        if missing:
            raise InvalidInput(f"{missing} scenes are missing", path=folder, hint="make the set again")
        self.samples = _open(folder / SAMPLES)
        if self.samples.shape != self.plan.shape:
            raise InvalidInput(f"the samples have the shape {self.samples.shape}", path=folder / SAMPLES)

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, scene: int, window: tuple[slice, slice] = np.s_[:, :]) -> tuple[Rgb8, InverseDepth]:
        """Read photo and exact depth of a window (rows, columns)."""
        return unpack(np.asarray(self.samples[scene][:, *window]))

    def outline(self, scene: int, stride: int) -> NDArray[np.uint8]:
        """Exact depth in 8 bits, at every ``stride``-th row and column."""
        return np.ascontiguousarray(self.samples[scene, 3, ::stride, ::stride])


def make_set(folder: Path, plan: SetPlan, workers: int = 1, progress: Progress | None = None) -> None:
    """Make the photos of a set that are not there yet.

    Args:
        folder: Of the set; made if it is missing.
        plan: What to make.
        workers: Number of processes; they run at a low priority.
        progress: Shows the scenes.

    Raises:
        InvalidInput: the folder has a set of another plan.
    """
    shown = progress or SilentProgress()
    _prepare(folder, plan)
    todo = np.flatnonzero(_open(folder / DONE) == 0).tolist()
    with watched(shown, f"scenes {folder.name}", len(todo)):
        if workers == 1:
            for index in todo:
                _make_one(folder, plan, index)
                shown.advance(str(index), Status.OK, None, "")
            return
        context = get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context, initializer=_be_nice) as pool:
            for future in as_completed([pool.submit(_make_one, folder, plan, index) for index in todo]):
                shown.advance(str(future.result()), Status.OK, None, "")


def _be_nice() -> None:
    import cv2

    os.nice(NICENESS)
    cv2.setNumThreads(1)


def _make_one(folder: Path, plan: SetPlan, index: int) -> int:
    """Render one scene and store it; the mark that it is done is written last."""
    rng = np.random.default_rng([plan.seed, index])
    planes = pack(*make_training_photo(rng, plan.side))
    samples = np.load(folder / SAMPLES, mmap_mode="r+")
    samples[index] = planes
    samples.flush()
    done = np.load(folder / DONE, mmap_mode="r+")
    done[index] = 1
    done.flush()
    return index


def _prepare(folder: Path, plan: SetPlan) -> None:
    """Make the files of an empty set, or compare the plan with that of the set that is there."""
    if (folder / ABOUT).exists():
        if _read_plan(folder) != plan:
            raise InvalidInput(
                "a set of another plan", path=folder, hint="delete the folder, or name another"
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, shape in ((SAMPLES, plan.shape), (DONE, plan.shape[:1])):
        np.lib.format.open_memmap(folder / name, "w+", np.uint8, shape).flush()
    content = canonical_json({"version": VERSION, "plan": asdict(plan)})
    write_atomic(folder / ABOUT, f"{content}\n".encode())


def _read_plan(folder: Path) -> SetPlan:
    path = folder / ABOUT
    try:
        found = parse_json(path.read_bytes(), path)
        version, values = found["version"], found["plan"]
        plan = SetPlan(**values)
    except FileNotFoundError as error:
        raise InvalidInput("no set of scenes", path=path) from error
    except (LookupError, TypeError, AttributeError) as error:
        raise InvalidInput(f"not the description of a set of scenes: {error}", path=path) from error
    if version != VERSION:
        raise InvalidInput(f"scenes of version {version}, not {VERSION}", path=path, hint="make them again")
    return plan


def _open(path: Path) -> NDArray[np.uint8]:
    try:
        array: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise InvalidInput(f"cannot be read: {error}", path=path) from error
    return array
