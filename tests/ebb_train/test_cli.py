"""The command ``ebb-train``: exit codes and what it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ebb import __version__
from ebb.command import run_verb
from ebb.errors import ExitCode, OutputError
from ebb.formats.png import encode_png
from ebb_train import cli
from ebb_train.models import official
from ebb_train.models.network import PyNet, save_pynet
from ebb_train.models.pynet import PyNetConfig
from tests.helpers.datasets import photos, record, write_set


def test_help_imports_no_heavy_library() -> None:
    code = (
        "import sys; from ebb.command import run_verb; from ebb_train.cli import app;"
        "run_verb(app, ['--help']);"
        "run_verb(app, ['convert', '--help']);"
        "run_verb(app, ['fit', '--help']);"
        "heavy = {'torch', 'lightning_fabric', 'tensorflow', 'safetensors', 'cv2', 'pandas'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "ebb-train convert models/pynet_bokeh_level_0 pynet.safetensors" in " ".join(done.stdout.split())


PATHS_FIRST = """
import sys
from ebb.command import run_verb
from ebb_train.cli import app
import ebb, ebb_train
for arguments in (
    ["fit", "nosuch", "--out", "run"],
    ["evaluate", "gain", "nosuch", "--out", "run"],
    ["render", "photo.jpg", "--checkpoint", "nosuch"],
    ["export-tflite", "nosuch", "x.tflite"],
    ["export-onnx", "nosuch", "x.onnx"],
    ["ablate", "nosuch", "set", "--out", "run", "--split", "train"],
):
    assert run_verb(app, arguments) == 4, arguments
try:
    ebb_train.fit("nosuch", "run")
except ebb.InvalidInput as error:
    print(error, file=sys.stderr)
