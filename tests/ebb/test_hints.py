"""Commands in hints run as they are printed."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from ebb.hints import command, flags, quoted, write_shards_again
from ebb.settings import IngestSettings


def test_the_default_folder_needs_no_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("status --pairs", Path("dataset")) == "ebb status --pairs"
    assert command("status", tmp_path / "dataset") == "ebb status"


@pytest.mark.parametrize("name", ["cc", "two words", "it's", "../beside", "-x"])
def test_a_shell_reads_the_folder_back(name: str) -> None:
    assert shlex.split(command("align --debug ab12", Path(name)))[-1] == name
    assert shlex.split(quoted(Path(name))) == [name]


def test_absolute_paths_are_shortened_below_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert command("shard", tmp_path / "below" / "cc") == "ebb shard --dataset cc"
    assert command("shard", tmp_path / "cc") == f"ebb shard --dataset {tmp_path / 'cc'}"


def test_flags_of_settings_that_were_changed() -> None:
    assert flags(IngestSettings()) == ""
    settings = IngestSettings(wide_f=8, shallow_f=2.8, pairs=Path("my pairs.csv"), series=True)
    parts = {part.strip() for part in flags(settings).split("--")}
    assert parts == {"", "wide-f 8", "shallow-f 2.8", "pairs 'my pairs.csv'", "series"}


def test_damaged_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cc" / "shards").mkdir(parents=True)
    alone = "copy the folder again; where it was made, ebb shard writes it again"
    assert write_shards_again(Path("cc/shards")) == alone
    (tmp_path / "cc" / "state.sqlite").touch()
    assert write_shards_again(Path("cc/shards")) == "write them with: ebb shard --dataset cc"
    assert write_shards_again(tmp_path / "cc" / "shards") == "write them with: ebb shard --dataset cc"
