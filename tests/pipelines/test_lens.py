"""The demo's picture: what it says is measured, and what it shows is the data set."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

import ebb
from ebb_train.metrics.similarity import psnr
from ebb_train.pixels import to_unit
from ebb_train.strips import CAPTION
from tests.helpers.captures import scene

ROOT = Path(__file__).parents[2]


@pytest.fixture
def lens() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lens", ROOT / "pipelines" / "lens.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(module: ModuleType, monkeypatch: pytest.MonkeyPatch, *arguments: Path | str) -> None:
    monkeypatch.setattr(sys, "argv", ["lens.py", *map(str, arguments)])
    module.main()


def test_the_picture_and_its_figures(
    lens: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wide = scene(1, (192, 128))
    shallow = wide.copy()
    shallow[:, :96] = cv2.GaussianBlur(wide, (0, 0), 3)[:, :96]
    depth = np.repeat([40, 200], 48)[None].repeat(64, axis=0).astype(np.uint8)
    ebb.write_dataset(tmp_path / "set", train=[(wide, shallow, depth), (shallow, wide, None)])
    run(lens, monkeypatch, *(tmp_path / name for name in ("set", "bokeh.png")), "--json", tmp_path / "a.json")
    (facts,) = json.loads((tmp_path / "a.json").read_text())["pairs"].values()
    _, figures, look = capsys.readouterr().out.splitlines()
    before, after = (float(number) for number in re.findall(r"([\d.]+) dB", figures))
    assert before == pytest.approx(psnr(to_unit(wide), to_unit(shallow)), abs=0.05)
    assert after > before + 3
    assert (facts["untouched_db"], facts["lens_db"]) == (
        pytest.approx(before, abs=0.1),
        pytest.approx(after, abs=0.1),
    )
    assert look == f"look at: {tmp_path / 'bokeh.png'}"
    picture = cv2.imread(str(tmp_path / "bokeh.png"))[CAPTION:, :, ::-1]
    assert picture.shape[0] == 128
    np.testing.assert_array_equal(picture[:, :192], wide)
    np.testing.assert_array_equal(picture[:, -192:][:, :192], shallow)


def test_a_data_set_without_depth(
    lens: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wide = scene(1, (96, 64))
    ebb.write_dataset(tmp_path / "set", train=[(wide, wide, None)])
    with pytest.raises(SystemExit):
        run(lens, monkeypatch, tmp_path / "set", tmp_path / "bokeh.png")
    assert "no pair has depth" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(lens, monkeypatch, tmp_path / "none", tmp_path / "bokeh.png")
    assert "none: " in capsys.readouterr().err.splitlines()[-1]
