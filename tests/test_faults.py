"""Faults of a whole run: kill -9, damaged and hostile files, a full disk."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from ebb.dataset.catalog import CatalogRow, read_catalog
from ebb.errors import Reason, Status
from tests.helpers.captures import SAMPLE, scene, shot, write_card, write_pair
from tests.helpers.datasets import read_records
from tests.helpers.file_parts import png_bomb

NUM_KILLS = 10


def command(raw: Path, dataset: Path) -> list[str]:
    flags = ("--provider", "sidecar", "--height", "256", "--test", "1", "--val", "0", "--workers", "2")
    return [sys.executable, "-m", "ebb", "run", str(raw), "--dataset", str(dataset), *flags]


def results(dataset: Path) -> dict[str, bytes]:
    folders = (dataset / "shards", dataset / "pairs")
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(dataset).as_posix(): path.read_bytes() for path in paths}


class WholeRun(NamedTuple):
    """A run without faults over two pairs."""

    raw: Path
    results: dict[str, bytes]
    seconds: float


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> WholeRun:
    folder = tmp_path_factory.mktemp("whole")
    write_card(folder / "raw", 2)
    start = time.monotonic()
    subprocess.run(command(folder / "raw", folder / "set"), check=True, capture_output=True)
    return WholeRun(folder / "raw", results(folder / "set"), time.monotonic() - start)


def test_kill_9_at_any_moment_changes_no_byte(whole: WholeRun, tmp_path: Path) -> None:
    rng = random.Random(20)
    # one moment in each of equal parts of the first 60 % of a run, in random order
    moments = [0.05 + 0.6 * whole.seconds * (part + rng.random()) / NUM_KILLS for part in range(NUM_KILLS)]
    rng.shuffle(moments)
    dataset = tmp_path / "killed"
    while moments:
        process = subprocess.Popen(
            command(whole.raw, dataset), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(timeout=moments[-1])
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            moments.pop()
        if process.wait() == 0:  # the resumed run ended before the kill: start a new one
            assert results(dataset) == whole.results
            shutil.rmtree(dataset)
    subprocess.run(command(whole.raw, dataset), check=True, capture_output=True)
    assert results(dataset) == whole.results
    assert not list(dataset.rglob("*.tmp"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A run over a folder with everything that can be wrong with a file."""
    folder = tmp_path_factory.mktemp("hostile")
    raw = folder / "raw"
    write_card(raw, 1)
    dng = (SAMPLE / "captures" / "IMG_0301.DNG").read_bytes()
    (raw / "truncated.DNG").write_bytes(dng[: len(dng) // 2])
    (raw / "text.CR2").write_text("this is no photo\n" * 100)
    (raw / "empty.JPG").touch()
    (raw / "bomb.PNG").write_bytes(png_bomb())
    (raw / "crash.JPG").write_bytes(shot(scene(5), 16, 7000) + b"EBB-TEST-ABORT")
    (raw / "unreadable.JPG").symlink_to("/proc/self/mem")
    odd = raw / 'it\'s a "day" [1] (2)' / "Фото 日本 = \u202e"
    names = ("=cmd|x!A0.jpg", "[red] <b>\x1b[2J\n1\\2.jpg")
    for path, name in zip(write_pair(odd, 1, seed=77, seconds=20_000), names, strict=True):
        path.rename(path.with_name(name))
    tests = Path(__file__).parent  # the workers must import this checkout, too
    paths = os.pathsep.join(map(str, (tests / "helpers" / "crashing_decoder", tests.parent)))
    environment = {**os.environ, "PYTHONPATH": paths, "EBB_TEST_CRASH": "1"}
    run = [*command(raw, folder / "set"), "--item-timeout", "60"]
    run[run.index("sidecar")] = "none"
    return folder, subprocess.run(run, capture_output=True, text=True, check=False, env=environment)


def test_a_folder_of_bad_files_has_a_row_for_each(
    hostile: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, result = hostile
    assert result.returncode == 3, result.stderr
    assert "Traceback" not in result.stderr
    assert r"[red] <b>\x1b[2J\n1\2.jpg" in result.stdout
    assert "\x1b" not in result.stdout + result.stderr
    rows = {row.name: row for row in read_catalog(folder / "set" / "captures.parquet")}
    expected = {
        "truncated.DNG": Reason.CORRUPT_INPUT,
        "text.CR2": Reason.UNREADABLE,
        "empty.JPG": Reason.UNREADABLE,
        "bomb.PNG": Reason.TOO_LARGE,
        "crash.JPG": Reason.WORKER_CRASH,
        "unreadable.JPG": Reason.UNREADABLE,
    }
    assert {name: row.reason for name, row in rows.items() if row.status is Status.ERROR} == expected
    assert all(rows[name].detail and name in result.stderr for name in expected)
    assert "SIGABRT" in rows["crash.JPG"].detail


def test_good_files_in_a_folder_of_bad_ones_are_processed(
    hostile: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = hostile
    rows: list[CatalogRow] = read_catalog(folder / "set" / "captures.parquet")
    assert len({row.pair_id for row in rows if row.role == "wide" and row.pair_id}) == 2
    shards = list((folder / "set" / "shards").glob("*.parquet"))
    assert shards
    sources = {record.source_shallow for path in shards for record in read_records(path)}
    assert "[red] <b>%1B[2J%0A1%5C2.jpg" in sources
    names = {path.name for path in (folder / "set").rglob("*")}
    assert not any("cmd" in name for name in names), "outputs are named by id, never by an input's name"


def test_a_full_disk_ends_with_5_and_the_run_can_be_resumed(whole: WholeRun, tmp_path: Path) -> None:
    run = command(whole.raw, tmp_path / "set")

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    # the data of a coverage measurement would not find room either
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    full = subprocess.run(run, env=environment, capture_output=True, text=True, check=False, preexec_fn=limit)
    assert full.returncode == 5, full.stderr
    assert "no space to write it" in full.stderr
    assert "Traceback" not in full.stderr
    subprocess.run(run, check=True, capture_output=True)
    assert results(tmp_path / "set") == whole.results


def test_no_source_loads_pickles_or_trusts_weights() -> None:
    """AST, not text: torch.load without weights_only=True, pickle, allow_pickle=True."""
    import ast

    root = Path(__file__).parents[1]
    for path in [*root.glob("ebb/**/*.py"), *root.glob("ebb_train/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute | ast.Name):
                name = node.attr if isinstance(node, ast.Attribute) else node.id
                assert name not in ("Unpickler", "read_pickle"), path
                owner = getattr(getattr(node, "value", None), "id", "")
                assert (owner, name) not in {("pickle", "load"), ("pickle", "loads")}, path
            if isinstance(node, ast.keyword) and node.arg in ("weights_only", "allow_pickle"):
                assert isinstance(node.value, ast.Constant), path
                assert node.value.value is (node.arg == "weights_only"), path