print(sorted({"torch", "lightning_fabric", "tensorflow", "onnx", "onnxruntime"} & set(sys.modules)))
"""


def test_a_wrong_path_is_reported_before_a_heavy_library_is_imported(tmp_path: Path) -> None:
    """And before weights that ``fit`` needs are missed."""
    write_set(tmp_path / "set", [[record(0)]])
    (tmp_path / "photo.jpg").touch()
    environment = os.environ | {"EBB_CACHE": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", PATHS_FIRST],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert done.stdout == "[]\n", done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 7
    assert all("nosuch: no such " in line for line in lines)


VERBS = (
    "fit fit-strength evaluate benchmark ablate render export-tflite export-onnx inspect benchmark-device "
    "convert"
)


@pytest.mark.parametrize("verb", VERBS.split())
def test_every_verb_has_an_example_and_groups(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb(cli.app, [verb, "--help"]) == ExitCode.DONE
    printed = capsys.readouterr().out
    assert f"Example: ebb-train {verb} " in " ".join(printed.split())
    assert "─ Output ─" in printed
    assert "--keep-float" not in printed


def test_verbs_are_listed_in_the_order_of_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb(cli.app, ["--help"]) == ExitCode.DONE
    listed = re.findall(r"^│ ([\w-]+) ", capsys.readouterr().out, re.MULTILINE)
    verbs = VERBS.split()
    assert listed[:13] == [*verbs[:5], "study", *verbs[5:-1], "weights", "convert"]


def test_main_leaves_with_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == ExitCode.DONE
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["convert", "a"], ExitCode.USAGE, "OUT is missing"),
        (["convert", "a", "b", "--width", "wide"], ExitCode.USAGE, "unable to convert"),
        (["convert", "a", "b", "--to", "onnx"], ExitCode.USAGE, "invalid value"),
        (["convert", "a", "b", "--level", "9"], ExitCode.USAGE, "there is no level 9"),
        (
            ["convert", "a", "b.safetensors", "--level", "3"],
            ExitCode.USAGE,
            "the authors' format holds all levels down to 1",
        ),
        (
            ["convert", "a", "a.index"],
            ExitCode.USAGE,
            "a.index: the file to write must end in .safetensors (such as a.safetensors)",
        ),
        (
            ["convert", "none", "b.safetensors"],
            ExitCode.INVALID_INPUT,
            "ebb-train: none: no TensorFlow checkpoint has this prefix",
        ),
        (
            ["convert", "none", "b", "--to", "tensorflow"],
            ExitCode.INVALID_INPUT,
            "ebb-train: none: no such weights file",
        ),
        (["fly"], ExitCode.USAGE, "fly"),
        (["render", "--checkpoint", "none"], ExitCode.USAGE, "no photos"),
        (
            ["render", "a.jpg", "--checkpoint", "none"],
            ExitCode.INVALID_INPUT,
            "none: no such weights file",
        ),
        (["fit", "none"], ExitCode.USAGE, "--out"),
        (["fit", "none", "--out", "r", "--schedule", "long"], ExitCode.USAGE, "one of: paper, short, smoke"),
        (
            ["fit", "none", "--out", "r", "--schedule", "smoke"],
            ExitCode.INVALID_INPUT,
            "none: no such folder",
        ),
    ],
)
def test_errors_are_written_to_standard_error(
    arguments: list[str], code: ExitCode, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_verb(cli.app, arguments) == code
    printed = capsys.readouterr()
    assert message in printed.out + printed.err
    assert "Traceback" not in printed.err


def test_errors_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb(cli.app, ["convert", "none", "b.safetensors", "--json"]) == ExitCode.INVALID_INPUT
    facts = json.loads(capsys.readouterr().out)
    assert facts["path"] == "none"
    assert facts["exit_code"] == 4


def test_convert_passes_its_flags_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[PyNetConfig] = []
    monkeypatch.setattr(
        official, "checkpoint_to_weights", lambda source, out, config: seen.append(config) or "ab"
    )
    flags = ["--norm", "none", "--norm-level-3", "--in-channels", "3", "--width", "0.5"]
    assert run_verb(cli.app, ["convert", "model", str(tmp_path / "w"), *flags]) == ExitCode.DONE
    assert seen[0].as_dict() == {
        "level": 1,
        "in_channels": 3,
        "norm": "none",
        "norm_level_3": True,
        "width": 0.5,
    }
    printed = capsys.readouterr()
    assert printed.out.endswith(
        f" variables\nlook at: {tmp_path}/w\nnext: ebb-train render PHOTO --checkpoint {tmp_path}/w\n"
    )
    assert "CC BY-NC-SA" in printed.err


def test_fit_from_a_data_set_to_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.set_num_threads(1)
    write_set(tmp_path / "set", [[record(i) for i in range(2)]])
    (tmp_path / "mine.toml").write_text("[[level]]\nlevel = 7\niterations = 2\nbatch = 1\n")
    flags = ["--schedule", str(tmp_path / "mine.toml"), "--level", "7", "--width", "0.0625", "--loaders", "0"]
    command = ["fit", str(tmp_path / "set"), "--out", str(tmp_path / "run"), *flags, "--device", "cpu"]
    assert run_verb(cli.app, command) == ExitCode.DONE
    printed = capsys.readouterr()
    run = tmp_path / "run"
    assert printed.out == (
        f"2 steps; not scored: no pairs to validate on\nweights: {run}/level-7.safetensors\n"
        f"look at: {run}/report.html\nnext: ebb-train render PHOTO --checkpoint {run}\n"
    )
    assert "level 7: 2 of 2 in" in printed.err
    assert run_verb(cli.app, [*command, "--json"]) == ExitCode.DONE
    printed = capsys.readouterr()
    values = json.loads(printed.out)
    assert (values["resumed_at"], values["scores"]) == (2, {})
    assert values["look_at"] == [str(run / "report.html")]
    assert values["next"] == f"ebb-train render PHOTO --checkpoint {run}"
    assert "resuming after step 2 of level 7" in printed.err
    assert run_verb(cli.app, [*command, "--seed", "1"]) == ExitCode.USAGE
    assert "settings.seed is 0, not 1" in capsys.readouterr().err


def test_fit_without_weights_of_vgg_ends_with_6(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EBB_CACHE", str(tmp_path))
    monkeypatch.delenv("EBB_VGG19_WEIGHTS", raising=False)
    dataset = str(write_set(tmp_path / "set", [[record(0)]]))
    assert run_verb(cli.app, ["fit", dataset, "--out", str(tmp_path / "run")]) == ExitCode.MISSING
    assert "ebb weights download vgg19" in capsys.readouterr().err


def test_fit_without_its_extra_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    dataset = str(write_set(tmp_path / "set", [[record(0)]]))
    assert run_verb(cli.app, ["fit", dataset, "--out", str(tmp_path / "run")]) == ExitCode.MISSING
    assert "pip install 'ebb-bokeh[train]'" in capsys.readouterr().err


def test_render_from_a_photo_to_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wide, _, depth = photos(1)
    (tmp_path / "a.png").write_bytes(encode_png(wide))
    (tmp_path / "mine.png").write_bytes(encode_png(depth))
    save_pynet(tmp_path / "level-1.safetensors", PyNet(PyNetConfig(width=1 / 32)), source="test")
    command = ["render", str(tmp_path / "a.png"), "--checkpoint", str(tmp_path), "--device", "cpu"]
    assert run_verb(cli.app, [*command, "--depth", str(tmp_path / "mine.png"), "--compare"]) == ExitCode.DONE
    printed = capsys.readouterr().out
    assert printed.startswith(f"1 rendered, 0 failed\nlook at: {tmp_path}/a_bokeh.jpg\n")
    assert printed.splitlines()[-1] == "next: --full-resolution --overwrite keeps the photo's own size"
    assert {path.name for path in tmp_path.glob("a_*")} == {"a_bokeh.jpg", "a_compare.jpg"}
    flags = ["--provider", "sidecar", "--format", "png", "--json"]
    assert run_verb(cli.app, [*command, *flags]) == ExitCode.ITEMS_FAILED
    facts = json.loads(capsys.readouterr().out)
    assert (facts["rendered"], facts["failed"]) == (0, 1)
    assert facts["photos"][0]["reason"] == "no_depth"
    assert run_verb(cli.app, [*command, *flags[:-1], "--out", str(tmp_path / "out")]) == ExitCode.ITEMS_FAILED
    printed = capsys.readouterr()
    assert (printed.out + printed.err).count("no a_depth file beside") == 1


def test_render_with_the_lens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EBB_CACHE", str(tmp_path / "cache"))
    wide, _, depth = photos(1)
    (tmp_path / "a.png").write_bytes(encode_png(wide))
    command = ["render", str(tmp_path / "a.png")]
    assert run_verb(cli.app, command) == ExitCode.MISSING
    said = capsys.readouterr().err
    assert "ebb weights download depth-anything-v2-small fetches one (99.1 MB, Apache-2.0)" in said
    assert run_verb(cli.app, [*command, "--provider", "none"]) == ExitCode.USAGE
    assert run_verb(cli.app, [*command, "--focus", "face.png"]) == ExitCode.INVALID_INPUT
    assert run_verb(cli.app, [*command, "--aperture", "wide"]) == ExitCode.USAGE
    assert run_verb(cli.app, ["render", str(tmp_path)]) == ExitCode.INVALID_INPUT
    assert len(capsys.readouterr().err.splitlines()) == 4
    (tmp_path / "a_depth.png").write_bytes(encode_png(depth))
    assert run_verb(cli.app, [*command, "--focus", "0.5,0.5"]) == ExitCode.DONE
    first, told, look, last = capsys.readouterr().out.splitlines()
    assert first == "1 rendered, 0 failed"
    assert told.startswith("a.png: depth from a_depth.png beside the photo; focus 48,32, depth ")
    assert look == f"look at: {tmp_path}/a_bokeh.jpg"
    assert last.startswith("next: --aperture 1.8,2.8,8 makes a strip")
    assert run_verb(cli.app, [*command, "--aperture", "1.8,8", "--json"]) == ExitCode.DONE
    facts = json.loads(capsys.readouterr().out)
    assert facts["photos"][0]["facts"]["f_numbers"] == [1.8, 8.0]
    assert facts["look_at"][0] == f"{tmp_path}/a_strip.jpg"
    assert run_verb(cli.app, ["render", str(tmp_path / "gone.png"), *command[1:], "--overwrite"]) == (
        ExitCode.ITEMS_FAILED
    )
    assert "next:" in capsys.readouterr().out
    assert run_verb(cli.app, ["render", str(tmp_path / "gone.png")]) == ExitCode.INVALID_INPUT
    assert "gone.png: no such photo" in capsys.readouterr().err
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "broken_depth.png").write_bytes(encode_png(depth))
    assert run_verb(cli.app, ["render", str(tmp_path / "broken.png")]) == ExitCode.ITEMS_FAILED
    assert "next:" not in capsys.readouterr().out, "no flag helps where nothing is rendered"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (OutputError("no space"), ExitCode.CANNOT_WRITE),
    ],
)
def test_exit_codes_of_a_run(error: BaseException, code: ExitCode, monkeypatch: pytest.MonkeyPatch) -> None:
    def end(*_: object) -> None:
        raise error

    monkeypatch.setattr(official, "weights_to_checkpoint", end)
    assert run_verb(cli.app, ["convert", "a", "b", "--to", "tensorflow"]) == code
