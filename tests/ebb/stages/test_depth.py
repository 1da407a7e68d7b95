"""Depth maps through the crop and scale of their photos, and messages for missing ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ebb import results
from ebb.arrays import Size
from ebb.dataset.catalog import read_catalog
from ebb.depthmap.encoding import HalfDepth, decode_float16
from ebb.depthmap.onnx import load_onnx
from ebb.errors import InvalidInput, MissingDependency, Status, UsageError
from ebb.files import sha256_bytes
from ebb.formats.npy import decode_npy
from ebb.formats.png import decode_png, encode_png
from ebb.progress import SilentProgress
from ebb.report.status import dataset_status
from ebb.settings import DepthSettings, IngestSettings, RunSettings
from ebb.stages import align, depth, ingest
from ebb.workspace import Workspace, open_workspace
from tests.helpers.captures import scene, shot
from tests.helpers.heic_files import apdi, heic
from tests.helpers.phone_jpegs import gdepth_description, packet, png, with_dynamic_depth, with_gdepth
from tests.helpers.settings import ALIGN, RUN


def run(workspace: Workspace, provider: str, batch: int = 0, **settings: object) -> dict[str, object]:
    report = depth.run(
        workspace,
        DepthSettings(provider=provider, **settings),  # type: ignore[arg-type]
        replace(RUN, depth_batch=batch),
        SilentProgress(),
    )
    return report.as_dict()


def test_sidecar_maps_follow_the_photo(ready: Workspace) -> None:
    """The depth files of the test card are ramps, so each row of the map has a known value."""
    for pair_id, row in ready.state.stage_rows(results.DEPTH).items():
        assert row.status is Status.OK
        aligned = ready.state.stage_rows(results.ALIGN)[pair_id].value
        assert aligned is not None
        found = decode_png((ready.pair(pair_id) / "depth.png").read_bytes())
        assert found.shape == (128, aligned.size.width // 2)
        assert (found.min(), found.max()) == (0, 255)
        assert np.ptp(found, axis=1).max() == 0
        steps = np.diff(found[:, 0].astype(float))
        assert steps.mean() == pytest.approx(255 / 127, abs=0.02)
        assert np.abs(steps - steps.mean()).max() <= 1.5


def test_a_second_run_changes_nothing_and_another_provider_everything(ready: Workspace) -> None:
    assert run(ready, "sidecar")["unchanged"] == 3
    assert run(ready, "none")["unchanged"] == 0
    rows = ready.state.stage_rows(results.DEPTH).values()
    assert all(row.value and row.value.provider == "none" and not row.outputs for row in rows)


def test_distances_are_inverted(ready: Workspace) -> None:
    pair_id = next(iter(ready.state.stage_rows(results.DEPTH)))
    before = decode_png((ready.pair(pair_id) / "depth.png").read_bytes())
    run(ready, "sidecar", sidecar_values="distance")
    after = decode_png((ready.pair(pair_id) / "depth.png").read_bytes())
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] < -0.5


def test_missing_weights_are_reported_first(
    aligned: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EBB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EBB_MEGADEPTH_WEIGHTS", raising=False)
    message = "ebb weights download megadepth, or --weights FILE, or another --provider, such as none"
    with pytest.raises(MissingDependency, match=message) as caught:
        run(aligned, "megadepth")
    assert caught.value.exit_code == 6
    assert aligned.state.stage_rows(results.DEPTH) == {}


def test_a_missing_depth_file(aligned: Workspace, card: Path, tmp_path: Path) -> None:
    import shutil

    from ebb.settings import IngestSettings
    from ebb.stages import ingest

    raw = tmp_path / "raw"
    shutil.copytree(card, raw)
    (raw / "IMG_0001_depth.png").unlink()
    ingest.run(aligned, raw, IngestSettings(), RunSettings(workers=1), SilentProgress())
    ingest.run(aligned, card, IngestSettings(), RunSettings(workers=1), SilentProgress())
    assert run(aligned, "sidecar")["ok"] == 3


def test_a_photo_without_depth_file_is_rejected(aligned: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from ebb.dataset import catalog

    rows = [row for row in catalog.read_catalog(aligned.catalog_file) if row.name != "IMG_0001_depth.png"]
    rows = [replace(row, sha256="0" * 64) if row.name == "IMG_0003_depth.png" else row for row in rows]
    aligned.catalog_file.write_bytes(catalog.write_catalog(rows))
    report = run(aligned, "sidecar")
    assert report["reasons"] == {"no_depth": 1, "input_changed": 1}
    details = {row.detail for row in aligned.state.stage_rows(results.DEPTH).values()}
    assert "no IMG_0001_depth file beside IMG_0001.JPG" in details
    (_, told, _) = dataset_status(aligned).stages
    assert (told.done, told.rejected, told.failed, told.left) == (1, 1, 1, 0)


def write_phone_pair(folder: Path, number: int, orientation: int, wide: bytes | None = None) -> None:
    """A pair without motion; the wide photo is near at the left as it is stored."""
    photo = scene(number)
    ramp = png(np.linspace(0, 255, 120).astype(np.uint8)[None].repeat(80, axis=0))
    write = with_gdepth if number % 2 else with_dynamic_depth
    jpeg = write(shot(photo, 16, 600 * number, orientation), ramp, near=0.5, far=20)
    (folder / f"P{number}_wide.JPG").write_bytes(wide or jpeg)
    (folder / f"P{number}_xshallow.JPG").write_bytes(shot(photo, 1.8, 600 * number + 5, orientation))


def test_embedded_maps_follow_the_photo(tmp_path: Path) -> None:
    """Near at the left as stored; upright that is the top (6), the bottom (8), the right (3) or the left."""
    raw = tmp_path / "raw"
    raw.mkdir()
    turned = {1: 6, 2: 8, 3: 3, 4: 1}
    for number, orientation in turned.items():
        write_phone_pair(raw, number, orientation)
    write_phone_pair(raw, 5, 1, wide=with_gdepth(shot(scene(5), 16, 3000), b"not a picture"))
    write_phone_pair(raw, 6, 1, wide=shot(scene(6), 16, 3600))
    with open_workspace(tmp_path / "set", create=True) as workspace:
        ingest.run(workspace, raw, IngestSettings(), RUN, SilentProgress())
        align.run(workspace, ALIGN, RUN, SilentProgress())
        report = run(workspace, "embedded")
        assert (report["ok"], report["reasons"]) == (4, {"bad_depth": 1, "no_depth": 1})
        names = {row.pair_id: row.name for row in read_catalog(workspace.catalog_file) if row.role == "wide"}
        ramps = {}
        for pair_id, row in workspace.state.stage_rows(results.DEPTH).items():
            if row.status is Status.OK:
                ramps[names[pair_id]] = decode_png((workspace.pair(pair_id) / "depth.png").read_bytes())
            else:
                assert not (workspace.pair(pair_id) / "depth.png").exists()
    near_at = {6: (1, 1), 8: (1, -1), 3: (0, -1), 1: (0, 1)}
    for number, orientation in turned.items():
        across, step = near_at[orientation]
        found = ramps[f"P{number}_wide.JPG"].astype(float)
        assert np.ptp(found, axis=across).max() <= 1
        line = found.mean(axis=across)[::step]
        assert (line[0], line[-1]) == (255, 0)
        np.testing.assert_allclose(line, np.linspace(255, 0, len(line)), atol=3)


def test_maps_inside_heic_photos(tmp_path: Path) -> None:
    """An auxiliary map, one in the XMP, a damaged one, and none; the first photo is portrait."""
    raw = tmp_path / "raw"
    raw.mkdir()
    ramp = np.linspace(255, 0, 96).astype(np.uint8)[None].repeat(64, axis=0)
    gdepth = packet(gdepth_description(png(255 - ramp), near=0.5, far=20))
    maps: list[dict[str, Any]] = [
        {"depth": ramp, "depth_xmp": apdi(0.1, 2), "orientation": 6},
        {"xmp": gdepth},
        {"depth": ramp[:, :40]},
        {},
    ]
    for number, parts in enumerate(maps, 1):
        photo, orientation = scene(number), parts.get("orientation", 1)
        taken = f"2024:05:04 10:{10 * number}:0"
        (raw / f"H{number}_wide.HEIC").write_bytes(heic(photo, **parts, taken=f"{taken}0"))
        shallow = heic(photo, orientation=orientation, f_number=1.8, taken=f"{taken}5")
        (raw / f"H{number}_xshallow.HEIC").write_bytes(shallow)
    with open_workspace(tmp_path / "set", create=True) as workspace:
        ingest.run(workspace, raw, IngestSettings(), RUN, SilentProgress())
        assert align.run(workspace, ALIGN, RUN, SilentProgress()).ok == 4
        report = run(workspace, "embedded")
        assert (report["ok"], report["reasons"]) == (2, {"bad_depth": 1, "no_depth": 1})
        names = {row.pair_id: row.name for row in read_catalog(workspace.catalog_file) if row.role == "wide"}
        for pair_id, row in workspace.state.stage_rows(results.DEPTH).items():
            if row.status is not Status.OK:
                continue
            found = decode_png((workspace.pair(pair_id) / "depth.png").read_bytes()).astype(float)
            across = 1 if names[pair_id] == "H1_wide.HEIC" else 0
            line = found.mean(axis=across)
            np.testing.assert_allclose(line, np.linspace(255, 0, len(line)), atol=3)


@pytest.fixture
def brightness(tmp_path: Path) -> Path:
    """An ONNX network whose inverse depth is the brightness of the photo."""
    return write_onnx(tmp_path / "nets" / "mean.onnx")


def write_onnx(path: Path, last: str = "Identity") -> Path:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    nodes = [
        onnx.helper.make_node("ReduceMean", ["x", "axes"], ["mean"], keepdims=0),
        onnx.helper.make_node(last, ["mean"], ["depth"]),
    ]
    ends = [
        onnx.helper.make_tensor_value_info(
            name, onnx.TensorProto.FLOAT, ("n", *([3] * (name == "x")), "h", "w")
        )
        for name in ("x", "depth")
    ]
    axes = onnx.numpy_helper.from_array(np.array([1]), "axes")
    graph = onnx.helper.make_graph(nodes, "g", ends[:1], ends[1:], [axes])
    path.parent.mkdir(exist_ok=True)
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9), path
    )
    return path


SMALL: dict[str, object] = {"model_size": 128, "model_multiple": 8, "device": "cpu"}


def test_a_network_in_a_file(aligned: Workspace, brightness: Path, tmp_path: Path) -> None:
    settings = {"model": str(brightness), "keep_float": True, **SMALL}
    assert run(aligned, "onnx", **settings)["ok"] == 3
    provider = load_onnx(brightness, DepthSettings(provider="onnx", **SMALL))  # type: ignore[arg-type]
    for pair_id, row in aligned.state.stage_rows(results.DEPTH).items():
        folder = aligned.pair(pair_id)
        expected = provider(decode_png((folder / "wide.png").read_bytes()))
        assert row.value is not None
        values = decode_npy((folder / "depth.npy").read_bytes())
        half = HalfDepth(values, row.value.depth_min or 0.0, row.value.depth_max or 0.0)
        assert np.abs(decode_float16(half) - expected).max() <= np.ptp(expected) * 2**-12 * 1.01
        eight = decode_png((folder / "depth.png").read_bytes())
        assert np.abs(half.values.astype(float) * 255 - eight).max() <= 0.6
        assert row.outputs.keys() == {"depth.png", "depth.npy"}
    moved = write_onnx(tmp_path / "elsewhere.onnx")
    assert run(aligned, "onnx", **{**settings, "model": str(moved)})["unchanged"] == 3
    other = write_onnx(tmp_path / "other.onnx", "Exp")
    assert run(aligned, "onnx", **{**settings, "model": str(other)})["unchanged"] == 0


def test_a_model_path_is_remembered_for_any_working_directory(
    aligned: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write_onnx(tmp_path / "mean.onnx").parent)
    assert run(aligned, "onnx", model="mean.onnx", **SMALL)["ok"] == 3
    assert aligned.settings(DepthSettings).model == str(tmp_path / "mean.onnx")
    with pytest.raises(MissingDependency):
        run(aligned, "onnx", model="gone.onnx")
    assert aligned.settings(DepthSettings).model == str(tmp_path / "mean.onnx")


def test_a_network_that_gives_nan_writes_nothing(aligned: Workspace, tmp_path: Path) -> None:
    model = write_onnx(tmp_path / "nan.onnx", "Sqrt")
    report = run(aligned, "onnx", model=str(model), **SMALL)
    assert report["reasons"] == {"bad_depth": 3}
    assert aligned.settings(DepthSettings) == DepthSettings(), "nothing to go on with"
    assert not list(aligned.root.glob("pairs/*/depth*"))
    assert (
        "depth values are not finite" in next(iter(aligned.state.stage_rows(results.DEPTH).values())).detail
    )


def test_a_damaged_photo_fails_alone(aligned: Workspace, tmp_path: Path) -> None:
    model = str(write_onnx(tmp_path / "mean.onnx"))
    first, second, third = aligned.state.stage_rows(results.ALIGN)
    (aligned.pair(first) / "wide.png").write_bytes(b"torn")
    (aligned.pair(second) / "wide.png").unlink()
    for batch in (1, 3):
        assert run(aligned, "onnx", batch, model=model, **SMALL)["reasons"] == {"input_changed": 2}
    rows = aligned.state.stage_rows(results.DEPTH)
    assert rows[third].status is Status.OK
    assert "wide.png: not a PNG: remove the pair's folder and run ebb align" in rows[first].detail
    assert "wide.png: cannot be read: No such file" in rows[second].detail


def test_invalid_settings_are_reported_first(
    aligned: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for provider, error, message in (
        ("midas", UsageError, "no depth provider is called 'midas'"),
        ("onnx", UsageError, "needs a model"),
        ("transformers", UsageError, "needs a model"),
    ):
        with pytest.raises(error, match=message):
            run(aligned, provider)
    with pytest.raises(MissingDependency, match="no such ONNX file"):
        run(aligned, "onnx", model=str(tmp_path / "gone.onnx"))
    (tmp_path / "torn.onnx").write_bytes(b"torn")
    with pytest.raises(InvalidInput, match="not a usable ONNX file"):
        run(aligned, "onnx", model=str(tmp_path / "torn.onnx"))
    with pytest.raises(InvalidInput, match="not a weights file of PyTorch"):
        run(aligned, "megadepth", weights=tmp_path / "torn.onnx")
    assert aligned.settings(DepthSettings) == DepthSettings()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for provider, extra in (("onnx", "onnx"), ("transformers", "transformers"), ("megadepth", "depth")):
        with pytest.raises(MissingDependency, match=rf"pip install 'ebb-bokeh\[{extra}\]'"):
            run(aligned, provider, model=str(tmp_path))
    assert aligned.state.stage_rows(results.DEPTH) == {}
    assert not list(aligned.root.glob("pairs/*/depth*"))


# What befalls a black photo is the first word of the model's name; the second is a file for notes.
PLUG_IN = """
import os
import numpy as np

