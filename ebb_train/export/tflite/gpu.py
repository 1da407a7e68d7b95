"""Check with LiteRT's GPU accelerator: whether it runs the whole file, and whether the result is correct.

LiteRT's package contains an accelerator that runs on WebGPU and therefore on any Vulkan driver, including
software drivers. Only the GPU is requested: with the CPU as fallback, LiteRT reports every file as
accelerated. It computes in float16, as phones do.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.errors import EbbError, ExitCode, MissingDependency
from ebb.files import read_bytes
from ebb_train.export.parity import compare
from ebb_train.export.tflite.graph import read_graph
from ebb_train.export.tflite.probe import probe
from ebb_train.export.tflite.runtime import single_ends

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ebb_train.export.parity import Parity


@dataclass(frozen=True, kw_only=True)
class GpuVerdict:
    """Result of a file on the GPU."""

    whole: bool | None
    """Whether the GPU runs all operations; None: there is no driver."""
    device: str = ""
    """Name of the GPU according to its driver."""
    reason: str = ""
    """Reason if it does not run all operations."""
    parity: Parity | None = None
    """Difference between its picture and that of the CPU, if it was run."""
    seconds: float | None = None
    """Time of the second run, if it was run."""

    @property
    def exit_code(self) -> ExitCode:
        """Exit code: done, failed, or a driver is missing."""
        if self.whole is None:
            return ExitCode.MISSING
        return ExitCode.DONE if self.whole else ExitCode.ITEMS_FAILED

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    def as_text(self) -> str:
        """Result as one line of text."""
        if not self.whole:
            return f"GPU: {'not all operations' if self.whole is False else 'not verified'}: {self.reason}"
        text = f"GPU: all operations compiled for {self.device}"
        if self.parity is not None:
            text += (
                f"; ran in {self.seconds:.2f} s, PSNR {self.parity.psnr:.1f} dB, max {self.parity.max:.1e}"
            )
        return text


def verify_gpu(path: Path, photo: NDArray[np.float32] | None = None) -> GpuVerdict:
    """Compile a file for the GPU only.

    Args:
        path: The file.
        photo: If given, the file is also run on it, and the picture is compared with that of the CPU.
    """
    photos = [] if photo is None else [photo]
    try:
        found = probe(path, "gpu", photos=photos, runs=len(photos))
    except MissingDependency as error:
        return GpuVerdict(whole=None, reason=f"{error.message} ({error.hint})")
    except EbbError as error:
        return GpuVerdict(whole=False, reason=error.message)
    if photo is None:
        return GpuVerdict(whole=True, device=found.device)
    wanted = probe(path, "lean", photos=photos).pictures[0]
    parity = compare("GPU against CPU", found.pictures[0], wanted)
    return GpuVerdict(whole=True, device=found.device, parity=parity, seconds=found.median_s)


def verify_gpu_on_noise(path: Path, *, run: bool) -> GpuVerdict:
    """Compile any file for the GPU only, and run it on noise if requested.

    Raises:
        InvalidInput: the file does not have one float32 input and output of fixed shape.
    """
    start, _ = single_ends(read_graph(read_bytes(path), path), path)
    photo = np.random.default_rng(0).random(start.shape, np.float32)
    return verify_gpu(path, photo if run else None)
