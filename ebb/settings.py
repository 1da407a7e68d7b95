"""Settings: one frozen dataclass a stage, the only place where a default is written.

The limits of measurements are inherited from their table (:mod:`ebb.measurements`).

A value comes from the first source that has it: flag, environment (``EBB_ALIGN_HEIGHT``), ``--config``
file, ``ebb.toml`` of the dataset folder, default. The field comments below are the help texts of the flags.
Settings that change the result belong to a stage and are part of its key; how a run is carried out
(:class:`RunSettings`) is not.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from ebb.errors import UsageError
from ebb.measurement_types import Unit
from ebb.measurements import GATED, Limits
from ebb.normalisation import Normalisation, parse_normalisation

if TYPE_CHECKING:
    from ebb.arrays import Size

Settings = TypeVar("Settings")


@dataclass(frozen=True, kw_only=True)
class IngestSettings:
    """How captures are paired.

    Examples:
        >>> ebb.IngestSettings(shallow_f=1.4).wide_f
        16.0
    """

    wide_f: float = 16.0
    """F-number of the wide photo (large depth of field)."""
    shallow_f: float = 1.8
    """F-number of the shallow photo."""
    f_tolerance: float = 0.16
    """How far a recorded f-number may be from the nominal one, in stops."""
    apertures: Literal["exact", "extremes"] = "exact"
    """exact: the two f-numbers above. extremes: smallest and largest aperture of each group of shots."""
    max_gap: float = 30.0
    """Longest time between the two shots of a pair, in seconds."""
    pairs: Path | None = None
    """CSV with the columns wide and shallow: pairs these files and no others."""
    max_megapixels: float = 120.0
    """Refuse files that claim more pixels than this."""

    def __post_init__(self) -> None:
        _positive(self, "wide_f", "shallow_f", "f_tolerance", "max_gap", "max_megapixels")
        if self.wide_f <= self.shallow_f:
            raise UsageError(
                f"--wide-f {self.wide_f:g} is not larger than --shallow-f {self.shallow_f:g}",
                hint="the wide photo is the one with the larger f-number",
            )


@dataclass(frozen=True, kw_only=True)
class RegistrationSettings:
    """How the motion between two photos is found, and what is made of them."""

    height: int = 1024
    """Height of the stored photos in pixels; smaller common crops are rejected, never enlarged."""
    max_keypoints: int = 4000
    """SIFT keypoints kept for each photo."""
    match_ratio: float = 0.8
    """Ratio test: nearest to second-nearest descriptor distance."""
    ransac_threshold_px: float = 1.5
    """Largest transfer error of an inlier, in pixels at 1024 px height."""
    robust: Literal["usac", "ransac"] = "usac"
    """How the first homography is sampled: OpenCV's USAC, or plain RANSAC as in the paper."""
    motion: Literal["auto", "translation", "similarity", "rotation", "homography"] = "auto"
    """Motion between the shots; auto: chosen by how well each predicts what it was not fitted to. rotation: a
    camera that turns about its centre and changes focal length."""
    match_exposure: bool = False
    """Make the shallow photo as bright as the wide one; the gain is measured and stored in any case."""


@dataclass(frozen=True, kw_only=True)
class AlignSettings(Limits, RegistrationSettings):
    """How the two photos of a pair are brought into register, and when a pair is rejected.

    Examples:
        >>> ebb.AlignSettings(height=512).min_overlap
        0.6
    """

    def __post_init__(self) -> None:
        _positive(self, "height", "max_keypoints", "match_ratio", "ransac_threshold_px")
        _share(self, "match_ratio")
        for row in GATED:
            if row.gate is not None:
                check = _share if row.unit in (Unit.SHARE, Unit.CORRELATION, Unit.RATIO) else _positive
                check(self, row.gate.setting)
        if self.min_inliers < 5:
            raise UsageError(f"--min-inliers {self.min_inliers}", hint="any four matches fit a homography")
        if self.height % 2:
            raise UsageError(f"--height {self.height} is odd", hint="depth maps have half the height")