class Rows:
    name = "rows"
    def __init__(self, settings): self.settings = settings
    def __call__(self, rgb):
        height, width = rgb.shape[0] // 2 + self.settings.model_size, rgb.shape[1] // 2
        return np.arange(height, dtype=np.float32)[:, None].repeat(width, axis=1)

class Batches(Rows):
    name = "batches"
    def __call__(self, rgb):
        fault, _ = self.settings.model.split(maxsplit=1)
        if rgb.max() == 0 and fault == "raise": raise RuntimeError("out of memory")
        if rgb.max() == 0 and fault == "die": os._exit(7)
        depth = super().__call__(rgb) + np.float32(rgb[0, 0, 0])
        return {"nan": depth * np.nan, "shape": depth[1:]}.get(fault, depth) if rgb.max() == 0 else depth
    def predict(self, photos):
        with open(self.settings.model.split(maxsplit=1)[1], "a") as file: file.write(f"{len(photos)} ")
        return [self(rgb) for rgb in photos]

def build(settings, model): return Rows(settings)
def build_batches(settings, model): return Batches(settings)
"""


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Installs the providers above; a file for notes."""
    site = tmp_path / "site"
    (site / "plug_rows-1.0.dist-info").mkdir(parents=True)
    (site / "plug_rows.py").write_text(PLUG_IN)
    (site / "plug_rows-1.0.dist-info" / "METADATA").write_text("Name: plug_rows\nVersion: 1.0\n")
    (site / "plug_rows-1.0.dist-info" / "entry_points.txt").write_text(
        "[ebb.depth_providers]\nrows = plug_rows:build\nbatches = plug_rows:build_batches\n"
    )
    monkeypatch.syspath_prepend(site)
    return tmp_path / "notes"


