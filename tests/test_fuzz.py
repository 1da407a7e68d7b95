"""Damaged files through every reader: returned or refused by an error of ebb, never anything else.

``benchmarks/fuzz.py`` does the same at length and keeps the files that break a reader in ``tests/corpus``.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from ebb.errors import EbbError
from tests.helpers.mutation import mutants, repaired_json, repaired_png
from tests.helpers.readers import READERS, Reader, corpus_name, empty

CORPUS = Path(__file__).parent / "corpus"
MUTANTS = 12
"""Of each reader."""

FAST = [reader for reader in READERS if not reader.is_slow]


def name_of(reader: Reader) -> str:
    return reader.name


@pytest.mark.parametrize("reader", FAST, ids=name_of)
def test_undamaged_files_are_read(reader: Reader, tmp_path: Path) -> None:
    """The first one of each reader; else the damaged ones would all be refused for what they were before."""
    assert reader.read(reader.seeds()[0], tmp_path) is not NotImplemented


@pytest.mark.parametrize("reader", FAST, ids=name_of)
def test_damaged_files_are_returned_or_refused(reader: Reader, tmp_path: Path) -> None:
    for data in mutants(reader.seeds(), MUTANTS, 1, reader.repair):
        with contextlib.suppress(EbbError):
            reader.read(data, empty(tmp_path))


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*-*")), ids=lambda path: path.name)
def test_files_that_caused_faults_earlier(path: Path, tmp_path: Path) -> None:
    prefix = path.name.rpartition("-")[0]
    (reader,) = (one for one in READERS if corpus_name(one.name, b"").rpartition("-")[0] == prefix)
    if reader.is_slow:
        pytest.skip("its package takes seconds to import; benchmarks/fuzz.py reads it")
    with contextlib.suppress(EbbError):
        reader.read(path.read_bytes(), tmp_path)


def test_mutants_are_the_same_for_the_same_seed() -> None:
    seeds = [bytes(range(256)), b"text"]
    assert list(mutants(seeds, 50, 3)) == list(mutants(seeds, 50, 3)) != list(mutants(seeds, 50, 4))
    assert sum(data not in seeds for data in mutants(seeds, 50)) > 45


def test_repaired_checksums() -> None:
    whole = READERS[1].seeds()[0]
    damaged = bytearray(whole)
    damaged[damaged.index(b"IDAT") - 30] ^= 1
    assert repaired_png(whole) == whole
    assert repaired_png(bytes(damaged)) != bytes(damaged)
    repair = repaired_json("hash")
    assert repair(b'{"a":2,"hash":"x"}') == repair(b'{"hash":"y", "a": 2}') != repair(b'{"a":3,"hash":"x"}')
    assert repair(b"[1]") == b"[1]"
