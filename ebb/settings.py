"""Settings as frozen dataclasses, one for each stage, which define all defaults.

The limits of measurements are inherited from their table (:mod:`ebb.measurements`). A value comes from the
first source that has it: flag, environment (``EBB_ALIGN_HEIGHT``), ``--config`` file, ``ebb.toml`` of the
dataset folder, default. The docstrings of the fields are the help texts of the flags. Settings that change
the result are part of the key of their stage; those of a run (:class:`RunSettings`) are not.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - fields keep their types at run time, for ebb.codec
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, cast

from ebb.codec import from_plain, to_plain
from ebb.documents import read_toml
from ebb.errors import UsageError
from ebb.measurements import GATED, PROFILES, Limits
from ebb.normalisation import Normalisation, parse_normalisation
from ebb.settings_checks import countable, limit, not_negative, positive, share

if TYPE_CHECKING:
    from ebb.arrays import Size

Settings = TypeVar("Settings")

MAX_PIXELS = 120_000_000
"""Pixels of the largest image that a reader decodes; headers that claim more are refused.

``--max-megapixels`` sets another limit for photos.
"""


@dataclass(frozen=True, kw_only=True)
class IngestSettings:
    """Pairing of captures.

    Examples:
        >>> ebb.IngestSettings(shallow_f=1.4).wide_f
        16.0
    """

    wide_f: float = 16.0
    """F-number of the wide photo (everything in focus)."""
    shallow_f: float = 1.8
    """F-number of the shallow photo (blurred background)."""
    f_tolerance: float = 0.16
    """Largest difference between a recorded and the nominal f-number, in stops."""
    apertures: Literal["exact", "extremes"] = "exact"
    """exact: the two f-numbers above. extremes: smallest and largest aperture of each group of shots."""
    series: bool = False
    """Pair all photos of a scene with that at its smallest aperture: f/16, f/8, f/2.8 and f/1.8 give three
    pairs with one wide photo. --wide-f, --shallow-f and --apertures are not used."""
    max_gap: float = 30.0
    """Longest time between the two shots of a pair, in seconds."""
    pairs: Path | None = None
    """CSV file with the columns wide and shallow: only these pairs are made. Rows may share a wide photo."""
    max_megapixels: float = MAX_PIXELS / 1e6
    """Largest accepted size of a photo, in megapixels."""

    def __post_init__(self) -> None:
        positive(self, "wide_f", "shallow_f", "f_tolerance", "max_gap", "max_megapixels")
        countable(self, "wide_f", "max_megapixels")
        if self.wide_f <= self.shallow_f:
            raise UsageError(
                f"--wide-f {self.wide_f:g} is not larger than --shallow-f {self.shallow_f:g}",
                hint="the wide photo is the one with the larger f-number",
            )


@dataclass(frozen=True, kw_only=True)
class RegistrationSettings:
    """Registration of two photos, and the stored result."""

    height: int = 1024
    """Height of the stored photos in pixels; smaller common crops are rejected. 0: that of the crop."""
    max_keypoints: int = 4000
    """Largest number of SIFT keypoints per photo."""
    match_ratio: float = 0.8
    """Threshold of the ratio test: nearest to second-nearest descriptor distance."""
    ransac_threshold_px: float = 1.5
    """Largest transfer error of an inlier, in pixels at 1024 px height."""
    robust: Literal["usac", "ransac"] = "usac"
    """Sampling of the first homography: OpenCV's USAC, or plain RANSAC as in the paper."""
    motion: Literal["auto", "translation", "similarity", "rotation", "homography"] = "auto"
    """Motion model between the shots. auto: selected by the error on held-out matches. rotation: rotation of
    the camera about its centre, with a change of focal length."""
    match_exposure: bool = False
    """Scale the shallow photo to the wide one's brightness, within --max-brightening-ev and --max-cut-off."""


@dataclass(frozen=True, kw_only=True)
class AlignSettings(Limits, RegistrationSettings):
    """Alignment of the two photos of a pair, and limits for its rejection.

    Examples:
        >>> ebb.AlignSettings(height=512).min_overlap
        0.7
    """

    @classmethod
    def of_profile(cls, profile: str, **changes: Any) -> Self:  # noqa: ANN401 - fields have various types
        """Settings with the limits of a profile (:data:`ebb.measurements.PROFILES`).

        Args:
            profile: ``clean`` or ``paper``.
            changes: Other settings, and limits that differ from the profile's.

        Raises:
            UsageError: there is no such profile.

        Examples:
            >>> settings = ebb.AlignSettings.of_profile("paper", height=512)
            >>> settings.height, settings.max_exposure_ev, ebb.AlignSettings().max_exposure_ev
            (512, 3.0, 1.0)
        """
        if profile not in PROFILES:
            raise UsageError(f"there is no profile {profile!r}", hint=f"profiles: {', '.join(PROFILES)}")
        return cls(**{**dataclasses.asdict(PROFILES[profile]), **changes})

    @property
    def ranking(self) -> AlignSettings:
        """Limits that quality is relative to: those of profile ``clean``, with exposure treated alike."""
        return AlignSettings(match_exposure=self.match_exposure)

    def __post_init__(self) -> None:
        positive(self, "max_keypoints", "match_ratio", "ransac_threshold_px")
        share(self, "match_ratio")
        for row in GATED:
            if row.gate is not None:
                limit(self, row.gate, row.unit)
        if self.min_inliers < 5:
            raise UsageError(f"--min-inliers {self.min_inliers}", hint="any four matches fit a homography")
        if self.height < 0 or self.height % 2:
            what = "negative" if self.height < 0 else "odd"
            raise UsageError(f"--height {self.height} is {what}", hint="depth maps have half the height")


