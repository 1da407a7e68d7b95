"""The card beside a TFLite file: input, output, measurements and limitations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ebb.documents import read_json
from ebb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ebb_train.export.tflite.report import FileReport


def render_card(report: FileReport, evaluation: Mapping[str, Any] | None = None) -> str:
    """Render the model card of an exported file; equal arguments give equal text.

    Args:
        report: Report of the export.
        evaluation: Result of :func:`read_evaluation`.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ebb_train.export.tflite", "."),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown; texts go through plain()
    )
    environment.filters["plain"] = plain
    anatomy = report.anatomy
    return environment.get_template("card.md.jinja").render(
        name=report.path.stem,
        note=anatomy.note,
        bytes=anatomy.bytes,
        sha256=report.sha256,
        ops=sum(anatomy.ops.values()),
        faults=len({fault.index for fault in anatomy.faults}),
        multiply_adds=anatomy.cost.multiply_adds,
        peak=anatomy.cost.peak_bytes,
        lean_peak=anatomy.cost.lean_peak_bytes,
        parity=report.parity,
        **(evaluation or {"scores": {}, "pairs": 0, "split": ""}),
    )


def plain(text: object) -> str:
    """Text without line breaks, and with Markdown characters escaped."""
    return re.sub(r"([\\|`*_<>\[\]#])", r"\\\1", " ".join(str(text).split()))


def read_evaluation(path: Path, weights: str) -> dict[str, Any]:
    """Read the means from the ``report.json`` of ``ebb-train evaluate``.

    Args:
        path: The file.
        weights: SHA-256 of the checkpoint that must have been evaluated.

    Raises:
        InvalidInput: the file cannot be read, is not such a report, or belongs to other weights.
    """
    report = read_json(path, hint="expected: report.json of ebb-train evaluate")
    try:
        scores = {
            name: f"{cell['mean']:.4g}" if cell["mean"] is not None else f"not measured, {cell['reason']}"
            for name, cell in report["summary"].items()
        }
        evaluated = report["model"].get("weights_sha256")
        facts = {"scores": scores, "pairs": int(report["pairs"]), "split": str(report["split"])}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "expected: report.json of ebb-train evaluate"
        raise InvalidInput("not a report of an evaluation", path=path, hint=hint) from error
    if evaluated != weights:
        hint = "run ebb-train evaluate with the weights file that is exported"
        raise InvalidInput("the evaluation belongs to another model", path=path, hint=hint)
    return facts
