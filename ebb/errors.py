"""Exceptions, exit codes, and reasons for rejection or failure.

::

    EbbError                    shown to the user in one line, without traceback
    ├── UsageError              2    invalid options, settings or CSV files
    ├── InvalidInput            4    invalid dataset, shard or input folder
    ├── OutputError             5    output that cannot be written
    ├── MissingDependency       6    missing optional package or weights file
    ├── DatasetLocked           75   dataset folder in use by another process
    └── ItemError                    one capture or pair; recorded as a row by the runner
        ├── Rejected                 status ``rejected``: a criterion is not met; not repeated by the next run
        └── Broken                   status ``error``: processing failed; repeated by the next run

Reason codes of rows are the members of :class:`Reason`.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


DISTRIBUTION = "ebb-bokeh"
"""Name of the distribution for pip; ``ebb`` is a different project."""


def install_extra(extra: str) -> str:
    """Command that installs an optional dependency group, for messages."""
    from importlib import metadata  # takes a while

    try:
        metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:  # the package index does not have it
        return f"pip install '.[{extra}]' in the checkout"
    return f"pip install '{DISTRIBUTION}[{extra}]'"


class ExitCode(IntEnum):
    """Exit status of the process."""

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
    """Result of the processing of a capture or pair.

    Examples:
        >>> ebb.Status("ok") is ebb.Status.OK
        True
    """

    OK = "ok"
    REJECTED = "rejected"
    ERROR = "error"


class Reason(StrEnum):
    """Reason why a capture or pair is not ``ok``; :attr:`advice` describes what to do.

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
    MISALIGNED = "misaligned"
    # depth
    NO_DEPTH = "no_depth"
    BAD_DEPTH = "bad_depth"
    # shards
    SPLIT_CONFLICT = "split_conflict"
    LOW_QUALITY = "low_quality"
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
        """Advice to the user in one sentence."""
        return _ADVICE[self]


_ADVICE: Mapping[Reason, str] = {
    Reason.MISSING_PARTNER: "shoot the other aperture, raise --max-gap, or name the pair in --pairs",
    Reason.NO_F_NUMBER: "files of manual lenses have no f-number: name the pair in --pairs",
    Reason.OTHER_F_NUMBER: "set --wide-f and --shallow-f, or use --apertures extremes or --series",
    Reason.REPEATED_SHOT: "another shot is closer in time to the partner; to use this, name it in --pairs",
    Reason.JPEG_TWIN: "the RAW file of the same shot is used",
    Reason.DUPLICATE: "the same bytes are in the folder twice; one copy is used",
    Reason.NOT_IN_PAIRS_FILE: "add a row to the --pairs file to use it",
    Reason.UNSUPPORTED_FILE: "not a camera file; nothing to do",
    Reason.UNREADABLE: "check the file's name and permissions, and that it is a photo",
    Reason.CORRUPT_INPUT: "copy the file from the camera card again",
    Reason.UNSUPPORTED_COLOR: "export the photo in sRGB",
    Reason.UNSUPPORTED_PIXELS: "save the photo as RGB with 8 or 16 bits a channel, as a plain TIFF or a PNG",
    Reason.UNSUPPORTED_RAW: "convert it to DNG, lossless compressed, or develop it to TIFF",
    Reason.TOO_LARGE: "raise --max-megapixels if the size is real",
    Reason.INPUT_CHANGED: "restore the file, or run ebb ingest again to take the new one",
    Reason.TOO_FEW_MATCHES: "the photos have too little in common or too little texture",
    Reason.TOO_FEW_INLIERS: "the photos may show different scenes; look at them, or lower --min-inliers",
    Reason.IMPLAUSIBLE_MOTION: "the photos differ by more than hand-held motion; look at them",
    Reason.PARALLAX: "the camera moved sideways; shoot again without moving it",
    Reason.LOW_OVERLAP: "the camera rotated too far between the shots; shoot again, or lower --min-overlap",
    Reason.TOO_SMALL: "lower --height or --size as the message says",
    Reason.EXPOSURE_MISMATCH: "expose both shots alike; --match-exposure repairs what a gain can",
    Reason.LOW_SIMILARITY: "something moved between the shots; look at them",
    Reason.TOO_LITTLE_BLUR: "open the aperture further, move nearer to the subject, or lower --min-blur-px",
    Reason.MISALIGNED: "an imported pair that is not in register: ebb import --realign registers it",
    Reason.MISSED_FOCUS: "nothing is sharp in both photos: shoot again, focused on the subject",
    Reason.NO_DEPTH: "put a PHOTO_depth.png beside the (wide) photo, or choose another --provider",
    Reason.BAD_DEPTH: "make the depth file again in the aspect ratio of the photo, or check --model-*",
    Reason.SPLIT_CONFLICT: "its session or its scene has pairs in two splits, so it is left out",
    Reason.LOW_QUALITY: "lower --min-quality to have it in the shards",
    Reason.NO_PREDICTION: "name its picture after the pair_id, or see what the model said about the pair",
    Reason.BAD_PREDICTION: "the picture must have the size of the shallow photo, in RGB",
    Reason.WORKER_CRASH: "the decoder crashed on this file; convert it, or leave it out",
    Reason.TIMEOUT: "raise --item-timeout if the file is only slow",
    Reason.OUT_OF_MEMORY: "lower --workers or --height",
    Reason.INTERNAL_ERROR: "please report it with the output of ebb doctor",
}