@dataclass(frozen=True, kw_only=True)
class DepthSourceSettings:
    """Source of depth."""

    provider: str = "megadepth"
    """megadepth: the network of the EBB! release. sidecar: files PHOTO_depth.png (or tif, npy, npz).
    import: maps of an imported data set, where it has some. embedded: maps in phones' JPEG and HEIC files.
    onnx, transformers: the network given by --model. none: no depth maps. Or the name of a plug-in."""
    sidecar_values: Literal["inverse", "distance"] = "inverse"
    """Meaning of the values in sidecar files: inverse (larger is nearer) or distance (larger is farther)."""
    weights: Path | None = None
    """Weights file of MegaDepth; by default the file from ebb weights download."""
    bf16: bool = False
    """Run MegaDepth in bfloat16, which is about three times as fast on processors that support it. With four
    sets of random weights, the map changed by at most 6 to 34 of 255 grey levels, on average by 0.04 to 0.7;
    the change with the published weights was not measured."""
    model: str = ""
    """onnx: a file. transformers: a folder, or the id of a model on the Hugging Face hub."""
    model_download: bool = False
    """Download --model from the hub before the run; otherwise the model must be in the cache."""
    model_size: int = 0
    """Shorter side of the input of the model in pixels; 0: the size that the model was made for."""
    model_multiple: int = 0
    """Both sides of the input are multiples of this; 0: the value that the model was made for."""
    model_normalisation: str = "auto"
    """Normalisation of the input: imagenet, half (-1...1), unit (0...1), or means and standard deviations as
    six numbers: 0.48,0.46,0.41,0.27,0.26,0.28. auto: as stored with the model, else imagenet."""
    model_output: Literal["auto", "inverse", "distance", "log_distance"] = "auto"
    """Output of the model: inverse depth (larger is nearer), distance, or the logarithm of distance. auto: as
    stored with the model, else inverse."""
    device: str = "auto"
    """Device of the networks: cpu, cuda, cuda:1, ...; auto: cuda if available."""

    def __post_init__(self) -> None:
        not_negative(self, "model_size", "model_multiple")
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
    """Source of depth maps, and how they are stored.

    Examples:
        >>> ebb.DepthSettings(provider="none").device
        'auto'
    """

    keep_float: bool = False
    """Also store inverse depth as 16-bit floats, with its range, beside the 8-bit map and in the shards."""


@dataclass(frozen=True, kw_only=True)
class ShardSettings:
    """Assignment of pairs to train, val and test, and size of the shards.

    Examples:
        >>> ebb.ShardSettings(test=200).val
        0.1
    """

    test: float = 0.1
    """Test pairs: a number (200) or a share (0.1) of all pairs found, including rejected ones."""
    val: float = 0.1
    """Validation pairs: a number or a share, likewise."""
    session_gap: float = 300.0
    """Pairs of one camera closer in time than this, in seconds, are a session and share a split."""
    shard_size: float = 500.0
    """Target size of a shard, in megabytes."""
    min_quality: float = 0.0
    """Leave out pairs with a lower quality rank, 0 to 1; 0.5 keeps the pairs that profile clean accepts."""
    refuse: bool = False
    """Leave out imported pairs that the limits refuse; --refuse=false includes them again."""

    def __post_init__(self) -> None:
        positive(self, "session_gap", "shard_size")
        share(self, "min_quality")
        for name in ("test", "val"):
            value = getattr(self, name)
            if not 0 <= value < math.inf or (value >= 1 and value != int(value)):
                raise UsageError(f"--{name} {value:g} is neither a share below 1 nor a whole count")


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """Worker processes; these settings do not change the result."""

    memory_limit: bool = True
    """Limit each local worker to its share of the memory; --memory-limit=false removes the limit."""
    runner: Literal["local", "ray"] = "local"
    """local: processes on this machine. ray: the Ray cluster at RAY_ADDRESS, or one started here."""
    workers: int = 0
    """Number of worker processes; 0: one per core."""
    item_timeout: float = 120.0
    """Processor time per photo or pair on each core of its worker, in seconds; the elapsed time is limited to
    five times as long. An item that takes longer is stopped and tried once more, alone, at the end. With
    --runner ray: elapsed time, since each item has a core to itself."""

    def __post_init__(self) -> None:
        positive(self, "item_timeout")
        not_negative(self, "workers")
        countable(self, "item_timeout")

    @property
    def num_workers(self) -> int:
        """Worker processes to start."""
        return self.workers if self.workers > 0 else len(os.sched_getaffinity(0))


