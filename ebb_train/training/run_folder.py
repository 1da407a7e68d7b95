"""The folder of one run: what it is, its log, one weights file for each finished level.

::

    <run>/
      run.json                settings, network, schedule, data-set hash; the run goes on only with the same
      log.jsonl               one line every few steps, and one for each validation
      checkpoints/            see ebb_train.training.checkpoint
      level-7.safetensors …   the network when that level was done; level-1 is the result
      level-7-best.safetensors …   the one that did best in validation
      tensorboard/            for tensorboard --logdir
      pictures/level-7.png …  input, depth, output and target of the last validation
      report.html             curves and pictures
"""

from __future__ import annotations

import fcntl
import json
import math
from typing import IO, TYPE_CHECKING, Any

from ebb.dataset.index import find_shards
from ebb.errors import DatasetLocked, InvalidInput, UsageError
from ebb.files import cannot_write, make_folder, write_atomic
from ebb.settings import canonical_json
from ebb_train.models.weights_path import best_weights, level_weights

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

IDENTITY, LOG, LOCK, PICTURES = "run.json", "log.jsonl", ".lock", "pictures"


class RunFolder:
    """A run folder that this process holds until :meth:`close`.

    Args:
        path: The folder; made if it is not there.
        identity: Plain values that say what the run computes.

    Raises:
        UsageError: the folder belongs to a run with other settings; the message names them; or it holds
            a data set, whose report.html and lock have the names of a run's.
        DatasetLocked: another process holds it.
        InvalidInput: its ``run.json`` cannot be read.
        OutputError: it cannot be written.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        self.path = path
        self.identity = identity
        _refuse_dataset(path)
        self._lock = _lock(path)
        try:
            self._claim()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let another process have it."""
        self._lock.close()

    def level_weights(self, level: int) -> Path:
        """Where the network goes when this level is done."""
        return level_weights(self.path, level)

    def best_weights(self, level: int) -> Path:
        """Where the network goes that did best in validation."""
        return best_weights(self.path, level)

    def best_score(self, level: int, metric: str) -> float:
        """Highest score in the validations of a level; −∞ before the first."""
        best = best_validation(self.path, level, metric)
        return float(best["validation"][metric]) if best else -math.inf

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

    def forget_after(self, total: int) -> None:
        """Take steps after ``total`` out of the log: they will be done again.

        Raises:
            OutputError: it cannot be written.
        """
        path = self.path / LOG
        if path.exists():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
            kept = [line for line in lines if 0 <= _total(line) <= total]
            write_atomic(path, "".join(kept).encode())

    def _claim(self) -> None:
        path = self.path / IDENTITY
        if not path.exists():
            write_atomic(path, (json.dumps(self.identity, indent=2, sort_keys=True) + "\n").encode())
            return
        try:
            found = _flat(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise InvalidInput(f"cannot be read: {error}", path=path) from error
        wanted = _flat(json.loads(canonical_json(self.identity)))
        differences = [
            f"{key} is {found.get(key)}, not {wanted.get(key)}"
            for key in sorted(found.keys() | wanted.keys())
            if found.get(key) != wanted.get(key)
        ]
        if differences:
            message = f"a run with other settings: {', '.join(differences)}"
            raise UsageError(message, path=self.path, hint="give the same settings, or another --out")


def pictures_file(run: Path, level: int) -> Path:
    """Where the pictures of a level's last validation are."""
    return run / PICTURES / f"level-{level}.png"


def read_log(run: Path) -> list[dict[str, Any]]:
    """The lines of the log of a run; half a line, which a kill can leave, is left out."""
    path = run / LOG
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [json.loads(line) for line in lines if _total(line) >= 0]


def best_validation(run: Path, level: int, metric: str) -> dict[str, Any] | None:
    """The log line of the validation of a level with the highest score; the first of equal ones."""
    lines = [
        line for line in read_log(run) if line["level"] == level and metric in line.get("validation", {})
    ]
    return max(lines, key=lambda line: float(line["validation"][metric]), default=None)


def _refuse_dataset(path: Path) -> None:
    if find_shards(path) is not None:
        raise UsageError("a data set is in this folder", path=path, hint=f"--out {path / 'run'}")


def _lock(path: Path) -> IO[bytes]:
    make_folder(path)
    try:
        file = (path / LOCK).open("wb")
    except OSError as error:
        raise cannot_write(path / LOCK, error) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise DatasetLocked("another process trains in this folder", path=path) from error
    return file


def _total(line: str) -> int:
    """Steps that were done when a line was written; −1 for half a line, which a kill can leave."""
    try:
        return int(json.loads(line)["total"])
    except (ValueError, KeyError, TypeError):
        return -1


def _flat(values: object, name: str = "") -> dict[str, Any]:
    """Nested values by dotted names."""
    if isinstance(values, dict):
        items = values.items()
    elif isinstance(values, list):
        items = {str(index): value for index, value in enumerate(values)}.items()
    else:
        return {name: values}
    return {
        path: leaf for key, value in items for path, leaf in _flat(value, f"{name}.{key}".lstrip(".")).items()
    }
