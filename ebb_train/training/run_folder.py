"""The folder of one run: its settings, its log, one weights file for each finished stage.

::

    <run>/
      run.json                settings, network, schedule, data-set hash; the run resumes only with these
      threads.json            number of threads with which each level was begun on a CPU
      log.jsonl               one line every few steps, and one for each validation
      checkpoints/            see ebb_train.training.checkpoint
      level-7.safetensors …   the network at the end of that level; level-1 is the result
      level-7-best.safetensors …   the network with the best score in validation
      tensorboard/            for tensorboard --logdir
      pictures/level-7.png …  input, depth, output and target of the last validation
      report.html             curves and pictures

The stages of PyNET are its levels, ``level-7`` … ``level-1``; those of other networks are ``stage-1``, ….
"""

from __future__ import annotations

import fcntl
import json
import math
from typing import IO, TYPE_CHECKING, Any

from ebb.dataset.index import find_shards
from ebb.documents import flattened, parse_json, read_json
from ebb.errors import DatasetLocked, InvalidInput, UsageError
from ebb.files import (
    cannot_write,
    check_regular,
    make_folder,
    open_lock,
    refuse_link,
    remove_temporaries,
    write_atomic,
)
from ebb.settings import canonical_json
from ebb_train.models.weights_path import best_weights, stage_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

IDENTITY, LOG, LOCK, PICTURES, THREADS = "run.json", "log.jsonl", ".lock", "pictures", "threads.json"
KINDS = ("level", "stage")
"""Kinds of stages; a line of the log has the number of its stage under one of these names."""
_COUNTS = ("step", "total")
"""Further fields of every line of the log."""


class RunFolder:
    """A run folder that this process locks until :meth:`close`.

    Args:
        path: The folder; made if it does not exist.
        identity: Settings and data of the run as plain values.

    Raises:
        UsageError: the folder belongs to a run with other settings; the message names them; or it holds
            a data set, whose report.html and lock have the names of a run's.
        DatasetLocked: another process holds it.
        InvalidInput: its ``run.json`` cannot be read, or a file or folder that changes is a symbolic link.
        OutputError: it cannot be written.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        self.path = path
        self.identity = identity
        _refuse_dataset(path)
        self._lock = _lock(path)
        try:
            _refuse_links(path)
            remove_temporaries(path)
            self._claim()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Release the lock."""
        self._lock.close()

    def stage_weights(self, key: str) -> Path:
        """File of the network at the end of this stage."""
        return stage_weights(self.path, key)

    def best_weights(self, key: str) -> Path:
        """File of the network with the best score in validation."""
        return best_weights(self.path, key)

    def best_score(self, key: str, metric: str) -> float:
        """Highest score in the validations of a stage; −∞ before the first."""
        best = best_validation(self.path, key, metric)
        return float(best["validation"][metric]) if best else -math.inf

    def has_validation(self, total: int) -> bool:
        """Whether the log has the scores after so many steps of all stages."""
        return any(line["total"] == total and "validation" in line for line in read_log(self.path))

    def threads(self, key: str) -> int:
        """Number of threads recorded for a stage; 0 for none."""
        found = self._all_threads().get(key.removeprefix("level-"))
        return found if isinstance(found, int) and found > 0 else 0

    def record_threads(self, key: str, threads: int) -> None:
        """Record the number of threads of a stage.

        Raises:
            OutputError: it cannot be written.
        """
        values = self._all_threads() | {key.removeprefix("level-"): threads}
        write_atomic(self.path / THREADS, f"{canonical_json(values)}\n".encode())

    def _all_threads(self) -> dict[str, Any]:
        try:
            return dict(read_json(self.path / THREADS))
        except (InvalidInput, ValueError, TypeError):  # none yet, or changed by hand: they are measured again
            return {}

    def log(self, line: Mapping[str, Any]) -> None:
        """Add a line to the log.

        Raises:
            OutputError: it cannot be written.
        """
        path = self.path / LOG
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(canonical_json(line) + "\n")
        except OSError as error:
            raise cannot_write(path, error) from error

    def forget_after(self, total: int, note: Callable[[str], None] = lambda _: None) -> None:
        """Take steps after ``total`` out of the log: they will be done again.

        Args:
            total: Steps of all stages that are done.
            note: Called with one line for each damaged line, which is taken out as well.

        Raises:
            OutputError: it cannot be written.
        """
        path = self.path / LOG
        if path.exists():
            kept = [line for line in read_log(self.path, note) if line["total"] <= total]
            write_atomic(path, "".join(canonical_json(line) + "\n" for line in kept).encode())

    def _claim(self) -> None:
        path = self.path / IDENTITY
        if not path.exists():
            write_atomic(path, (json.dumps(self.identity, indent=2, sort_keys=True) + "\n").encode())
            return
        found = flattened(read_json(path))
        wanted = flattened(parse_json(canonical_json(self.identity)))
        differences = [
            f"{key} is {found.get(key)}, not {wanted.get(key)}"
            for key in sorted(found.keys() | wanted.keys())
            if found.get(key) != wanted.get(key)
        ]
        if differences:
            message = f"a run with other settings: {', '.join(differences)}"
            raise UsageError(message, path=self.path, hint="give the same settings, or another --out")


