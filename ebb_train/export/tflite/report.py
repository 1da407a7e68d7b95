"""Report on a TFLite file: its graph, GPU support, cost and parity."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ebb.errors import ExitCode
from ebb.files import read_bytes
from ebb.names import counted
from ebb.tables import table
from ebb_train.export.parity import not_written, parity_table
from ebb_train.export.tflite import cost, lint
from ebb_train.export.tflite.graph import read_graph
from ebb_train.export.tflite.note import read_note

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ebb_train.export.parity import Parity
    from ebb_train.export.tflite.gpu import GpuVerdict
    from ebb_train.export.tflite.graph import Graph
    from ebb_train.export.tflite.probe import Probe

SHOWN_FAULTS = 10
"""Largest number of faults in the text; the JSON contains all."""


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """Properties of a TFLite file."""

    bytes: int
    ops: Mapping[str, int]
    """Number of operations of each kind, most frequent first."""
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    faults: list[lint.Fault]
    longest_run: int
    """Length of the longest run of operations that the GPU delegate supports."""
    cost: cost.GraphCost
    note: dict[str, Any] | None
    """Note of ``ebb-train export-tflite`` in the file."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        memory = asdict(self.cost) | {
            "peak_bytes": self.cost.peak_bytes,
            "lean_peak_bytes": self.cost.lean_peak_bytes,
        }
        return {
            "bytes": self.bytes,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "ops": dict(self.ops),
            "gpu_faults": [asdict(fault) for fault in self.faults],
            "gpu_longest_run": self.longest_run,
            "estimates": memory,
            "note": self.note,
        }

    def as_text(self) -> str:
        """Report as text."""
        total = sum(self.ops.values())
        ends = [f"  in   {_end(end)}" for end in self.inputs] + [
            f"  out  {_end(end)}" for end in self.outputs
        ]
        counts = ", ".join(f"{name} {count}" for name, count in self.ops.items())
        estimates = (
            f"  about {self.cost.multiply_adds / 1e9:.4g} G multiply-adds; "
            f"{self.cost.peak_bytes / 1e6:.0f} MB on the CPU, "
            f"{self.cost.lean_peak_bytes / 1e6:.0f} MB with transient indirection buffers"
        )
        lines = [*ends, f"  {self.bytes / 1e6:.4g} MB, {total} operations: {counts}", estimates]
        return "\n".join([*lines, *self._gpu_lines(total)])

    def _gpu_lines(self, total: int) -> list[str]:
        if not self.faults:
            return ["  GPU delegate: supports all operations"]
        faults = counted(len(self.faults), "fault")
        lines = [f"  GPU delegate: {faults}; longest supported run: {self.longest_run} of {total}"]
        lines += [f"    {fault.index:5} {fault}" for fault in self.faults[:SHOWN_FAULTS]]
        left = len(self.faults) - SHOWN_FAULTS
        return [*lines, f"    … and {left} more (--json lists them)"] if left > 0 else lines


@dataclass(frozen=True, kw_only=True)
class FileReport:
    """Result of an export, which may have been rejected because of its difference from PyTorch."""

    path: Path
    sha256: str | None
    """Hash of the file; None: the limit is exceeded, and it was not written."""
    anatomy: Anatomy
    parity: list[Parity]
    limit: str
    speed: list[Probe] = field(default_factory=list)
    gpu: GpuVerdict | None = None
    """Result on the GPU, if requested."""

    @property
    def passed(self) -> bool:
        """Whether the file was written."""
        return self.sha256 is not None

    @property
    def exit_code(self) -> ExitCode:
        """Exit code of the export of this file."""
        if not self.passed:
            return ExitCode.ITEMS_FAILED
        return self.gpu.exit_code if self.gpu is not None else ExitCode.DONE

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "file": str(self.path),
            "passed": self.passed,
            "sha256": self.sha256,
            "limit": self.limit,
            "parity": [asdict(parity) for parity in self.parity],
            "speed": [_speed(probe) for probe in self.speed],
            "gpu": self.gpu and self.gpu.as_dict(),
        } | self.anatomy.as_dict()

    def as_text(self) -> str:
        """Report as text."""
        verdict = "" if self.passed else not_written(self.limit)
        parts = [f"{self.path}{verdict}", self.anatomy.as_text()]
        parts.append(_indented(parity_table(self.parity)))
        if self.speed:
            rows = [
                (_run_name(s), f"{s.median_s:.3f}", f"{s.iqr_s:.3f}", f"{s.peak_bytes / 1e6:.0f}")
                for s in self.speed
            ]
            parts.append(_indented(table(("on this CPU", "median s", "IQR s", "peak MB"), rows)))
        if self.gpu is not None:
            parts.append(f"  {self.gpu.as_text()}")
        return "\n".join(parts)


def examine_file(path: Path) -> Anatomy:
    """Examine a TFLite file.

    Raises:
        InvalidInput: the file does not exist, or is not a complete TFLite file.
        MissingDependency: LiteRT is not installed.
    """
    data = read_bytes(path)
    return examine(read_graph(data, path), len(data))


def examine(graph: Graph, size_bytes: int) -> Anatomy:
    """Examine the graph of a TFLite file."""
    faults = lint.lint(graph)
    return Anatomy(
        bytes=size_bytes,
        ops=dict(Counter(op.name for op in graph.ops).most_common()),
        inputs=[_describe(graph, number) for number in graph.inputs],
        outputs=[_describe(graph, number) for number in graph.outputs],
        faults=faults,
        longest_run=lint.longest_run(graph, faults),
        cost=cost.estimate(graph),
        note=read_note(graph),
    )


def _run_name(probe: Probe) -> str:
    return f"{probe.engine}, {probe.threads} thread{'s' if probe.threads > 1 else ''}"


def _speed(probe: Probe) -> dict[str, Any]:
    return {
        "engine": probe.engine,
        "threads": probe.threads,
        "median_s": round(probe.median_s, 5),
        "iqr_s": round(probe.iqr_s, 5),
        "runs": len(probe.seconds),
        "peak_bytes": probe.peak_bytes,
    }


def _describe(graph: Graph, number: int) -> dict[str, Any]:
    tensor = graph.tensors[number]
    return {"name": tensor.name, "type": tensor.type, "shape": list(tensor.shape)}


def _end(end: Mapping[str, Any]) -> str:
    return f"{end['name']} {' x '.join(map(str, end['shape']))} {end['type']}"


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
