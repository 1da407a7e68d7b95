"""The tables of the documentation are reproducible and those in the document."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ebb_train.evaluation.scores import usable_lpips
from tests.helpers.datasets import record, write_set

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The pipeline, on a small data set instead of the sample captures."""
    spec = importlib.util.spec_from_file_location("tables", ROOT / "pipelines" / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    shards = [[record(number, 192, 160) for number in range(2)]]

    def small_set(folder: Path) -> None:
        (write_set(folder, shards) / "train-00000-of-00001.parquet").exists()

    monkeypatch.setattr(module, "make_set", small_set)
    settings = module.ScoreSettings
    monkeypatch.setattr(
        module, "ScoreSettings", lambda **values: settings(split="train", workers=1, **values)
    )
    monkeypatch.setenv("EBB_CACHE", str(tmp_path / "cache"))
    usable_lpips.cache_clear()
    return module


def run(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, work: Path, document: Path, result: Path
) -> None:
    arguments = ["--work", work, "--document", document, "--json", result]
    monkeypatch.setattr(sys, "argv", ["tables.py", *map(str, arguments)])
    module.main()


def test_another_run_gives_the_same_bytes(
    tables: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In another folder, and with a document that has the tables of the first run."""
    document, result = tmp_path / "doc.md", tmp_path / "tables.json"
    document.write_text(f"before\n{tables.BEGIN}old\n{tables.END}after\n")
    found = []
    for place in ("one", "two"):
        run(tables, monkeypatch, tmp_path / place, document, result)
        found.append((document.read_bytes(), result.read_bytes()))
    assert found[0] == found[1]
    text = found[0][0].decode()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "### Mean, dmshn2021" in text


def test_a_document_without_marks_is_refused(tables: ModuleType) -> None:
    with pytest.raises(SystemExit, match="the document has no"):
        tables.replace_tables("no marks", "")


def test_the_document_has_the_tables_of_the_json() -> None:
    text = (ROOT / "docs" / "benchmark.md").read_text(encoding="utf-8")
    kept = json.loads((ROOT / "benchmarks" / "results" / "tables.json").read_text(encoding="utf-8"))
    means = [
        (model["name"], cell["mean"], 2 if ".psnr" in column else 4)
        for model in kept["models"]
        for column, cell in model["summary"].items()
        if cell["mean"] is not None and "blur_error" not in column
    ]
    assert len(means) > 60
    assert [each for each in means if f"{each[1]:.{each[2]}f}" not in text] == []
