"""The next command after each verb, for the last line of its output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebb.errors import Status
from ebb.hints import command, flags, quoted
from ebb.settings import AlignSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ebb.report.status import DatasetStatus, PairStatus
    from ebb.settings import IngestSettings, SimulateSettings

_STAGE_AFTER = {"ingest": "align", "align": "depth", "depth": "shard"}


def after_ingest(raw_dir: Path, num_pairs: int, dataset: Path) -> str:
    """After pairing: the next stage, or the explanation of a file if there are no pairs."""
    return command("align" if num_pairs else f"ingest {quoted(raw_dir)} --explain FILE", dataset)


def after_preview(raw_dir: Path, num_pairs: int, dataset: Path, settings: IngestSettings) -> str:
    """After a dry run: the same with writing, or the explanation of a file if there are no pairs."""
    explain = "" if num_pairs else " --explain FILE"
    return command(f"ingest {quoted(raw_dir)}{explain}{flags(settings)}", dataset)


def after_stage(stage: str, num_ok: int, dataset: Path) -> str:
    """After a stage: the next stage, or the list of pairs if none is left."""
    return command(_STAGE_AFTER[stage] if num_ok else "status --pairs", dataset)


def after_run(
    raw_dir: Path, pairs: Sequence[PairStatus], dataset: Path, splits: Mapping[str, int] | None
) -> str:
    """After a run: what follows the shards, or the list of pairs if there are no shards.

    Args:
        raw_dir: The folder that was read.
        pairs: Status of all pairs.
        dataset: The dataset folder.
        splits: Number of pairs in the shards of each split; None: there are no shards.
    """
    if splits is not None:
        return after_shards(splits, dataset)
    return command("status --pairs", dataset) if pairs else after_ingest(raw_dir, 0, dataset)


def after_shards(splits: Mapping[str, int], dataset: Path) -> str:
    """After the shards are written: training, if there are pairs for it."""
    if splits.get("train"):
        return training(dataset)
    return "to train, add pairs; or assign the splits anew: a new --dataset folder with --test 0 --val 0"


def training(dataset: Path) -> str:
    """A short training on a dataset folder or an EBB! folder, without depth unless all pairs have it."""
    flat = "" if _has_depth(dataset) else " --in-channels 3"
    return f"ebb-train fit {quoted(dataset)} --out runs/first --schedule smoke --width 0.125{flat}"


def _has_depth(dataset: Path) -> bool:
    """Whether every wide photo has a depth map."""
    wide = [path.parent / "depth.png" for path in dataset.glob("pairs/*/wide.png")]
    wide += [path.parents[1] / "original_depth" / f"{path.stem}.png" for path in dataset.glob("*/original/*")]
    return bool(wide) and all(depth.exists() for depth in wide)


def after_simulate(out_dir: Path, settings: SimulateSettings) -> str:
    """A run on simulated captures, at a height that cropped landscape photos still have."""
    lines = int(0.9 * settings.frame.height) // 64 * 64
    height = f" --height {max(lines, 64)}" if lines < AlignSettings().height else ""
    return f"ebb run {quoted(out_dir)} --provider sidecar{height}"


def after_status(report: DatasetStatus, dataset: Path) -> str:
    """The first stage with pairs left, otherwise the picture of a rejected pair, otherwise ``verify``."""
    for stage in report.stages:
        if stage.left:
            return command(stage.stage, dataset)
    return after_report(report.pairs, dataset)


def after_verify(dataset: Path, *, is_intact: bool, has_state: bool) -> str:
    """The export of an intact data set; otherwise another run, or a new copy of shards alone."""
    if is_intact:
        return command("export --layout ebb OUT_DIR", dataset)
    return command("run RAW_DIR", dataset) if has_state else "copy the folder again from where it was made"


def after_report(pairs: Sequence[PairStatus], dataset: Path) -> str:
    """The picture of the first pair that alignment rejected, otherwise ``verify``."""
    rejected = [pair for pair in pairs if pair.status is Status.REJECTED and pair.stage == "align"]
    return command(f"align --debug {rejected[0].pair_id}" if rejected else "verify", dataset)
