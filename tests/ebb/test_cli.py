"""The command line: verbs, exit codes, messages, JSON, signals."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from ebb import command
from ebb.cli import app
from ebb.errors import ExitCode
from ebb.pipeline import PipelineReport
from tests.helpers.captures import scene, shot, write_card

run_verb = functools.partial(command.run_verb, app)

FAST = ("--provider", "sidecar", "--height", "256", "--workers", "2")
README = Path(__file__).parents[2] / "README.md"


OTHERS = {
    "ingest": {"--depth-batch", "--retry-rejected", "--max-reject"},
    "align": {"--depth-batch"},
    "status": {"--config", "--workers"},
    "report": {"--config", "--workers"},
    "verify": {"--retry-rejected", "--max-reject", "--depth-batch"},
    "export": {"--retry-rejected", "--max-reject", "--depth-batch"},
    "simulate": {"--dataset", "--depth-batch"},
    "doctor": {"--config", "--workers"},
}
"""Flags of other verbs that mean nothing to this one."""


@pytest.mark.parametrize("verb", OTHERS)
def test_unused_flags_are_not_offered(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb([verb, "--help"]) == 0
    shown = set(re.findall(r"--[\w-]+", capsys.readouterr().out))
    assert {"--json", "--quiet"} <= shown
    assert not OTHERS[verb] & shown


def test_flags_are_in_groups_and_verbs_in_the_order_of_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb(["run", "--help"]) == 0
    titles = re.findall(r"^╭─ ([\w ]+?) ─", capsys.readouterr().out, re.MULTILINE)
    groups = "Arguments, Pairing, Alignment, Limits of rejection, Depth, Shards, Workers, Data set, Output"
    assert titles == groups.split(", ")
    assert run_verb(["--help"]) == 0
    listed = re.findall(r"^│ (\w+) ", capsys.readouterr().out, re.MULTILINE)
    order = "run ingest align depth shard status report verify export import simulate doctor weights"
    assert listed == order.split()


def verbs() -> list[str]:
    return [name for name in app.resolved_commands() if not name.startswith("-")]


def test_a_memory_card_becomes_shards_and_the_verbs_agree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, dataset = tmp_path / "raw", ("--dataset", str(tmp_path / "set"))
    write_card(raw, 2)
    assert run_verb(["ingest", str(raw), *dataset]) == 0
    assert "2 pairs" in capsys.readouterr().out
    assert run_verb(["align", *dataset, "--height", "256"]) == 0
    assert run_verb(["depth", *dataset, "--provider", "sidecar", "-q"]) == 0
    assert run_verb(["shard", *dataset, "--test", "1", "--val", "0"]) == 0
    assert "1 train, 0 val, 1 test" in capsys.readouterr().out
    assert run_verb(["status", *dataset, "--pairs"]) == 0
    assert "IMG_0001.JPG" in capsys.readouterr().out
    assert run_verb(["report", *dataset, "--json"]) == 0
    assert "IMG_0001.JPG" in Path(json.loads(capsys.readouterr().out)["report"]).read_text(encoding="utf-8")
    assert run_verb(["verify", *dataset, "--inputs"]) == 0
    capsys.readouterr()
    assert run_verb(["export", str(tmp_path / "out"), "--layout", "ebb", *dataset, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["splits"] == {"train": 1, "test": 1}
    assert run_verb(["import", str(tmp_path / "out"), "--dataset", str(tmp_path / "again")]) == 0
    capsys.readouterr()
    assert run_verb(["doctor", *dataset]) == 0
    *lines, after = capsys.readouterr().out.splitlines()
    assert after == f"next: ebb verify --dataset {dataset[1]}"
    assert any(line.startswith("write test  ") for line in lines)
    column = next(line.index("0.") for line in lines if line.startswith("ebb "))
    assert all(line[column - 1] == " " != line[column] for line in lines), "one column of values"
    # what was chosen once is remembered: the same command without flags finds nothing to do
    assert run_verb(["align", *dataset, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unchanged"] == 2


def test_stages_without_anything_to_do_name_the_one_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, dataset = tmp_path / "raw", ("--dataset", str(tmp_path / "set"))
    raw.mkdir()
    (raw / "IMG_0001.JPG").write_bytes(shot(scene(1), 16, 0))
    assert run_verb(["ingest", str(raw), *dataset]) == 0
    assert run_verb(["align", *dataset]) == ExitCode.INVALID_INPUT
    assert "no two files make a pair" in capsys.readouterr().err
    write_card(raw, 1)
    assert run_verb(["ingest", str(raw), *dataset]) == 0
    assert run_verb(["depth", *dataset, "--provider", "none"]) == ExitCode.INVALID_INPUT
    assert f"of 1 pair, none is aligned (ebb align --dataset {tmp_path / 'set'})" in capsys.readouterr().err


def test_align_draws_one_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_card(tmp_path / "raw", 1)
    dataset = ("--dataset", str(tmp_path / "set"))
    assert run_verb(["ingest", str(tmp_path / "raw"), *dataset, "-q"]) == 0
    assert (
        run_verb(["align", *dataset, "--height", "256", "--debug", "no such pair", "--json"])
        == ExitCode.USAGE
    )
    pair_id = json.loads(capsys.readouterr().out)["hint"].split(": ")[1].split(" ")[0]
    assert run_verb(["align", *dataset, "--height", "256", "--debug", pair_id]) == 0
    folder = tmp_path / "set"
    ending = f"look at: {folder}/debug/{pair_id}.png\nnext: ebb status --pairs --dataset {folder}\n"
    assert capsys.readouterr().out.endswith(f"accepted\n{ending}")
    assert not (tmp_path / "set" / "pairs").exists()


def test_json_holds_the_results_of_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_card(tmp_path / "raw", 1)
    (tmp_path / "raw" / "IMG_0009.CR2").write_text("this is no photo")
    command = ["run", str(tmp_path / "raw"), "--dataset", str(tmp_path / "set"), *FAST, "--json"]
    assert run_verb(command) == ExitCode.ITEMS_FAILED
    printed = capsys.readouterr()
    values = json.loads(printed.out)
    assert values["ingest"]["not_used"][0]["name"] == "IMG_0009.CR2"
    assert values["align"]["ok"] == values["depth"]["ok"] == 1
    assert sum(values["shard"]["splits"].values()) == 1
    assert values["look_at"] == [values["report"], values["contact_sheet"]]
    assert values["next"].startswith(f"ebb-train fit {tmp_path / 'set'} --out ")
    # without --json the broken file is reported once, when it is read
    assert run_verb(command[:-1]) == ExitCode.ITEMS_FAILED
    printed = capsys.readouterr()
    assert (printed.out + printed.err).count("IMG_0009.CR2") == 1
    assert printed.out.splitlines()[-3].startswith("look at: ")
    assert printed.out.splitlines()[-1] == f"next: {values['next']}"


def test_the_hint_after_simulating_fits_the_frames(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = str(tmp_path / "made")
    assert run_verb(["simulate", made, "--scenes", "1", "--bad", "0", "--size", "384x256"]) == 0
    (hint,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("next: ")]
    assert hint == f"next: ebb run {made} --provider sidecar --height 192"
    command = hint.removeprefix("next: ebb ").split()
    run_verb([*command, "--dataset", str(tmp_path / "set"), "--json"])
    assert "too_small" not in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["run", "ingest", "import"])
def test_photos_and_dataset_are_kept_apart(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_card(tmp_path, 1)
    before = sorted(tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)
    assert run_verb([verb, str(tmp_path), "--dataset", "."]) == ExitCode.USAGE
    assert "the dataset needs a folder of its own (--dataset DIR)" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_no_usable_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw, dataset = tmp_path / "raw", tmp_path / "set"
    command = ["run", str(raw), "--dataset", str(dataset), *FAST]
    for verb in ("run", "ingest", "import"):
        assert run_verb([verb, str(raw), "--dataset", str(dataset)]) == ExitCode.INVALID_INPUT
        assert not dataset.exists()
    raw.mkdir()
    (raw / "notes.txt").touch()
    capsys.readouterr()
    assert run_verb(command) == ExitCode.INVALID_INPUT
    assert "raw: no photo in this folder, 1 other file (name the folder" in capsys.readouterr().err
    assert not dataset.exists()
    (raw / "IMG_0001.JPG").write_bytes(shot(scene(1), 16, 0))
    assert run_verb(command) == ExitCode.INVALID_INPUT
    out, err = capsys.readouterr()
    assert out.startswith("2 files, 1 capture, 0 pairs")
    assert "IMG_0001.JPG  missing_partner" in out
    assert err.splitlines()[-1].startswith(f"ebb: {dataset}/captures.parquet: no two files make a pair")
    assert run_verb([*command, "--json"]) == ExitCode.INVALID_INPUT
    facts = json.loads(capsys.readouterr().out)
    assert (facts["error"], facts["ingest"]["num_files"]) == ("no two files make a pair", 2)


def test_a_dry_run_of_a_folder_without_photos_fails_as_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for flags in ([], ["--dry-run"], ["--explain", "a.JPG"]):
        assert run_verb(["ingest", str(tmp_path), *flags]) == ExitCode.INVALID_INPUT
        assert "no files here" in capsys.readouterr().err


def test_explain_and_dry_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_card(tmp_path / "raw", 1)
    dataset = tmp_path / "set"
    command = ["ingest", str(tmp_path / "raw"), "--dataset", str(dataset)]
    assert run_verb([*command, "--dry-run"]) == 0
    assert run_verb([*command, "--explain", "IMG_0001.JPG"]) == 0
    assert "IMG_0002.JPG" in capsys.readouterr().out
    assert not dataset.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["align", "--dataset", "nothing"], 4, "no dataset in this folder"),
        (["ingest", "nothing"], 4, "not a folder"),
        (["align", "--height", "-2"], 2, "--height -2 is negative"),
        (["align", "--heigth", "5"], 2, "--height"),
        (["align", "--config", "nothing.toml"], 2, "cannot read settings"),
        (["shard", "--test", "1.5"], 2, "neither a share below 1 nor a whole count"),
        (["export", "out", "--layout", "zip"], 2, "ebokehnet"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_a_mistake_is_one_line_and_a_code(
    arguments: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_verb(arguments) == code
    out, err = capfd.readouterr()
    assert message in out + err
    assert "Traceback" not in out + err


def test_missing_weights_name_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EBB_CACHE", str(tmp_path))
    monkeypatch.delenv("EBB_MEGADEPTH_WEIGHTS", raising=False)
    write_card(tmp_path / "raw", 1)
    assert run_verb(["run", str(tmp_path / "raw"), "--dataset", str(tmp_path / "set")]) == 6
    error = capsys.readouterr().err
    assert "ebb weights download megadepth" in error
    assert "--weights" in error


def test_verify_finds_damage(
    finished: PipelineReport, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = tmp_path / "set"
    shutil.copytree(finished.dataset, dataset)
    (next(dataset.glob("pairs/*/wide.png"))).write_bytes(b"")
    assert run_verb(["verify", "--dataset", str(dataset)]) == ExitCode.INVALID_INPUT
    printed = capsys.readouterr()
    assert (printed.out + printed.err).count("wide.png: ") == 1, "each problem is reported once"
    assert printed.out.endswith(f"next: ebb run RAW_DIR --dataset {dataset}\n")


def test_verify_of_copied_shards(
    finished: PipelineReport, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(Path(finished.dataset) / "shards", tmp_path / "copied")
    (tmp_path / "copied" / "README.md").write_bytes(b"")
    assert run_verb(["verify", "--dataset", str(tmp_path / "copied")]) == ExitCode.INVALID_INPUT
    assert capsys.readouterr().out.endswith("next: copy the folder again from where it was made\n")


def test_too_many_rejections(finished: PipelineReport, tmp_path: Path) -> None:
    shutil.copytree(finished.dataset, tmp_path / "set")
    command = ["align", "--dataset", str(tmp_path / "set"), "-q"]
    assert run_verb(command) == 0
    assert run_verb([*command, "--max-reject", "0.1"]) == ExitCode.ITEMS_FAILED


def test_a_locked_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from ebb.workspace import open_workspace

    with open_workspace(tmp_path / "set", create=True):
        assert run_verb(["align", "--dataset", str(tmp_path / "set")]) == ExitCode.LOCKED
    assert f"in use by process {os.getpid()} on " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)]
)
def test_a_signal_keeps_finished_work(tmp_path: Path, number: signal.Signals, code: ExitCode) -> None:
    """The last of five files hangs; the message about the fourth follows its row."""
    raw, dataset = tmp_path / "raw", tmp_path / "set"
    write_card(raw, 1)
    (raw / "IMG_9998.JPG").touch()
    (raw / "IMG_9999.JPG").write_bytes(shot(scene(9), 16, 7000) + b"EBB-TEST-HANG")
    command = [sys.executable, "-m", "ebb", "ingest", str(raw), "--dataset", str(dataset), "--workers", "1"]
    tests = Path(__file__).parents[1]
    paths = os.pathsep.join(map(str, (tests / "helpers" / "crashing_decoder", tests.parent)))
    hanging = {**os.environ, "PYTHONPATH": paths, "EBB_TEST_CRASH": "1"}
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True, env=hanging
    ) as process:
        assert process.stderr is not None
        assert any("IMG_9998.JPG" in line for line in process.stderr)
        process.send_signal(number)
        error = process.stderr.read()
    assert process.returncode == code, error
    assert "run the same command again" in error
    assert "Traceback" not in error
    assert rows(dataset) == 4
    assert subprocess.run(command, check=False, capture_output=True).returncode == ExitCode.ITEMS_FAILED
    assert rows(dataset) == 5


def rows(dataset: Path) -> int:
    with contextlib.closing(sqlite3.connect(dataset / "state.sqlite")) as db:
        count: int = db.execute("SELECT COUNT(*) FROM files").fetchone()[0]
    return count


@pytest.mark.parametrize("verb", verbs())
def test_every_verb_has_help_and_stands_in_the_readme(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb([verb, "--help"]) == 0
    printed = capsys.readouterr().out
    assert "Usage: ebb" in printed
    assert verb == "weights" or f"Example: ebb {verb}" in printed
    assert f"`ebb {verb}" in README.read_text()
