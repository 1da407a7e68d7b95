"""The verbs on weights files: ``weights download``, ``list`` and ``path`` of ``ebb`` and ``ebb-train``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App

from ebb.command import Flags, Output
from ebb.errors import ExitCode


def weights_app() -> App:
    """Make the sub-command ``weights`` for one more command line."""
    weights = App(name="weights", help="Files of trained networks: fetch, list, find.")
    weights.command(download_weights, name="download")
    weights.command(list_weights, name="list")
    weights.command(weights_path, name="path")
    return weights


def download_weights(
    name: str, /, *, accept_licence: bool = False, output: Annotated[Output, Flags] = Output()
) -> ExitCode:
    """Fetch a weights file into the cache; takes up a download that broke.

    Example: ebb weights download megadepth

    Args:
        name: Which network: see weights list.
        accept_licence: You have read the licence and accept it; a few files ask for that.
    """
    from ebb.console import DownloadBar
    from ebb.weights import download, known_weights

    console, known = output.console(), known_weights(name)
    console.note("\n".join(filter(None, (known.url, f"size: {known.size}", known.licence, known.warning))))
    with DownloadBar(name, quiet=output.quiet) as bar:
        path = download(name, bar.show, accept_licence=accept_licence)
    console.result({"name": name, "path": str(path)}, str(path))
    return ExitCode.DONE


def list_weights(*, output: Annotated[Output, Flags] = Output()) -> ExitCode:
    """List the networks whose weights are known: whether they are here, their size, licence and source."""
    from ebb.report.doctor import weights_status
    from ebb.tables import table
    from ebb.weights import WEIGHTS

    status = {name: weights_status(name) for name in WEIGHTS}
    facts = {
        name: {
            "status": status[name],
            "megabytes": known.megabytes,
            "licence": known.licence,
            "url": known.url,
            "sha256": known.sha256,
        }
        for name, known in WEIGHTS.items()
    }
    rows = [(name, status[name], known.size, known.licence, known.url) for name, known in WEIGHTS.items()]
    output.console().result(facts, table(("name", "status", "size", "licence", "from"), rows))
    return ExitCode.DONE


def weights_path(name: str, /, *, output: Annotated[Output, Flags] = Output()) -> ExitCode:
    """Print where a weights file is.

    Args:
        name: Which network.
    """
    from ebb.weights import find_weights

    path = find_weights(name)
    output.console().result({"name": name, "path": str(path)}, str(path))
    return ExitCode.DONE
