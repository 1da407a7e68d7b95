"""The verbs for weights files, of both commands, without network access."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ebb import cli
from ebb.command import run_verb
from ebb.errors import ExitCode
from ebb.published_weights import WEIGHTS
from ebb.weights_verbs import LIST_WIDTH, USED_BY
from ebb_train import cli as train_cli

if TYPE_CHECKING:
    from pathlib import Path

    from cyclopts import App


@pytest.fixture(params=[cli.app, train_cli.app], ids=["ebb", "ebb-train"])
def app(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    monkeypatch.setenv("EBB_CACHE", str(tmp_path))
    for name in ("MEGADEPTH", "VGG19", "PYNET_BOKEH"):
        monkeypatch.delenv(f"EBB_{name}_WEIGHTS", raising=False)
    assert request.param is not None
    return request.param  # type: ignore[no-any-return]


def test_list(app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "best_generalization_net_G.pth").write_bytes(b"PK\x03\x04")
    assert run_verb(app, ["weights", "list", "--json"]) == ExitCode.DONE
    listed = json.loads(capsys.readouterr().out)
    assert listed["megadepth"]["status"] == "0.0 MB"
    assert listed["vgg19"]["status"].startswith("missing (ebb weights download vgg19")
    assert "--accept-licence" in listed["pynet-bokeh"]["status"]
    assert "CC BY-NC-SA" in listed["pynet-bokeh"]["licence"]
    assert run_verb(app, ["weights", "list"]) == ExitCode.DONE
    shown = capsys.readouterr().out
    assert shown.startswith("name ")
    assert max(map(len, shown.splitlines())) <= LIST_WIDTH
    assert listed["vgg19"]["megabytes"] == 574.7
    assert all(text in shown for text in ("574.7 MB", "BSD-3-Clause", "unknown"))
    assert all(listed[name]["url"].startswith("https://") for name in WEIGHTS)


def test_list_names_a_variable_without_its_file(
    app: App, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EBB_VGG19_WEIGHTS", "/nosuch")
    assert run_verb(app, ["weights", "list", "--json"]) == ExitCode.DONE
    status = json.loads(capsys.readouterr().out)["vgg19"]["status"]
    assert status.startswith(
        "missing: /nosuch: no such weights file, named by the variable EBB_VGG19_WEIGHTS"
    )


def test_help_lists_the_commands_as_such(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb(app, ["weights", "--help"]) == ExitCode.DONE
    shown = capsys.readouterr().out
    assert shown.index("─ Commands ─") < shown.index("│ download")


def test_every_weights_file_has_a_use() -> None:
    assert USED_BY.keys() == WEIGHTS.keys()


def test_path(app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb(app, ["weights", "path", "vgg19"]) == ExitCode.MISSING
    assert "ebb weights download vgg19" in capsys.readouterr().err
    (tmp_path / "best_generalization_net_G.pth").write_bytes(b"PK\x03\x04")
    assert run_verb(app, ["weights", "path", "megadepth"]) == ExitCode.DONE
    assert capsys.readouterr().out == f"{tmp_path / 'best_generalization_net_G.pth'}\n"


def test_download_of_an_existing_file(app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pynet-bokeh.archive").write_bytes(b"PK\x03\x04")
    command = ["weights", "download", "pynet-bokeh"]
    assert run_verb(app, command) == ExitCode.USAGE
    assert "CC BY-NC-SA 4.0, for academic research only" in capsys.readouterr().err
    assert run_verb(app, [*command, "--accept-licence"]) == ExitCode.DONE
    path = tmp_path / "pynet-bokeh.archive"
    ending = f"look at: {path}\nnext: ebb-train convert {path} pynet.safetensors\n"
    printed = capsys.readouterr()
    assert printed.out == f"pynet-bokeh downloaded\n{ending}"
    assert "the authors publish no hash of this file" in printed.err
    assert run_verb(app, ["weights", "download", "nonsense"]) == ExitCode.USAGE
    assert "known: megadepth" in capsys.readouterr().err