class EbbError(Exception):
    """Base class of all expected errors.

    Args:
        message: Description of the error and its cause.
        path: The file or folder concerned, if any.
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
    """An option, setting, argument or hand-written file is invalid.

    Examples:
        >>> print(ebb.UsageError("--val 2.5 is neither a share below 1 nor a whole count"))
        --val 2.5 is neither a share below 1 nor a whole count
    """

    exit_code = ExitCode.USAGE


class InvalidInput(EbbError):
    """An input folder, dataset or shard is missing or invalid.

    Examples:
        >>> ebb.InvalidInput("no such folder", path="raw").exit_code.value
        4
    """

    exit_code = ExitCode.INVALID_INPUT


class OutputError(EbbError):
    """Output cannot be written.

    Examples:
        >>> ebb.OutputError("the disk is full", path="set", hint="free some space").hint
        'free some space'
    """

    exit_code = ExitCode.CANNOT_WRITE


class MissingDependency(EbbError):
    """An optional package or a weights file is missing; the hint contains the command that installs it.

    Examples:
        >>> ebb.MissingDependency("PyTorch is not installed", hint="pip install 'ebb-bokeh[train]'").hint
        "pip install 'ebb-bokeh[train]'"
    """

    exit_code = ExitCode.MISSING


class DatasetLocked(EbbError):
    """The dataset folder is in use by another process.

    Examples:
        >>> print(ebb.DatasetLocked("the folder is in use by another run", path="dataset"))
        dataset: the folder is in use by another run
    """

    exit_code = ExitCode.LOCKED


class ItemError(EbbError):
    """A capture or pair could not be processed; recorded as a row with a reason, without ending the run.

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
        """Copy of the error with a path."""
        return type(self)(self.reason, self.message, path=path, measurements=self.measurements)


class Rejected(ItemError):
    """A capture or pair does not meet a criterion; ``measurements`` are the values it was tested on.

    Examples:
        >>> ebb.Rejected(ebb.Reason.LOW_OVERLAP, "too little", measurements={"overlap": 0.4}).measurements
        {'overlap': 0.4}
    """

    status = Status.REJECTED


class Broken(ItemError):
    """Processing failed, e.g. by an unreadable file, a crash or a timeout.

    Examples:
        >>> ebb.Broken(ebb.Reason.CORRUPT_INPUT, "is truncated", path="IMG_1.JPG").status.value
        'error'
    """

    status = Status.ERROR
