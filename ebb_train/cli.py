"""The command ``ebb-train``: its verbs, what they take and how they end.

A verb's imports happen when it runs, so that ``ebb-train --help`` is instant.
"""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - cyclopts reads the annotations
from typing import TYPE_CHECKING, Annotated, Literal

import cyclopts
from cyclopts import App, Parameter

from ebb import __version__
from ebb.console import Console
from ebb.errors import EbbError, ExitCode
from ebb_train.models.pynet import PAPER, PyNetConfig

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

Flags = Parameter(name="*")
"""Every field of the dataclass is a flag of the verb; its comment is the help text."""


@dataclass(frozen=True, kw_only=True)
class Common:
    """What every verb takes."""

    json: bool = False
    """Print the result as one JSON object."""
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False
    """Say nothing but errors."""

    def console(self) -> Console:
        """How this verb talks to its user."""
        return Console(as_json=self.json, quiet=self.quiet)


app = App(
    name="ebb-train",
    version=__version__,
    help="Train bokeh networks on the shards that ebb makes, and bring the authors' weights over.",
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
)


@app.command
def convert(  # noqa: D417 - the fields of Common and PyNetConfig have help texts of their own
    source: Path,
    out: Path,
    /,
    *,
    to: Literal["safetensors", "tensorflow"] = "safetensors",
    common: Annotated[Common, Flags] = Common(),
    config: Annotated[PyNetConfig, Flags] = PAPER,
) -> ExitCode:
    """Turn the PyNET authors' TensorFlow checkpoint into a weights file, or a weights file into a checkpoint.

    Example: ebb-train convert models/pynet_bokeh_level_0 pynet.safetensors

    Args:
        source: Prefix of the checkpoint's files (what comes before .index), or the weights file.
        out: The weights file, or the prefix of the checkpoint's files to write.
        to: What to write. With tensorflow the weights file says what the network is like.
    """
    from ebb_train.models import official

    console = common.console()
    facts: dict[str, object] = {"source": source, "out": out, "to": to}
    if to == "tensorflow":
        facts["variables"] = official.weights_to_checkpoint(source, out)
    else:
        facts["sha256"] = official.checkpoint_to_weights(source, out, config)
        facts["variables"] = len(official.variables(config))
        facts["licence"] = official.LICENCE
        console.note(f"note: {official.LICENCE}")
    console.result(facts, f"{out}: {facts['variables']} variables")
    return ExitCode.DONE


class _Terminated(BaseException):
    """SIGTERM, made an exception so that what is open gets closed."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb and leave with its exit code."""
    sys.exit(run_verb(sys.argv[1:] if arguments is None else arguments))


def run_verb(arguments: Sequence[str]) -> ExitCode:
    """Run one verb; every expected failure is one line and an exit code, never a traceback."""
    console = Console(as_json="--json" in arguments)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = app(arguments, result_action="return_value", exit_on_error=False)
    except EbbError as error:
        console.error(error)
        return error.exit_code
    except cyclopts.CycloptsError:
        return ExitCode.USAGE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except _Terminated:
        return ExitCode.TERMINATED
    return code if isinstance(code, ExitCode) else ExitCode.DONE


def _terminate(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
    raise _Terminated
