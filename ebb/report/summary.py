"""Results of the verbs as plain text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ebb.dataset.catalog import pairs_of
from ebb.errors import Reason, Status
from ebb.hints import command
from ebb.names import counted
from ebb.tables import table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebb.pipeline import PipelineReport
    from ebb.report.debug_picture import DebugReport
    from ebb.report.status import DatasetStatus, PairStatus
    from ebb.runner.stage import StageReport
    from ebb.stages.export import ExportReport
    from ebb.stages.ingest import IngestReport
    from ebb.stages.shard import ShardReport
    from ebb.stages.verify import VerifyReport

MAX_LISTED = 40
"""Largest number of lines in a list; captures.parquet and ``ebb status --pairs`` contain all."""


def ingest_text(report: IngestReport) -> str:
    """Counts, the files that are not used, and every reason with advice.

    Failed files are only counted, since the progress has reported them.
    """
    found = {"file": report.num_files, "capture": report.num_captures, "pair": report.num_pairs}
    lines = [", ".join(counted(number, noun) for noun, number in found.items())]
    if 0 < report.num_scenes < report.num_pairs:
        lines[0] += f" of {counted(report.num_scenes, 'scene')}"
    if len(report.wide_f_numbers) > 1:
        counts = [f"{f_number} in {counted(n, 'scene')}" for f_number, n in report.wide_f_numbers.items()]
        lines.append(f"wide photos: {', '.join(counts)}")
    if report.num_further:
        verb = "holds" if report.num_further == 1 else "hold"
        more = f"{counted(report.num_further, 'scene')} {verb} photos at further apertures"
        lines.append(f"{more}; --series uses them")
    aside = [(row.name, str(row.reason), row.detail) for row in report.rows if row.status is Status.REJECTED]
    if aside:
        lines += ["", table(("not used", "reason", "detail"), aside[:MAX_LISTED])]
        lines += [f"… and {len(aside) - MAX_LISTED} more in captures.parquet"] * (len(aside) > MAX_LISTED)
    lines += ["", _reasons(report.reasons)] if report.reasons else []
    return "\n".join(lines)


def preview_text(report: IngestReport) -> str:
    """The text of an ingest, and the files of each pair with the explanation for the shallow one."""
    parts = [ingest_text(report)]
    if pairs := pairs_of(report.rows):
        rows = [(pair.wide.name, pair.shallow.name, pair.shallow.detail) for pair in pairs[:MAX_LISTED]]
        parts.append(table(("wide", "shallow", "why"), rows))
    if len(pairs) > MAX_LISTED:
        parts[-1] += f"\n… and {len(pairs) - MAX_LISTED} more: --json lists all"
    return "\n\n".join(parts)


def stage_text(report: StageReport) -> str:
    """Counts of a stage, and every reason with advice."""
    counts = f"{report.ok} ok, {report.rejected} rejected, {report.failed} failed"
    unchanged = f" ({report.unchanged} unchanged since the last run)" if report.unchanged else ""
    reasons = f"\n\n{_reasons(report.reasons)}" if report.reasons else ""
    return "\n".join([f"{report.stage}: {counts}{unchanged}", *report.notes]) + reasons


def debug_text(report: DebugReport) -> str:
    """Status of the pair."""
    verdict = f"rejected: {report.verdict}: {report.detail}" if report.detail else "accepted"
    return f"{report.pair_id} {verdict}"


def shard_text(report: ShardReport) -> str:
    """Folder of the shards, their size and their pairs by split."""
    splits = ", ".join(f"{count} {split}" for split, count in report.splits.items())
    left = f"\n{_left_out(report)}" if report.left_out else ""
    groups = report.near_duplicates_across_splits
    if groups:
        example = " ".join(groups[0])
        left += (
            f"\nnear-duplicates in more than one split: {counted(len(groups), 'group')}, such as {example}"
        )
    if report.num_unread:
        files = counted(report.num_unread, "camera file")
        left += f"\nsplits may still change: {files} cannot be read; repair or remove them, and run again"
    num_scenes = sum(report.scenes.values())
    if 0 < num_scenes < sum(report.splits.values()):
        splits += f"; {counted(num_scenes, 'scene')}"
    size = f"{counted(report.num_shards, 'file')}, {report.num_bytes / 1e6:.1f} MB"
    return f"shards: {report.folder} ({size}: {splits}){left}{_uneven(report.splits)}"


def _uneven(splits: Mapping[str, int]) -> str:
    """A line about splits that leave few pairs for training, or none."""
    train, others = splits.get("train", 0), splits.get("val", 0) + splits.get("test", 0)
    if train >= others:
        return ""
    found = "no pair" if not train else f"only {train} of {counted(train + others, 'pair')}"
    why = "the splits are drawn from whole sessions, rejected pairs included, and then kept"
    return f"\nnote: {found} for training: {why}; see --test, --val and --session-gap"


def _left_out(report: ShardReport) -> str:
    """Number of pairs in no shard by reason, and the command that lists them."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(report.reasons.items()))
    listed = command("status --pairs", Path(report.folder).parent)
    return f"{counted(report.left_out, 'pair')} left out ({reasons}): see {listed}"


