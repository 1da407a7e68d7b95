"""Depth maps through the crop and scale of their photos, and what is said when there are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ebb.console import SilentProgress
from ebb.dataset.png import decode_png
from ebb.errors import MissingDependency, Status
from ebb.settings import DepthSettings, RunSettings
from ebb.stages import depth
from ebb.workspace import Workspace
from tests.ebb.stages.conftest import RUN


def run(workspace: Workspace, provider: str, **settings: object) -> dict[str, object]:
    report = depth.run(
        workspace,
        DepthSettings(provider=provider, **settings),  # type: ignore[arg-type]
        RUN,
        SilentProgress(),
    )
    return report.as_dict()


def test_sidecar_maps_follow_the_photo(ready: Workspace) -> None:
    """The depth files of the test card are ramps, so each row of the map has a known value."""
    for pair_id, row in ready.state.stage_rows("depth").items():
        assert row.status is Status.OK
        figures = ready.state.stage_rows("align")[pair_id].figures
        found = decode_png((ready.pair(pair_id) / "depth.png").read_bytes())
        assert found.shape == (128, figures["width"] // 2)
        assert (found.min(), found.max()) == (0, 255)
        assert np.ptp(found, axis=1).max() == 0
        steps = np.diff(found[:, 0].astype(float))
        assert steps.mean() == pytest.approx(255 / 127, abs=0.02)
        assert np.abs(steps - steps.mean()).max() <= 1.5


def test_a_second_run_changes_nothing_and_another_provider_everything(ready: Workspace) -> None:
    assert run(ready, "sidecar")["unchanged"] == 3
    assert run(ready, "none")["unchanged"] == 0
    rows = ready.state.stage_rows("depth").values()
    assert all(row.figures["provider"] == "none" and not row.outputs for row in rows)


def test_distances_are_inverted(ready: Workspace) -> None:
    pair_id = next(iter(ready.state.stage_rows("depth")))
    before = decode_png((ready.pair(pair_id) / "depth.png").read_bytes())
    run(ready, "sidecar", sidecar_values="distance")
    after = decode_png((ready.pair(pair_id) / "depth.png").read_bytes())
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] < -0.5


def test_missing_weights_are_said_before_any_work(
    aligned: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EBB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EBB_MEGADEPTH_WEIGHTS", raising=False)
    with pytest.raises(MissingDependency, match="ebb weights download megadepth") as caught:
        run(aligned, "megadepth")
    assert caught.value.exit_code == 6
    assert aligned.state.stage_rows("depth") == {}


def test_a_depth_file_that_is_gone_or_missing(aligned: Workspace, card: Path, tmp_path: Path) -> None:
    import shutil

    from ebb.settings import IngestSettings
    from ebb.stages import ingest

    raw = tmp_path / "raw"
    shutil.copytree(card, raw)
    (raw / "IMG_0001_depth.png").unlink()
    ingest.run(aligned, raw, IngestSettings(), RunSettings(workers=1), SilentProgress())
    ingest.run(aligned, card, IngestSettings(), RunSettings(workers=1), SilentProgress())
    assert run(aligned, "sidecar")["ok"] == 3


def test_no_depth_file_is_a_reason(aligned: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from ebb.dataset import catalog

    rows = [row for row in catalog.read_catalog(aligned.catalog_file) if row.name != "IMG_0001_depth.png"]
    rows = [replace(row, sha256="0" * 64) if row.name == "IMG_0003_depth.png" else row for row in rows]
    aligned.catalog_file.write_bytes(catalog.write_catalog(rows))
    report = run(aligned, "sidecar")
    assert report["reasons"] == {"no_depth": 1, "input_changed": 1}
    details = {row.detail for row in aligned.state.stage_rows("depth").values()}
    assert "no IMG_0001_depth file beside IMG_0001.JPG" in details
