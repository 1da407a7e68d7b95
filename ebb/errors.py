"""Everything that can go wrong, drawn as one tree.

::

    EbbError                    one line for the user; never a traceback
    ├── UsageError              2    wrong flags, settings or CSV
    ├── InvalidInput            4    a dataset, shard or input folder that is not what it should be
    ├── OutputError             5    something cannot be written
    ├── MissingDependency       6    an optional package or a weights file is not there
    ├── DatasetLocked           75   another run holds the dataset folder
    └── ItemError                    one capture or pair; the runner turns it into a row
        ├── Rejected                 status ``rejected``: a rule said no, trying again changes nothing
        └── Broken                   status ``error``: it broke, the next run tries again

Every reason code a row can carry is a member of :class:`Reason`.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


DISTRIBUTION = "ebb-bokeh"
"""Name of the package for pip; ``ebb`` there is another project."""


def install_extra(extra: str) -> str:
    """The command that installs an extra, for hints and messages."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


class ExitCode(IntEnum):
    """What the process returns to the shell."""

    DONE = 0
    BUG = 1
    USAGE = 2
    ITEMS_FAILED = 3
    INVALID_INPUT = 4
    CANNOT_WRITE = 5
    MISSING = 6
    LOCKED = 75
    INTERRUPTED = 130
    TERMINATED = 143


class Status(StrEnum):
    """How a capture or a stage of a pair ended.

    Examples:
        >>> ebb.Status("ok") is ebb.Status.OK
        True
    """

    OK = "ok"
    REJECTED = "rejected"
    ERROR = "error"


class Reason(StrEnum):
    """Why a row is not ``ok``; :attr:`advice` says what to do about it.

    Examples:
        >>> ebb.Reason("missing_partner").name
        'MISSING_PARTNER'
    """

    # captures
    MISSING_PARTNER = "missing_partner"
    NO_F_NUMBER = "no_f_number"
    OTHER_F_NUMBER = "other_f_number"
    REPEATED_SHOT = "repeated_shot"
    JPEG_TWIN = "jpeg_twin"
    DUPLICATE = "duplicate"
    NOT_IN_PAIRS_FILE = "not_in_pairs_file"
    UNSUPPORTED_FILE = "unsupported_file"
    # files
    UNREADABLE = "unreadable"
    CORRUPT_INPUT = "corrupt_input"
    UNSUPPORTED_COLOR = "unsupported_color"
    UNSUPPORTED_PIXELS = "unsupported_pixels"
    UNSUPPORTED_RAW = "unsupported_raw"
    TOO_LARGE = "too_large"
    INPUT_CHANGED = "input_changed"
    # alignment
    TOO_FEW_MATCHES = "too_few_matches"
    TOO_FEW_INLIERS = "too_few_inliers"
    IMPLAUSIBLE_MOTION = "implausible_motion"
    PARALLAX = "parallax"
    LOW_OVERLAP = "low_overlap"
    TOO_SMALL = "too_small"
    EXPOSURE_MISMATCH = "exposure_mismatch"
    LOW_SIMILARITY = "low_similarity"
    MISSED_FOCUS = "missed_focus"
    TOO_LITTLE_BLUR = "too_little_blur"
    # depth
    NO_DEPTH = "no_depth"
    BAD_DEPTH = "bad_depth"
    # shards
    SPLIT_CONFLICT = "split_conflict"
    # predictions
    NO_PREDICTION = "no_prediction"
    BAD_PREDICTION = "bad_prediction"
    # workers
    WORKER_CRASH = "worker_crash"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    INTERNAL_ERROR = "internal_error"

    @property
    def advice(self) -> str:
        """One sentence: what the user can do about it."""
        return _ADVICE[self]