@pytest.mark.usefixtures("plug_in")
def test_a_plug_in_in_a_worker(aligned: Workspace) -> None:
    """This one takes no batches: it is asked for one photo at a time all the same."""
    assert run(aligned, "rows", model_size=2)["reasons"] == {"bad_depth": 3}
    for batch in (1, 3):
        assert run(aligned, "rows", batch, keep_float=batch == 1)["ok"] == 3
        folder = aligned.pair(next(iter(aligned.state.stage_rows(results.DEPTH))))
        found = decode_png((folder / "depth.png").read_bytes())
        np.testing.assert_array_equal(found[:, 0], np.rint(np.linspace(0, 255, 128)))


def maps(workspace: Workspace) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in workspace.root.glob("pairs/*/depth.png")}


def test_batches_give_what_single_photos_give(
    aligned: Workspace, brightness: Path, plug_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes, rows and keys are equal, so that another batch size repeats nothing."""
    settings = {"model": str(brightness), **SMALL}
    run(aligned, "onnx", 1, **settings)
    alone, rows = maps(aligned), aligned.state.stage_rows(results.DEPTH)
    assert run(aligned, "onnx", 3, **settings)["unchanged"] == 3
    for path in aligned.root.glob("pairs/*/depth.png"):
        path.unlink()
    assert run(aligned, "onnx", 3, **settings)["unchanged"] == 0
    assert maps(aligned) == alone
    for pair_id, row in aligned.state.stage_rows(results.DEPTH).items():
        assert row == replace(rows[pair_id], seconds=row.seconds)
    run(aligned, "batches", device="cpu", model=f"none {plug_in}")
    assert not plug_in.exists()
    monkeypatch.setattr("ebb.depthmap.registry.on_gpu", lambda device: device == "auto")
    run(aligned, "batches", model=f"none {plug_in}", keep_float=True)
    assert plug_in.read_text() == "3 "


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("nan", "bad_depth"), ("shape", "bad_depth"), ("raise", "internal_error"), ("die", "worker_crash")],
)
def test_a_bad_photo_in_a_batch_fails_alone(
    aligned: Workspace, plug_in: Path, fault: str, reason: str
) -> None:
    bad, *good = sorted(aligned.state.stage_rows(results.ALIGN))
    photo = aligned.pair(bad) / "wide.png"
    photo.write_bytes(encode_png(np.zeros_like(decode_png(photo.read_bytes()))))
    report = run(aligned, "batches", 3, model=f"{fault} {plug_in}")
    assert (report["ok"], report["reasons"]) == (2, {reason: 1})
    assert sorted(maps(aligned)) == good
    rows = aligned.state.stage_rows(results.DEPTH)
    assert rows[bad].reason == reason
    assert not rows[bad].outputs
    assert plug_in.read_text() == "3 "


def test_photos_of_other_sizes_are_in_other_batches(aligned: Workspace, plug_in: Path) -> None:
    """The odd one is second, so the first and the third wait for each other."""
    _, odd, _ = sorted(aligned.state.stage_rows(results.ALIGN))
    photo = aligned.pair(odd) / "wide.png"
    photo.write_bytes(encode_png(decode_png(photo.read_bytes())[:, :300]))
    row = aligned.state.stage_rows(results.ALIGN)[odd]
    assert row.value is not None
    aligned.state.put_stage(replace(row, value=replace(row.value, size=Size(300, 256))))
    assert run(aligned, "batches", 2, model=f"none {plug_in}")["ok"] == 3
    assert plug_in.read_text() == "2 "
    assert decode_png((aligned.pair(odd) / "depth.png").read_bytes()).shape == (128, 150)


def test_an_interrupted_batch_keeps_the_rows_it_has(aligned: Workspace, plug_in: Path) -> None:
    class Interrupted(SilentProgress):
        def advance(self, *row: object) -> None:
            raise KeyboardInterrupt

    settings = DepthSettings(provider="batches", model=f"none {plug_in}")
    with pytest.raises(KeyboardInterrupt):
        depth.run(aligned, settings, replace(RUN, depth_batch=2), Interrupted())
    assert len(aligned.state.stage_rows(results.DEPTH)) == 1
    report = run(aligned, "batches", 2, model=f"none {plug_in}")
    assert (report["unchanged"], report["ok"]) == (1, 3)


def test_depth_is_made_once_for_a_series(series: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    run_items = depth.run_items

    def counted(work: Any, jobs: Any, settings: RunSettings) -> Any:
        for outcome in run_items(work, jobs, settings):
            made.append(outcome.job.pair_id)
            yield outcome

    monkeypatch.setattr(depth, "run_items", counted)
    assert run(series, "sidecar")["unchanged"] == 6
    assert run(series, "sidecar", keep_float=True)["ok"] == 6
    assert [len(pair_id) for pair_id in made] == [16, 16]
    rows = series.state.stage_rows(results.DEPTH)
    for first in made:
        alike = [row for pair_id, row in rows.items() if pair_id.startswith(first)]
        assert len(alike) == 3
        assert len({(row.outputs["depth.png"], row.outputs["depth.npy"], row.value) for row in alike}) == 1
        files = {(series.pair(row.pair_id) / "depth.png").read_bytes() for row in alike}
        assert {sha256_bytes(data) for data in files} == {alike[0].outputs["depth.png"]}
    assert run(series, "sidecar", keep_float=True)["unchanged"] == 6


def test_a_series_that_is_cropped_anew_gets_new_depth(series: Workspace) -> None:
    """A photo that could be read again changes the crop; the keys of the other pairs stay."""
    pair_id = min(series.state.stage_rows(results.ALIGN))
    row = series.state.stage_rows(results.ALIGN)[pair_id]
    outputs = {**row.outputs, "wide.png": "0" * 64}
    series.state.put_stage(replace(row, outputs=outputs))
    assert [stage.left for stage in dataset_status(series).stages[:2]] == [0, 1]
    assert run(series, "sidecar")["unchanged"] == 5