@dataclass(frozen=True, kw_only=True)
class DepthSourceSettings:
    """Where depth comes from."""

    provider: str = "megadepth"
    """megadepth: the network of the EBB! release. sidecar: files PHOTO_depth.png (tif, npy, npz).
    embedded: maps that phones store in their JPEG and HEIC files. onnx, transformers: the network in --model.
    none: no depth maps. Or the name of an installed plug-in."""
    sidecar_values: Literal["inverse", "distance"] = "inverse"
    """What the numbers in sidecar files mean: inverse (larger is nearer) or distance (larger is farther)."""
    weights: Path | None = None
    """Weights file of MegaDepth; without it the one that ebb weights download fetched."""
    bf16: bool = False
    """Run MegaDepth in bfloat16: about three times as fast on processors that have it. With four sets of
    made-up weights the map changed by 6 to 34 of the 255 grey levels at most, 0.04 to 0.7 on average; with
    the published ones this was not measured."""
    model: str = ""
    """onnx: a file. transformers: a folder, or the id of a model of the Hugging Face hub."""
    model_download: bool = False
    """Let transformers fetch --model from the hub before the run; else it must be in the cache already."""
    model_size: int = 0
    """Shorter side of the photo as the model sees it, in pixels; 0: what the model was made for."""
    model_multiple: int = 0
    """Both sides become multiples of this; 0: what the model was made for."""
    model_normalisation: str = "auto"
    """What the model expects of colours: imagenet, half (-1...1), unit (0...1), or means and standard
    deviations as six numbers: 0.48,0.46,0.41,0.27,0.26,0.28. auto: what the model says, else imagenet."""
    model_output: Literal["auto", "inverse", "distance", "log_distance"] = "auto"
    """What the model estimates: inverse depth (larger is nearer), distance, or the logarithm of distance.
    auto: what the model says, else inverse."""
    device: str = "auto"
    """Where networks run: cpu, cuda, cuda:1, ...; auto: cuda where there is one."""

    def __post_init__(self) -> None:
        for name in ("model_size", "model_multiple"):
            if getattr(self, name) < 0:
                raise UsageError(f"{_flag(name)} {getattr(self, name)} is negative")
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", self.device):
            raise UsageError(f"--device {self.device}", hint="auto, cpu, cuda or cuda:1")
        if self.model_normalisation != "auto":
            parse_normalisation(self.model_normalisation)

    @property
    def normalisation(self) -> Normalisation | None:
        """:attr:`model_normalisation` in numbers; None for ``auto``."""
        return None if self.model_normalisation == "auto" else parse_normalisation(self.model_normalisation)


@dataclass(frozen=True, kw_only=True)
class DepthSettings(DepthSourceSettings):
    """Where depth maps come from, and how they are stored.

    Examples:
        >>> ebb.DepthSettings(provider="none").device
        'auto'
    """

    keep_float: bool = False
    """Also keep inverse depth in 16-bit floats, with its range, beside the 8-bit map and in the shards."""


@dataclass(frozen=True, kw_only=True)
class ShardSettings:
    """How pairs become train, val and test shards.

    Examples:
        >>> ebb.ShardSettings(test=200).val
        0.1
    """

    test: float = 0.1
    """Test pairs: a count (200) or a share (0.1)."""
    val: float = 0.1
    """Validation pairs: a count or a share."""
    session_gap: float = 300.0
    """Pairs of one camera closer in time than this (seconds) are one session and never split."""
    shard_size: float = 500.0
    """Target size of one shard in megabytes."""

    def __post_init__(self) -> None:
        _positive(self, "session_gap", "shard_size")
        for name in ("test", "val"):
            value = getattr(self, name)
            if not 0 <= value < math.inf or (value >= 1 and value != int(value)):
                raise UsageError(f"--{name} {value:g} is neither a share below 1 nor a whole count")


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """How worker processes are run; never changes the result."""

    memory_limit: bool = True
    """Stop a local worker that allocates more than its share of memory; --memory-limit=false lets it."""
    runner: Literal["local", "ray"] = "local"
    """local: processes of this machine. ray: the Ray cluster at RAY_ADDRESS, or one started here."""
    workers: int = 0
    """Worker processes; 0: one a core."""
    item_timeout: float = 120.0
    """Seconds one photo or pair may take before its worker is replaced."""

    def __post_init__(self) -> None:
        _positive(self, "item_timeout")
        if self.workers < 0:
            raise UsageError(f"--workers {self.workers} is negative")

    @property
    def num_workers(self) -> int:
        """Worker processes to start."""
        return self.workers if self.workers > 0 else len(os.sched_getaffinity(0))


@dataclass(frozen=True, kw_only=True)
class PairRunSettings(WorkerSettings):
    """How a stage is run over pairs; never changes the result."""

    retry_failed: bool = False
    """Also try again what was rejected, not only what broke."""
    max_reject: float = 1.0
    """Exit with 3 when a larger share of the pairs is rejected."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _share(self, "max_reject")


@dataclass(frozen=True, kw_only=True)
class RunSettings(PairRunSettings):
    """How a run is carried out; never changes the result.

    Examples:
        >>> ebb.RunSettings(workers=2).item_timeout
        120.0
    """

    depth_batch: int = 0
    """Photos of equal size that go through a depth network at once; 0: 8 on a GPU, else 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.depth_batch < 0:
            raise UsageError(f"--depth-batch {self.depth_batch} is negative")