@dataclass(frozen=True, kw_only=True)
class PairRunSettings(WorkerSettings):
    """Execution of a stage over pairs; these settings do not change the result."""

    retry_rejected: bool = False
    """Repeat rejected pairs, too; failed pairs are always repeated."""
    max_reject: float = 1.0
    """Exit with code 3 if the share of rejected pairs is larger than this."""

    def __post_init__(self) -> None:
        super().__post_init__()
        share(self, "max_reject")


@dataclass(frozen=True, kw_only=True)
class RunSettings(PairRunSettings):
    """Execution of a run; these settings do not change the result.

    Examples:
        >>> ebb.RunSettings(workers=2).item_timeout
        120.0
    """

    depth_batch: int = 0
    """Batch size of the depth network, for photos of equal size; 0: 8 on a GPU, otherwise 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        not_negative(self, "depth_batch")


@dataclass(frozen=True, kw_only=True)
class SimulateSettings:
    """Simulated captures.

    Examples:
        >>> ebb.SimulateSettings(size="384x256").frame
        Size(width=384, height=256)
    """

    scenes: int = 0
    """Number of pairs; 0: 20, or one for each photo of --from-rgbd."""
    seed: int = 0
    """Random seed; a pair depends only on the seed and its number."""
    bad: float = 0.2
    """Share of pairs with a defect: unrelated scenes, moved subject, missed focus, parallax, ..."""
    size: str = "1296x864"
    """Frame in pixels, landscape, both sides even; a third of the procedural pairs are portrait."""
    format: Literal["dng", "jpeg"] = "dng"
    """Format of the camera files."""
    low_pass: float = 0.5
    """Displacement of the optical low-pass filter to each side, in pixels; 0: no filter."""
    from_rgbd: Path | None = None
    """Use the photos in this folder that have a file PHOTO_depth.{png,tif,npy,npz} as scenes."""
    rgbd_depth: Literal["inverse", "metres"] = "inverse"
    """Values of these files: inverse depth (larger is nearer; scaled to 1.2...12 m) or distance in metres."""

    def __post_init__(self) -> None:
        share(self, "bad", "low_pass")
        not_negative(self, "scenes", "seed")
        sides = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", self.size)
        if sides is None or int(sides[1]) < int(sides[2]):
            raise UsageError(f"--size {self.size}", hint="width x height of a landscape, as in 1296x864")
        if int(sides[1]) % 2 or int(sides[2]) % 2:
            raise UsageError(f"--size {self.size}: an odd side", hint="a Bayer sensor has 2 x 2 cells")

    @property
    def frame(self) -> Size:
        """:attr:`size` in numbers."""
        from ebb.arrays import Size  # not above: it imports NumPy, which --help does not need

        return Size(*map(int, self.size.split("x")))


SECTIONS: dict[str, type] = {
    "ingest": IngestSettings,
    "align": AlignSettings,
    "depth": DepthSettings,
    "shard": ShardSettings,
    "run": RunSettings,
    "simulate": SimulateSettings,
}
"""Section of the TOML file → class of its settings."""


def section_of(kind: type) -> str:
    """Section of the TOML file for a class of settings."""
    return next(name for name, one in SECTIONS.items() if one is kind)


def read_sections(path: Path) -> dict[str, dict[str, Any]]:
    """Read a settings file and refuse sections and keys that are not in :data:`SECTIONS`.

    Raises:
        UsageError: the file is not TOML, or has an unknown section or key.
    """
    sections = read_toml(path, "settings")
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
    try:
        return from_plain(cls, values, name="")
    except ValueError as error:
        raise UsageError(str(error)) from error


def as_dict(settings: object) -> dict[str, Any]:
    """Convert a settings dataclass to plain values that JSON and TOML can hold; ``None`` is left out.

    Equal settings give equal text: a whole number in place of a float becomes one.
    """
    values = cast("dict[str, Any]", to_plain(settings))
    kinds = {field.name: field.type for field in dataclasses.fields(settings)}  # type: ignore[arg-type]
    return {
        name: float(value) if kinds[name] == "float" else value
        for name, value in values.items()
        if value is not None
    }


def canonical_json(value: object) -> str:
    """Return JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
