"""The paper's numbers as data."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ebb.errors import InvalidInput
from ebb_train.evaluation import published
from ebb_train.evaluation.published import INSTALLED, TITLES, read_published, reference_folder

ROOT = Path(__file__).parents[3]


def test_the_row_of_the_paper_is_there_with_its_source() -> None:
    first, second = read_published()
    row = dict(zip(first.heads, first.rows[0], strict=True))
    assert (row["method"], row["psnr"], row["ssim"], row["lpips"]) == ("PyNET", "23.28", "0.8780", "0.2438")
    assert row["images"] == "200"
    assert "CVPRW 2020, table 1" in first.sources[0]
    assert len(second.rows) == 8
    assert [row[2] for row in second.rows if row[3] == "out of memory"] == ["—", "—"]


def test_a_checkout_finds_its_own_files() -> None:
    assert reference_folder() == ROOT / "data" / "reference"


def test_an_installed_package_finds_the_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = tmp_path / "site-packages" / "ebb_train" / "evaluation" / "published.py"
    monkeypatch.setattr(published, "__file__", str(module))
    monkeypatch.setattr(published.sysconfig, "get_path", lambda _: str(tmp_path))
    with pytest.raises(InvalidInput, match="are missing"):
        reference_folder()
    (tmp_path / INSTALLED).mkdir(parents=True)
    assert reference_folder() == tmp_path / INSTALLED


def test_the_wheel_takes_every_file_along() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = settings["tool"]["setuptools"]["data-files"][INSTALLED.as_posix()]
    shipped = {path.name for pattern in patterns for path in ROOT.glob(pattern)}
    assert set(TITLES) <= shipped


@pytest.mark.parametrize(
    "text", ["", "method,source\n", "method,source\nPyNET,\n", "method,source\nPyNET,a paper,1\n"]
)
def test_a_row_without_a_source_is_refused(tmp_path: Path, text: str) -> None:
    for name in TITLES:
        (tmp_path / name).write_text(text)
    with pytest.raises(InvalidInput, match="every row has a source"):
        read_published(tmp_path)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_published(tmp_path)
