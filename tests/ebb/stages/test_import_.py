"""Import of published data sets: every layout, with depth and without, unchanged or registered again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from ebb.api.progress import CallbackProgress
from ebb.dataset.catalog import pairs_of, read_catalog
from ebb.dataset.import_layouts import LAYOUTS
from ebb.depthmap.color_coded import colour_map
from ebb.errors import InvalidInput, Reason, Status
from ebb.formats.png import decode_png
from ebb.photo.frame import DevelopedFrame
from ebb.progress import SilentProgress
from ebb.registration.as_stored import AsStored
from ebb.registration.register import register
from ebb.results import ALIGN, DEPTH, DepthMap, StoredAlignment
from ebb.scan.data_set import Request
from ebb.settings import AlignSettings, DepthSettings, ShardSettings
from ebb.stages import align, depth, import_, shard
from ebb.workspace import Workspace, open_workspace
from tests.helpers.captures import scene
from tests.helpers.datasets import read_records
from tests.helpers.ebb_release import release, write_image
from tests.helpers.icc import ADOBE_RGB, curve, matrix_profile
from tests.helpers.interruptions import Interruption, Killed, run_here
from tests.helpers.published import KINDS, names, photos, write, write_data_set
from tests.helpers.settings import RUN


def take_in(workspace: Workspace, folder: Path, **request: Any) -> import_.ImportReport:
    settings = AlignSettings()
    return import_.run(workspace, Request(source=folder, **request), settings, RUN, SilentProgress())


def run(workspace: Workspace, folder: Path) -> dict[str, Any]:
    return take_in(workspace, folder).as_dict()


def values(workspace: Workspace) -> list[StoredAlignment]:
    """Results of the pairs in the order of the catalogue."""
    rows = workspace.state.stage_rows(ALIGN)
    found = [rows[pair.pair_id].value for pair in pairs_of(read_catalog(workspace.catalog_file))]
    return [value for value in found if value is not None]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_taken_in_unchanged_and_measured(layout: str, tmp_path: Path) -> None:
    folder = write_data_set(tmp_path / "data", layout, ["good", "shifted"])
    with open_workspace(tmp_path / "set", create=True) as workspace:
        report = take_in(workspace, folder)
        assert (report.layout, report.ok, report.splits) == (layout, 2, {"train": 2})
        assert (report.would_refuse, report.would_refuse_for) == (1, {"misaligned": 1})
        good, shifted = values(workspace)
        assert good.refusals(AlignSettings()) == []
        assert good.measurements["quality_rank"] > 0.5 > shifted.measurements["quality_rank"]
        pairs = pairs_of(read_catalog(workspace.catalog_file))
        for pair, number in zip(pairs, (1, 2), strict=True):
            stored = workspace.pair(pair.pair_id)
            files = zip(("wide.png", "shallow.png"), names(layout, "train", number), strict=False)
            for name, file in files:
                assert np.array_equal(cv2.imread(str(stored / name)), cv2.imread(str(folder / file)))
            has_map = bool(names(layout, "train", number)[2])
            assert (stored / "depth.png").exists() is has_map
        f_numbers = {(pair.wide.f_number, pair.shallow.f_number) for pair in pairs}
        expected = {"realbokeh": (22.0, 2.0), "ebokehnet": (16.0, 1.8), "vabd": (16.0, 1.8)}
        assert f_numbers == {expected.get(layout, (None, None))}


def test_the_progress_names_the_import(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    progress = CallbackProgress(lambda *values: seen.append(values))
    with open_workspace(tmp_path / "set", create=True) as workspace:
        folder = write_data_set(tmp_path / "EBB", "ebb", ["good"], with_depth=False)
        import_.run(workspace, Request(source=folder), AlignSettings(), RUN, progress)
    assert seen[-1] == ("import", 1, 1)


def test_every_kind_of_pair_has_its_reason(tmp_path: Path) -> None:
    folder = write_data_set(tmp_path / "EBB", "ebb", list(KINDS))
    with open_workspace(tmp_path / "set", create=True) as workspace:
        report = take_in(workspace, folder)
        assert (report.ok, report.would_refuse, report.limits) == (4, 3, "profile clean")
        refusals = [value.refusals(AlignSettings()) for value in values(workspace)]
        assert [found[0].reason if found else None for found in refusals] == list(KINDS.values())
        assert report.notes[-1] == (
            "3 of 4 would be refused by profile clean (1 misaligned, 1 too_little_blur, 1 too_few_matches): "
            "see refused.csv; --refuse leaves them out, --realign registers again"
        )
        written = shard.run(workspace, ShardSettings(test=0, val=0), SilentProgress())
        assert written.splits == {"train": 4, "val": 0, "test": 0}
        (path,) = workspace.shards.glob("*.parquet")
        records = list(read_records(path))
        assert [record.refused_for for record in records] == [str(reason or "") for reason in KINDS.values()]
        assert records[0].measurements["residual_px"] < 0.1
        assert records[3].measurements["quality_rank"] == 0.0
        lenient = AlignSettings.of_profile("paper", max_residual_px=9, max_residual_p95_px=9)
        again = import_.run(workspace, Request(source=folder), lenient, RUN, SilentProgress())
        assert (again.unchanged, again.would_refuse, again.limits) == (4, 1, "")


def test_refused_pairs_are_left_out_on_demand(tmp_path: Path) -> None:
    folder = write_data_set(tmp_path / "EBB", "ebb", ["good", "shifted"])
    with open_workspace(tmp_path / "set", create=True) as workspace:
        take_in(workspace, folder)
        settings = ShardSettings(test=0, val=0, refuse=True)
        report = shard.run(workspace, settings, SilentProgress())
        assert (report.splits["train"], report.left_out, report.reasons) == (1, 1, {"misaligned": 1})
        strict = AlignSettings(max_residual_px=0.001)
        import_.run(workspace, Request(source=folder), strict, RUN, SilentProgress())
        with pytest.raises(shard.NothingReady, match="no pair is left: the limits refuse 2 of 2"):
            shard.run(workspace, settings, SilentProgress())


def test_a_known_shift_is_removed(tmp_path: Path) -> None:
    folder = write_data_set(tmp_path / "EBB", "ebb", ["good", "shifted", "strangers"])
    (folder / "train" / "original_depth" / "1.png").unlink()
    settings = AlignSettings(height=0)
    with open_workspace(tmp_path / "set", create=True) as workspace:
        report = take_in(workspace, folder, realign=True)
        assert (report.ok, report.with_depth, report.without_depth) == (3, 2, 1)
        aligned = align.run(workspace, settings, RUN, SilentProgress())
        assert (aligned.ok, aligned.reasons) == (2, {"too_few_matches": 1})
        given = DepthSettings(provider="import")
        assert depth.run(workspace, given, RUN, SilentProgress(), origins=("realign",)).ok == 2
        written = shard.run(workspace, ShardSettings(test=0, val=0), SilentProgress())
        assert written.splits["train"] == 2
        (path,) = workspace.shards.glob("*.parquet")
        good, shifted = read_records(path)
        pair = photos("shifted")
        x, y, width, height = (getattr(shifted, f"crop_{name}") for name in ("x", "y", "width", "height"))
        wide, shallow = (decode_png(image) for image in (shifted.wide, shifted.shallow))
        assert np.array_equal(wide, pair.wide[y : y + height, x : x + width])
        again = register(wide, shallow, AlignSettings.of_profile("paper", height=0))
        assert np.abs(again.H_shallow_to_wide[:2, 2]).max() < 0.1
        assert shifted.refused_for == ""
        assert (good.depth_provider, shifted.depth_provider) == ("none", "import")
        assert shifted.depth is not None
        rows = pair.depth[y // 2 : (y + height) // 2].mean(axis=1)
        assert np.corrcoef(decode_png(shifted.depth).mean(axis=1), rows)[0, 1] > 0.999


def test_registered_again_and_back(tmp_path: Path) -> None:
    folder = write_data_set(tmp_path / "EBB", "ebb", ["shifted"], with_depth=False)
    with open_workspace(tmp_path / "set", create=True) as workspace:
        take_in(workspace, folder)
        (pair,) = pairs_of(read_catalog(workspace.catalog_file))
        before = {path.name: path.read_bytes() for path in workspace.pair(pair.pair_id).iterdir()}
        take_in(workspace, folder, realign=True)
        align.run(workspace, AlignSettings(height=0), RUN, SilentProgress())
        depth.run(workspace, DepthSettings(provider="import"), RUN, SilentProgress())
        assert (workspace.pair(pair.pair_id) / "wide.png").read_bytes() != before["wide.png"]
        take_in(workspace, folder)
        after = {path.name: path.read_bytes() for path in workspace.pair(pair.pair_id).iterdir()}
        assert after == before
        assert workspace.state.stage_rows(DEPTH)[pair.pair_id].value == DepthMap(
            provider="none", recipe="none"
        )


def test_the_height_of_the_folder_is_not_that_of_an_import(tmp_path: Path) -> None:
    folder = write_data_set(tmp_path / "EBB", "ebb", ["good"])
    with open_workspace(tmp_path / "set", create=True) as workspace:
        settings = AlignSettings(height=0, max_residual_px=0.2)
        import_.run(workspace, Request(source=folder), settings, RUN, SilentProgress())
        kept = workspace.settings(AlignSettings)
        assert (kept.height, kept.max_residual_px) == (1024, 0.2)


def test_an_import_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known: dict[bytes, AsStored] = {}

    def quickly(wide: DevelopedFrame, shallow: DevelopedFrame, ev: float | None) -> AsStored:
        if wide.photo.tobytes() not in known:
            known[wide.photo.tobytes()] = measure(wide, shallow, ev)
        return known[wide.photo.tobytes()]

    measure = import_.measure_as_stored
    monkeypatch.setattr("ebb.runner.local.run_items", run_here)
    monkeypatch.setattr(import_, "measure_as_stored", quickly)
    folder = write_data_set(tmp_path / "EBB", "ebb", ["good", "shifted"])
    whole = tmp_path / "whole"
    with open_workspace(whole, create=True) as workspace:
        take_in(workspace, folder)
    expected = {path.relative_to(whole): path.read_bytes() for path in whole.glob("pairs/*/*")}
    interruption = Interruption(monkeypatch)
    with open_workspace(tmp_path / "counted", create=True) as workspace, interruption.stopped_at(None):
        take_in(workspace, folder)
    for stop in range(3, interruption.changes, max(1, interruption.changes // 12)):
        root = tmp_path / f"stopped {stop}"
        with (
            open_workspace(root, create=True) as workspace,
            pytest.raises(Killed),
            interruption.stopped_at(stop),
        ):
            take_in(workspace, folder)
        with open_workspace(root) as workspace:
            report = take_in(workspace, folder)
            assert (report.ok, report.would_refuse) == (2, 1)
        assert {path.relative_to(root): path.read_bytes() for path in root.glob("pairs/*/*")} == expected


def test_maps_of_full_size_and_in_colours(tmp_path: Path) -> None:
    folder = write_data_set(tmp_path / "VABM", "vabm", ["good", "shifted"])
    ramp = np.linspace(0, 255, 192)[:, None].repeat(288, axis=1).astype(np.uint8)
    write(folder / "train/depth/1.png", colour_map()[ramp].astype(np.uint8))
    write(folder / "train/depth/2.png", ramp)
    with open_workspace(tmp_path / "set", create=True) as workspace:
        assert take_in(workspace, folder).ok == 2
        for pair in pairs_of(read_catalog(workspace.catalog_file)):
            stored = decode_png((workspace.pair(pair.pair_id) / "depth.png").read_bytes())
            assert stored.shape == (96, 144)
            assert np.abs(stored.mean(axis=1) - np.linspace(0, 255, 96)).max() < 2


def test_an_own_folder_by_a_list(tmp_path: Path) -> None:
    good, folder = photos("good"), tmp_path / "own"
    for number, name in enumerate(("sharp", "soft"), start=0):
        write(folder / f"{name}.png", good[number])
    (tmp_path / "pairs.csv").write_text("wide,shallow,split,f_number_shallow\nsharp.png,soft.png,val,f/1.4\n")
    with open_workspace(tmp_path / "set", create=True) as workspace:
        report = take_in(workspace, folder, pairs=tmp_path / "pairs.csv")
        assert (report.layout, report.splits, report.ok) == ("pairs", {"val": 1}, 1)
        (pair,) = pairs_of(read_catalog(workspace.catalog_file))
        assert pair.shallow.f_number == 1.4


@pytest.mark.parametrize("realign", [False, True])
def test_photos_of_an_own_folder_are_stored_upright(realign: bool, tmp_path: Path) -> None:
    wide, shallow, _ = photos("good")
    folder = tmp_path / "own"
    folder.mkdir()
    for name, upright in (("sharp", wide), ("soft", shallow)):
        exif = Image.Exif()
        exif[0x0112] = 6  # stored with its left side up
        Image.fromarray(np.rot90(upright)).save(folder / f"{name}.png", exif=exif)
    (tmp_path / "pairs.csv").write_text("wide,shallow,split\nsharp.png,soft.png,train\n")
    with open_workspace(tmp_path / "set", create=True) as workspace:
        report = take_in(workspace, folder, pairs=tmp_path / "pairs.csv", realign=realign)
        (pair,) = pairs_of(read_catalog(workspace.catalog_file))
        assert (pair.wide.width, pair.wide.height) == wide.shape[1::-1]
        if not realign:
            assert report.ok == 1
            (stored,) = workspace.root.glob("pairs/*/wide.png")
            np.testing.assert_array_equal(cv2.imread(str(stored))[..., ::-1], wide)


def test_pairs_with_one_wide_photo_are_a_series_in_one_split(tmp_path: Path) -> None:
    wide, shallow, _ = photos("good")
    softer = cv2.GaussianBlur(shallow, (0, 0), 1)
    for name, photo in {"sharp": wide, "soft": shallow, "softer": softer}.items():
        write(tmp_path / "own" / f"{name}.png", photo)
    rows = "wide,shallow,f_number_shallow\nsharp.png,soft.png,1.8\nsharp.png,softer.png,1.4\n"
    (tmp_path / "pairs.csv").write_text(rows)
    with open_workspace(tmp_path / "set", create=True) as workspace:
        take_in(workspace, tmp_path / "own", pairs=tmp_path / "pairs.csv")
        shard.run(workspace, ShardSettings(val=0, test=1), SilentProgress())
        records = list(read_records(workspace.shards / "train-00000-of-00001.parquet"))
        assert [record.f_number_shallow for record in records] == [1.4, 1.8]
        assert len({record.scene for record in records}) == 1
        assert records[1].pair_id == f"{records[0].pair_id}-f018"
        assert np.array_equal(decode_png(records[1].shallow), shallow)


def test_photos_of_16_bits_are_refused_and_tiny_ones_have_a_reason(tmp_path: Path) -> None:
    folder, rng = tmp_path / "EBB", np.random.default_rng(0)
    for part in ("original", "bokeh"):
        write(folder / f"train/{part}/1.png", rng.integers(0, 65535, (64, 96, 3), np.uint16))
        write(folder / f"train/{part}/2.png", rng.integers(0, 255, (10, 12, 3), np.uint8))
    with open_workspace(tmp_path / "set", create=True) as workspace:
        report = take_in(workspace, folder)
        assert (report.ok, report.would_refuse, report.reasons) == (1, 1, {"unsupported_pixels": 1})


def test_the_release_becomes_shards_in_its_own_splits(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "set", create=True) as workspace:
        assert run(workspace, release(tmp_path / "EBB"))["ok"] == 3
        pairs = pairs_of(read_catalog(workspace.catalog_file))
        assert [pair.wide.name for pair in pairs if "train" in pair.wide.name] == [
            "train/original/2.jpg",
            "train/original/10.jpg",
        ]
        report = shard.run(workspace, ShardSettings(test=0, val=0), SilentProgress())
        assert report.splits == {"train": 2, "val": 0, "test": 1}
        (record,) = read_records(workspace.shards / "test-00000-of-00001.parquet")
        assert (record.depth_provider, record.source_wide, record.height) == ("import", "0.jpg", 96)
        assert run(workspace, tmp_path / "EBB")["unchanged"] == 3


def test_depth_maps_of_some_pairs_only(tmp_path: Path) -> None:
    folder = release(tmp_path / "EBB")
    (folder / "test" / "original_depth" / "0.png").unlink()
    with open_workspace(tmp_path / "set", create=True) as workspace:
        assert run(workspace, folder)["ok"] == 3
        report = shard.run(workspace, ShardSettings(test=0, val=0), SilentProgress())
        assert report.splits == {"train": 2, "val": 0, "test": 1}
        (record,) = read_records(workspace.shards / "test-00000-of-00001.parquet")
        assert (record.depth_provider, record.depth) == ("none", None)
        (record, _) = read_records(workspace.shards / "train-00000-of-00001.parquet")
        assert record.depth_provider == "import"
        assert record.depth is not None


def test_without_depth_maps_there_are_shards_without(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "set", create=True) as workspace:
        run(workspace, release(tmp_path / "EBB", depth=False))
        report = shard.run(workspace, ShardSettings(), SilentProgress())
        assert report.splits == {"train": 2, "val": 0, "test": 1}


def test_a_computed_depth_map_survives_another_import(tmp_path: Path) -> None:
    folder = release(tmp_path / "EBB", depth=False)
    with open_workspace(tmp_path / "set", create=True) as workspace:
        run(workspace, folder)
        (row, *_) = workspace.state.stage_rows(DEPTH).values()
        made = replace(row, key="of a network", value=DepthMap(provider="megadepth", recipe="megadepth"))
        workspace.state.put_stage(made)
        assert run(workspace, folder)["unchanged"] == 3
        assert workspace.state.stage_rows(DEPTH)[row.pair_id] == made


def test_a_depth_map_added_later_is_imported(tmp_path: Path) -> None:
    folder = release(tmp_path / "EBB")
    path = folder / "test" / "original_depth" / "0.png"
    depth_file = path.read_bytes()
    path.unlink()
    with open_workspace(tmp_path / "set", create=True) as workspace:
        run(workspace, folder)
        path.write_bytes(depth_file)
        assert run(workspace, folder)["unchanged"] == 2
        shard.run(workspace, ShardSettings(test=0, val=0), SilentProgress())
        (record,) = read_records(workspace.shards / "test-00000-of-00001.parquet")
        assert record.depth_provider == "import"
        assert record.depth is not None


def test_wide_gamut_photos_are_imported_as_srgb(tmp_path: Path) -> None:
    folder = release(tmp_path / "EBB", depth=False)
    for path in folder.glob("train/*/2.jpg"):
        Image.open(path).save(path, quality=95, icc_profile=matrix_profile(ADOBE_RGB, curve(563)))
    with open_workspace(tmp_path / "set", create=True) as workspace:
        assert run(workspace, folder)["ok"] == 3


def test_without_depth_maps_they_can_be_made_later(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "set", create=True) as workspace:
        run(workspace, release(tmp_path / "EBB", depth=False))
        depth.run(workspace, DepthSettings(provider="none"), RUN, SilentProgress())
        assert shard.run(workspace, ShardSettings(), SilentProgress()).num_shards > 0


def test_damaged_and_odd_files_are_rows(tmp_path: Path) -> None:
    folder = release(tmp_path / "EBB")
    (folder / "train" / "bokeh" / "2.jpg").write_bytes(b"no photo")
    write_image(folder / "train" / "original_depth" / "10.png", np.zeros((7, 7), np.uint8))
    write_image(folder / "train" / "original" / "77.jpg", scene(1, (160, 96)))
    with open_workspace(tmp_path / "set", create=True) as workspace:
        report = run(workspace, folder)
        rows = read_catalog(workspace.catalog_file)
    assert report["ok"] == 1
    assert report["reasons"] == {"unreadable": 1, "bad_depth": 1, "missing_partner": 1}
    broken = next(row for row in rows if row.status is Status.ERROR)
    assert (broken.name, broken.reason) == ("train/bokeh/2.jpg", Reason.UNREADABLE)


def test_a_damaged_photo_is_named(tmp_path: Path) -> None:
    folder = release(tmp_path / "EBB")
    photo = folder / "test" / "bokeh" / "0.jpg"
    photo.write_bytes(photo.read_bytes()[:3000] + b"\xff\xd9")
    with open_workspace(tmp_path / "set", create=True) as workspace:
        assert run(workspace, folder)["reasons"] == {"corrupt_input": 1}
        details = [row.detail for row in workspace.state.stage_rows(ALIGN).values()]
    assert any("test/bokeh/0.jpg" in detail and "compressed pixels" in detail for detail in details)


def test_photos_of_different_size_are_refused(tmp_path: Path) -> None:
    folder = release(tmp_path / "EBB")
    write_image(folder / "test" / "bokeh" / "0.jpg", scene(1, (162, 96)))
    with open_workspace(tmp_path / "set", create=True) as workspace:
        assert run(workspace, folder)["reasons"] == {"corrupt_input": 1}
        assert take_in(workspace, folder, realign=True).ok == 3


def test_not_a_data_set(tmp_path: Path) -> None:
    with (
        open_workspace(tmp_path / "set", create=True) as workspace,
        pytest.raises(InvalidInput, match="no pairs here .*train/original"),
    ):
        run(workspace, tmp_path)