_ADVICE: Mapping[Reason, str] = {
    Reason.MISSING_PARTNER: "shoot the other aperture, raise --max-gap, or name the pair in --pairs",
    Reason.NO_F_NUMBER: "a manual lens writes no f-number: name the pair in --pairs",
    Reason.OTHER_F_NUMBER: "set --wide-f and --shallow-f, or use --apertures extremes",
    Reason.REPEATED_SHOT: "a neighbour in time made the pair; name another choice in --pairs",
    Reason.JPEG_TWIN: "the RAW file of the same shot is used",
    Reason.DUPLICATE: "the same bytes are in the folder twice; one copy is used",
    Reason.NOT_IN_PAIRS_FILE: "add a row to the --pairs file to use it",
    Reason.UNSUPPORTED_FILE: "not a camera file; nothing to do",
    Reason.UNREADABLE: "check the file's permissions and that it is a photo",
    Reason.CORRUPT_INPUT: "copy the file from the camera card again",
    Reason.UNSUPPORTED_COLOR: "export the photo in sRGB",
    Reason.UNSUPPORTED_PIXELS: "save the photo as RGB with 8 or 16 bits a channel, as a plain TIFF or a PNG",
    Reason.UNSUPPORTED_RAW: "convert it to DNG, lossless compressed, or develop it to TIFF",
    Reason.TOO_LARGE: "raise --max-megapixels if the size is real",
    Reason.INPUT_CHANGED: "restore the file, or run ebb ingest again to take the new one",
    Reason.TOO_FEW_MATCHES: "the photos have too little in common or too little texture",
    Reason.TOO_FEW_INLIERS: "the photos may show different scenes; look at them, or lower --min-inliers",
    Reason.IMPLAUSIBLE_MOTION: "the photos differ by more than a hand-held move; look at them",
    Reason.PARALLAX: "the camera moved sideways; shoot again without moving it",
    Reason.LOW_OVERLAP: "the camera turned too far between the shots, or lower --min-overlap",
    Reason.TOO_SMALL: "lower --height or --size as the message says",
    Reason.EXPOSURE_MISMATCH: "check the exposure of both shots",
    Reason.LOW_SIMILARITY: "something moved between the shots; look at them",
    Reason.TOO_LITTLE_BLUR: "open the aperture further, move nearer to the subject, or lower --min-blur-px",
    Reason.MISSED_FOCUS: "nothing is sharp in both photos: shoot again, focused on the subject",
    Reason.NO_DEPTH: "put a <photo>_depth.png beside the wide photo, or choose another --provider",
    Reason.BAD_DEPTH: "make the depth file again in the photo's aspect, or check the --model-* settings",
    Reason.SPLIT_CONFLICT: "the pair belongs to two scenes of different splits; it stays out",
    Reason.NO_PREDICTION: "name its picture after the pair_id, or see what the model said about the pair",
    Reason.BAD_PREDICTION: "the picture must have the size of the shallow photo, in RGB",
    Reason.WORKER_CRASH: "the decoder crashed on this file; convert it, or leave it out",
    Reason.TIMEOUT: "raise --item-timeout if the file is only slow",
    Reason.OUT_OF_MEMORY: "lower --workers or --height",
    Reason.INTERNAL_ERROR: "please report it with the output of ebb doctor",
}


class EbbError(Exception):
    """Base of every expected failure: what happened, which file, what to do next.

    Args:
        message: What went wrong, and why.
        path: The file or folder it is about, if any.
        hint: What to do next.

    Examples:
        >>> print(ebb.EbbError("no such folder", path="raw", hint="check the name"))
        raw: no such folder (check the name)
    """

    exit_code: ExitCode = ExitCode.BUG

    def __init__(self, message: str, *, path: Path | str | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.hint = hint

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path is not None else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.message}{hint}"


class UsageError(EbbError):
    """A flag, a setting or a hand-written file that makes no sense.

    Examples:
        >>> print(ebb.UsageError("--val 2.5 is neither a share below 1 nor a whole count"))
        --val 2.5 is neither a share below 1 nor a whole count
    """

    exit_code = ExitCode.USAGE


class InvalidInput(EbbError):
    """An input folder, dataset or shard that is not what it should be.

    Examples:
        >>> ebb.InvalidInput("no such folder", path="raw").exit_code.value
        4
    """

    exit_code = ExitCode.INVALID_INPUT


class OutputError(EbbError):
    """Something cannot be written.

    Examples:
        >>> ebb.OutputError("it holds shards already", path="set", hint="name a new folder").hint
        'name a new folder'
    """

    exit_code = ExitCode.CANNOT_WRITE


class MissingDependency(EbbError):
    """An optional package or a weights file is missing; the hint holds the command that gets it.

    Examples:
        >>> ebb.MissingDependency("PyTorch is not installed", hint="pip install 'ebb-bokeh[train]'").hint
        "pip install 'ebb-bokeh[train]'"
    """

    exit_code = ExitCode.MISSING


class DatasetLocked(EbbError):
    """Another run holds the dataset folder.

    Examples:
        >>> print(ebb.DatasetLocked("the folder is in use by another run", path="dataset"))
        dataset: the folder is in use by another run
    """

    exit_code = ExitCode.LOCKED


class ItemError(EbbError):
    """One capture or pair did not make it; a row with a reason, never the end of the run.

    Examples:
        >>> ebb.ItemError(ebb.Reason.TIMEOUT, "took more than 120 s").reason.value
        'timeout'
    """

    exit_code = ExitCode.ITEMS_FAILED
    status: Status = Status.ERROR

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        path: Path | str | None = None,
        measurements: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(message, path=path, hint=reason.advice)
        self.reason = reason
        self.measurements = dict(measurements or {})

    def with_path(self, path: Path | str) -> Self:
        """The same error, said of a file."""
        return type(self)(self.reason, self.message, path=path, measurements=self.measurements)


class Rejected(ItemError):
    """A rule said no. ``measurements`` keeps what the rule looked at.

    Examples:
        >>> ebb.Rejected(ebb.Reason.LOW_OVERLAP, "too little", measurements={"overlap": 0.4}).measurements
        {'overlap': 0.4}
    """

    status = Status.REJECTED


class Broken(ItemError):
    """It broke: unreadable file, crash, timeout.

    Examples:
        >>> ebb.Broken(ebb.Reason.CORRUPT_INPUT, "is truncated", path="IMG_1.JPG").status.value
        'error'
    """

    status = Status.ERROR