@dataclass(frozen=True, kw_only=True)
class SimulateSettings:
    """What is photographed when captures are simulated.

    Examples:
        >>> ebb.SimulateSettings(size="384x256").frame
        Size(width=384, height=256)
    """

    scenes: int = 0
    """Pairs to make; 0: 20, or one for each photo of --from-rgbd."""
    seed: int = 0
    """Seed of everything; pair 7 of a seed is the same however many pairs are made."""
    bad: float = 0.2
    """Share of pairs that should be rejected: unrelated, moved subject, missed focus, parallax, ..."""
    size: str = "1296x864"
    """Frame in pixels, landscape, both sides even; a third of the procedural pairs are portrait."""
    format: Literal["dng", "jpeg"] = "dng"
    """Camera files to write."""
    low_pass: float = 0.5
    """Pixels to which the filter before the sensor splits light to each side, against moire; 0: no filter."""
    from_rgbd: Path | None = None
    """Photograph the photos of this folder that have a <photo>_depth.{png,tif,npy,npz} beside them."""
    rgbd_depth: Literal["inverse", "metres"] = "inverse"
    """What those depth files hold: inverse (larger is nearer; put at 1.2 to 12 m) or distances in metres."""

    def __post_init__(self) -> None:
        _share(self, "bad", "low_pass")
        for name in ("scenes", "seed"):
            if getattr(self, name) < 0:
                raise UsageError(f"{_flag(name)} {getattr(self, name)} is negative")
        sides = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", self.size)
        if sides is None or int(sides[1]) < int(sides[2]):
            raise UsageError(
                f"--size {self.size}", hint="width x height of a landscape frame, as in 1296x864"
            )
        if int(sides[1]) % 2 or int(sides[2]) % 2:
            raise UsageError(
                f"--size {self.size}: an odd side", hint="a Bayer sensor has cells of 2 x 2 pixels"
            )

    @property
    def frame(self) -> Size:
        """:attr:`size` in numbers."""
        from ebb.arrays import Size  # not above: it imports NumPy, which --help has no use for

        return Size(*map(int, self.size.split("x")))


SECTIONS: dict[str, type] = {
    "ingest": IngestSettings,
    "align": AlignSettings,
    "depth": DepthSettings,
    "shard": ShardSettings,
    "run": RunSettings,
    "simulate": SimulateSettings,
}
"""Section of the TOML file → the settings it fills."""


def section_of(kind: type) -> str:
    """The section of the TOML file that fills these settings."""
    return next(name for name, one in SECTIONS.items() if one is kind)


def read_toml(path: Path) -> dict[str, dict[str, Any]]:
    """Read a settings file and refuse what :data:`SECTIONS` does not know.

    Raises:
        UsageError: the file is not TOML, or has an unknown section or key.
    """
    try:
        sections = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read settings: {error.strerror}", path=path) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"cannot read settings: {error}", path=path) from error
    sections.pop("versions", None)
    for name, values in sections.items():
        _check_section(path, name, values)
    return sections


def _check_section(path: Path, name: str, values: object) -> None:
    if name not in SECTIONS or not isinstance(values, dict):
        raise UsageError(f"unknown section [{name}]", path=path, hint=f"known: {', '.join(SECTIONS)}")
    known = [field.name for field in dataclasses.fields(SECTIONS[name])]
    for key in values:
        if key not in known:
            raise UsageError(f"unknown key {key!r} in [{name}]", path=path, hint=f"known: {', '.join(known)}")


def from_values(cls: type[Settings], values: dict[str, Any]) -> Settings:
    """Build settings from the plain values of a TOML section.

    Raises:
        UsageError: a value has the wrong type or is out of range.
    """
    hints = get_type_hints(cls)
    return cls(**{name: _typed(name, value, hints[name]) for name, value in values.items()})


def _typed(name: str, value: object, hint: Any) -> object:  # noqa: ANN401 - a type hint is any object
    choices = get_args(hint)
    if get_origin(hint) is Literal:
        if value not in choices:
            raise UsageError(f"{name} = {value!r}", hint=f"one of: {', '.join(map(str, choices))}")
        return value
    if Path in choices and isinstance(value, str):
        return Path(value)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise UsageError(f"{name} = {value!r} is not of type {getattr(hint, '__name__', hint)}")
    return value


def _positive(settings: object, *names: str) -> None:
    for name in names:
        if not getattr(settings, name) > 0:
            raise UsageError(f"{_flag(name)} {getattr(settings, name):g} is not positive")


def _share(settings: object, *names: str) -> None:
    for name in names:
        if not 0 <= getattr(settings, name) <= 1:
            raise UsageError(f"{_flag(name)} {getattr(settings, name):g} is not between 0 and 1")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def as_dict(settings: object) -> dict[str, Any]:
    """Turn a settings dataclass into plain values that JSON and TOML can hold; ``None`` is left out."""
    fields = dataclasses.asdict(settings)  # type: ignore[call-overload]
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in fields.items()
        if value is not None
    }


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