def status_text(report: DatasetStatus, *, with_pairs: bool) -> str:
    """One line per stage and, on request, one line per pair."""
    rows = [(stage.stage, stage.done, stage.rejected, stage.failed, stage.left) for stage in report.stages]
    text = f"{counts_text(report)}\n\n{table(('stage', 'done', 'rejected', 'failed', 'left'), rows)}"
    return f"{text}\n\n{pair_table(report.pairs)}" if with_pairs else text


def counts_text(report: DatasetStatus) -> str:
    """Numbers of files, unused files and pairs of a dataset folder."""
    files, pairs = counted(report.files, "file"), counted(len(report.pairs), "pair")
    return f"{files}, {report.captures_set_aside} not used, {pairs}"


def pair_table(pairs: list[PairStatus], *, with_failures: bool = True) -> str:
    """Status of each pair.

    Args:
        pairs: The pairs, one per row.
        with_failures: Also print why a pair failed; False if the progress has reported it.
    """
    rows = [
        (
            pair.pair_id,
            pair.wide,
            pair.shallow,
            pair.split or pair.stage,
            str(pair.reason or pair.status or "left"),
            _pair_detail(pair) if with_failures or pair.status is not Status.ERROR else "",
        )
        for pair in pairs
    ]
    return table(("pair", "wide", "shallow", "in", "status", "detail"), rows)


def _pair_detail(pair: PairStatus) -> str:
    if not pair.refused_for:
        return pair.detail
    return f"the limits refuse it: {', '.join(pair.refused_for)}: {pair.refused_detail}"


def pipeline_text(report: PipelineReport) -> str:
    """Status of every file and pair."""
    parts = [ingest_text(report.ingested)] if report.ingested else []
    parts += [stage_text(stage) for stage in report.stages if stage.total]
    shown = report.status.pairs[:MAX_LISTED]
    parts += [pair_table(shown, with_failures=False)] if shown else []
    if len(shown) < len(report.status.pairs):
        more = len(report.status.pairs) - len(shown)
        parts.append(f"… and {more} more: {command('status --pairs', Path(report.dataset))}")
    parts += [shard_text(report.shards)] if report.shards else []
    return "\n\n".join(parts)


def verify_text(report: VerifyReport) -> str:
    """Number of files and rows checked, and of problems, which the progress has reported."""
    checked = f"{counted(report.num_files, 'file')}, {counted(report.num_rows, 'row')} checked"
    return f"{checked}: {counted(len(report.problems), 'problem') if report.problems else 'no problems'}"


def export_text(report: ExportReport) -> str:
    """Numbers of exported pairs by split, and the folder."""
    counts = ", ".join(f"{count} {split}" for split, count in report.splits.items())
    return f"exported to {report.folder} ({report.layout} layout, {report.image_format}): {counts}"


def _reasons(reasons: Mapping[str, int]) -> str:
    rows = [(name, count, Reason(name).advice) for name, count in sorted(reasons.items())]
    return table(("reason", "count", "what to do"), rows)