def pictures_file(run: Path, key: str) -> Path:
    """File of the pictures of a stage's last validation."""
    return run / PICTURES / f"{key}.png"


def where(key: str, step: int, total: int) -> dict[str, int]:
    """The fields of a line of the log that say where in the run it belongs."""
    kind, number = key.split("-")
    return {kind: int(number), "step": step, "total": total}


def stage_of(line: Mapping[str, Any]) -> str:
    """The stage of a line of the log, such as ``level-7``."""
    kind = next((kind for kind in KINDS if kind in line), KINDS[0])
    return f"{kind}-{line[kind]}"


def read_log(run: Path, note: Callable[[str], None] = lambda _: None) -> list[dict[str, Any]]:
    """The lines of the log of a run: level or stage, step and total, and numbers by name.

    Args:
        run: The run folder.
        note: Called with one line for each damaged line, which is left out. An unfinished last line, as a
            killed run leaves it, is left out without a word.
    """
    path = run / LOG
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    parsed = [_parse_line(line) for line in text.split("\n")]
    for number, found in enumerate(parsed, start=1):
        if found is None and number < len(parsed):
            note(f"warning: {path}, line {number}: damaged, left out")
    return [found for found in parsed if found is not None]


def best_validation(run: Path, key: str, metric: str) -> dict[str, Any] | None:
    """The log line of the validation of a stage with the highest score; the first of equal ones."""
    lines = [line for line in read_log(run) if stage_of(line) == key and metric in line.get("validation", {})]
    return max(lines, key=lambda line: float(line["validation"][metric]), default=None)


def _refuse_dataset(path: Path) -> None:
    if find_shards(path) is not None:
        raise UsageError("a data set is in this folder", path=path, hint=f"--out {path / 'run'}")


def _refuse_links(path: Path) -> None:
    """These are changed in place, and a link would lead to files of somebody else."""
    for name in ("checkpoints", PICTURES, LOG):
        refuse_link(path / name)
    log = path / LOG
    try:
        if log.exists():
            check_regular(log)
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", path=log) from error


def _lock(path: Path) -> IO[bytes]:
    make_folder(path)
    file = open_lock(path / LOCK)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise DatasetLocked("another process trains in this folder", path=path) from error
    return file


def _parse_line(text: str) -> dict[str, Any] | None:
    """A line of the log; ``None`` if it is damaged."""
    try:
        line = parse_json(text)
    except InvalidInput:
        return None
    is_whole = isinstance(line, dict) and all(_is_count(line.get(name)) for name in _COUNTS)
    is_whole = is_whole and any(_is_count(line.get(kind)) for kind in KINDS)
    return line if is_whole and all(map(_is_log_value, line.values())) else None


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**53


def _is_log_value(value: object) -> bool:
    """A number, a word, or numbers by name."""
    if isinstance(value, dict):
        return all(map(_is_number, value.values()))
    return isinstance(value, str) or _is_number(value)


def _is_number(value: object) -> bool:
    """A float, infinite ones included, or an integer that becomes one."""
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**53)
