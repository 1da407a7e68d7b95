"""Checkpoints: round trip, atomic writing, the last two, and damaged ones."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
import torch

from ebb.errors import InvalidInput, OutputError
from ebb_train.models.network import PyNet
from ebb_train.models.pynet import PyNetConfig
from ebb_train.training import checkpoint as module
from ebb_train.training.checkpoint import (
    METADATA,
    TRAINING,
    WEIGHTS,
    Position,
    newest_checkpoint,
    save_checkpoint,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IDENTITY = {"seed": 3, "dataset": {"sha256": "ab"}}


@pytest.fixture(scope="module")
def network() -> PyNet:
    torch.set_num_threads(1)
    return PyNet(PyNetConfig(level=7, width=1 / 64))


@pytest.fixture
def training(network: PyNet) -> dict[str, Any]:
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.rand(1, 4, 32, 32)).sum().backward()
    optimizer.step()
    return {"optimizer": optimizer.state_dict(), "rng": torch.get_rng_state(), "cuda_rng": [], "threads": 1}


def save(run: Path, network: PyNet, training: dict[str, Any], total: int) -> Path:
    return save_checkpoint(
        run, network, training, Position(stage="level-7", step=total, total=total), IDENTITY
    )


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def equal(left: object, right: object) -> bool:
    if isinstance(left, torch.Tensor):
        return isinstance(right, torch.Tensor) and torch.equal(left, right)
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and list(left) == list(right)
            and all(equal(left[k], right[k]) for k in left)
        )
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(equal, left, right))
    return left == right


def test_a_checkpoint_round_trips(tmp_path: Path, network: PyNet, training: dict[str, Any]) -> None:
    path = save(tmp_path, network, training, 12)
    notes: list[str] = []
    found = newest_checkpoint(tmp_path, IDENTITY, notes.append)
    assert found is not None
    assert found.path == path
    assert found.position == Position(stage="level-7", step=12, total=12)
    assert found.config == network.config
    assert equal(found.training, training)
    state = network.state_dict()
    assert list(found.tensors) == sorted(state)
    assert all(torch.equal(torch.from_numpy(values), state[name]) for name, values in found.tensors.items())
    assert notes == []


def test_config_and_data_set_hash_are_inside(
    tmp_path: Path, network: PyNet, training: dict[str, Any]
) -> None:
    path = save(tmp_path, network, training, 12)
    facts = json.loads((path / METADATA).read_text())
    assert facts["run"] == IDENTITY
    assert set(facts["sha256"]) == {WEIGHTS, TRAINING}


def test_the_last_two_are_kept(tmp_path: Path, network: PyNet, training: dict[str, Any]) -> None:
    for total in (1, 2, 3, 10):
        save(tmp_path, network, training, total)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["00000003", "00000010"]


def test_no_checkpoint(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path, IDENTITY, pytest.fail) is None


@pytest.mark.parametrize("name", [WEIGHTS, TRAINING])
def test_a_damaged_newest_checkpoint_is_skipped_with_a_warning(
    tmp_path: Path, network: PyNet, training: dict[str, Any], name: str
) -> None:
    save(tmp_path, network, training, 1)
    newest = save(tmp_path, network, training, 2)
    damage(newest / name)
    notes: list[str] = []
    found = newest_checkpoint(tmp_path, IDENTITY, notes.append)
    assert found is not None
    assert found.position.total == 1
    assert len(notes) == 1
    assert str(newest / name) in notes[0]
    assert "SHA-256" in notes[0]
    # the steps are done again: the whole one before the broken one is still kept
    save(tmp_path, network, training, 2)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["00000001", "00000002"]


def test_a_damaged_checkpoint_does_not_replace_a_complete_one(
    tmp_path: Path, network: PyNet, training: dict[str, Any]
) -> None:
    for total in (4, 8):
        save(tmp_path, network, training, total)
    damage(tmp_path / "checkpoints" / "00000008" / WEIGHTS)
    save(tmp_path, network, training, 6)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["00000004", "00000006"]


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "[" * 100_000, '{"position": {"level": 1}}', "\udcff".encode("utf-8", "replace").decode()],
)
def test_unreadable_metadata(tmp_path: Path, network: PyNet, training: dict[str, Any], text: str) -> None:
    save(tmp_path, network, training, 1)
    (save(tmp_path, network, training, 2) / METADATA).write_text(text)
    notes: list[str] = []
    found = newest_checkpoint(tmp_path, IDENTITY, notes.append)
    assert found is not None
    assert found.position.total == 1
    assert "checkpoint.json: not " in notes[0]


def rewritten(path: Path, change: Callable[[dict[str, Any]], object], *, checksum: bool) -> None:
    """Change the metadata of a checkpoint; with or without its checksum."""
    metadata = json.loads((path / METADATA).read_text())
    change(metadata)
    if checksum:
        del metadata["content_sha256"]
        content = json.dumps(metadata, sort_keys=True, separators=(",", ":"))
        metadata["content_sha256"] = hashlib.sha256(content.encode()).hexdigest()
    (path / METADATA).write_text(json.dumps(metadata))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda facts: facts["position"].update(level=2),
            "says level 2, weights.safetensors is a network",
        ),
        (lambda facts: facts["position"].update(total=9), "says step 9, its folder is called 00000002"),
        (lambda facts: facts["sha256"].update({WEIGHTS: "0" * 64}), "its SHA-256 is not the recorded one"),
        (lambda facts: facts["run"].update(seed=4), "of a run with other settings"),
        (lambda facts: facts.pop("sha256"), "not the metadata of a checkpoint"),
    ],
)
def test_changed_metadata(
    tmp_path: Path,
    network: PyNet,
    training: dict[str, Any],
    change: Callable[[dict[str, Any]], object],
    message: str,
) -> None:
    """Noticed by its own hash; and where that was changed with it, by what else is in the checkpoint."""
    save(tmp_path, network, training, 1)
    path = save(tmp_path, network, training, 2)
    for checksum, wanted in ((False, "damaged: its SHA-256 is not the recorded one"), (True, message)):
        rewritten(path, change, checksum=checksum)
        notes: list[str] = []
        found = newest_checkpoint(tmp_path, IDENTITY, notes.append)
        assert found is not None
        assert found.position.total == 1
        assert wanted in notes[0]
        path = save(tmp_path, network, training, 2)


def test_every_flipped_bit_of_the_metadata_is_noticed(
    tmp_path: Path, network: PyNet, training: dict[str, Any]
) -> None:
    path = save(tmp_path, network, training, 2) / METADATA
    data = path.read_bytes()
    for place in range(0, len(data) - 1, 3):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :])
        with pytest.raises(InvalidInput, match="none of the checkpoints is whole"):
            newest_checkpoint(tmp_path, IDENTITY, lambda _: None)


def test_a_kill_during_writing_keeps_the_previous_checkpoint(
    tmp_path: Path, network: PyNet, training: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, network, training, 1)

    def die(path: Path, data: bytes) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_atomic", die)
        with pytest.raises(KeyboardInterrupt):
            save(tmp_path, network, training, 2)
    notes: list[str] = []
    found = newest_checkpoint(tmp_path, IDENTITY, notes.append)
    assert found is not None
    assert found.position.total == 1
    assert "not finished" in notes[0]


def test_an_unfinished_first_checkpoint_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "checkpoints" / "00000002").mkdir(parents=True)
    notes: list[str] = []
    assert newest_checkpoint(tmp_path, IDENTITY, notes.append) is None
    assert len(notes) == 1


def test_damaged_checkpoints_are_not_overwritten(
    tmp_path: Path, network: PyNet, training: dict[str, Any]
) -> None:
    for total in (1, 2):
        damage(save(tmp_path, network, training, total) / WEIGHTS)
    with pytest.raises(InvalidInput, match="none of the checkpoints is whole .delete the folder"):
        newest_checkpoint(tmp_path, IDENTITY, lambda _: None)


def test_a_checkpoint_of_another_run(tmp_path: Path, network: PyNet, training: dict[str, Any]) -> None:
    save(tmp_path, network, training, 1)
    notes: list[str] = []
    with pytest.raises(InvalidInput, match="none of the checkpoints"):
        newest_checkpoint(tmp_path, IDENTITY | {"seed": 4}, notes.append)
    assert "of a run with other settings" in notes[0]


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("code in a checkpoint ran",))


def test_code_in_a_checkpoint_does_not_run(
    tmp_path: Path, network: PyNet, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path, network, {"optimizer": Evil()}, 1)
    with pytest.raises(InvalidInput, match="none of the checkpoints"):
        newest_checkpoint(tmp_path, IDENTITY, lambda _: None)
    assert capsys.readouterr().out == ""


def test_a_folder_that_cannot_be_written(tmp_path: Path, network: PyNet, training: dict[str, Any]) -> None:
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    with pytest.raises(OutputError):
        save(tmp_path, network, training, 1)
