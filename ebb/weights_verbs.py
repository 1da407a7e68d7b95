"""The verbs for weights files: ``weights download``, ``list`` and ``path`` of ``ebb`` and ``ebb-train``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Group

from ebb.command import Output, flags
from ebb.errors import ExitCode

Printed = Annotated[Output, flags("Output")]

USED_BY = {
    "megadepth": "ebb depth",
    "megadepth-vanilla": "ebb depth --weights {path}",
    "depth-anything-v2-small": "ebb-train render PHOTO",
    "vgg19": "ebb-train fit DATASET --out RUN",
    "vgg16": "ebb-train evaluate MODEL DATASET --out OUT --lpips vgg",
    "alexnet": "ebb weights download lpips-alex",
    "lpips-alex": "ebb-train evaluate MODEL DATASET --out OUT",
    "lpips-vgg": "ebb-train evaluate MODEL DATASET --out OUT --lpips vgg",
    "pynet-bokeh": "ebb-train convert {path} pynet.safetensors",
}
"""Name of a weights file → the command that uses it."""

LIST_WIDTH = 120
"""Width of ``weights list`` without a terminal, in characters: it is prose that no program parses."""


def weights_app(group: Group, sort_key: int) -> App:
    """Make the sub-command ``weights`` of a command line."""
    weights = App(
        name="weights",
        group=group,
        group_commands=Group("Commands", sort_key=1),
        sort_key=sort_key,
        help="List, download and find weights files.",
    )
    weights.command(list_weights, name="list", sort_key=0)
    weights.command(download_weights, name="download", sort_key=1)
    weights.command(weights_path, name="path", sort_key=2)
    return weights


def download_weights(name: str, /, *, accept_licence: bool = False, output: Printed = Output()) -> ExitCode:
    """Download a weights file into the cache; an interrupted download is resumed.

    Example: ebb weights download megadepth

    Args:
        name: Name of the weights, as in weights list.
        accept_licence: Confirm that you have read and accept the licence; some files require this.
    """
    from ebb.console import DownloadBar
    from ebb.weights import download, known_weights

    console, known = output.console(), known_weights(name)
    console.note("\n".join(filter(None, (known.url, f"size: {known.size}", known.licence, known.warning))))
    with DownloadBar(name, quiet=output.quiet) as bar:
        path = download(name, bar.show, accept_licence=accept_licence)
    console.result(
        {"name": name, "path": str(path)},
        f"{name} downloaded",
        look_at=[path],
        next_step=USED_BY[name].format(path=path),
    )
    return ExitCode.DONE


def list_weights(*, output: Printed = Output()) -> ExitCode:
    """List the weights that can be downloaded, and which of them are installed.

    Example: ebb weights list
    """
    from ebb.published_weights import WEIGHTS
    from ebb.report.doctor import weights_status
    from ebb.tables import table, terminal_width
    from ebb.weights import cache_dir

    status = {name: weights_status(name) for name in WEIGHTS}
    values = {
        name: {
            "status": status[name],
            "megabytes": known.megabytes,
            "licence": known.licence,
            "url": known.url,
            "sha256": known.sha256,
        }
        for name, known in WEIGHTS.items()
    }
    # the text ends with the command for all of them
    short = {name: text.partition(" (ebb weights")[0] for name, text in status.items()}
    rows = [(name, short[name], known.size, known.licence) for name, known in WEIGHTS.items()]
    output.console().result(
        values,
        table(("name", "status", "size", "licence"), rows, terminal_width() or LIST_WIDTH),
        look_at=[cache_dir()],
        next_step="ebb weights download NAME",
    )
    return ExitCode.DONE


def weights_path(name: str, /, *, output: Printed = Output()) -> ExitCode:
    """Print only the path of a weights file, for scripts.

    Example: ebb weights path megadepth

    Args:
        name: Name of the weights, as in weights list.
    """
    from ebb.weights import find_weights

    path = find_weights(name)
    output.console().result({"name": name, "path": str(path)}, str(path))
    return ExitCode.DONE
