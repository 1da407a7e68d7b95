"""Stage keys change exactly when the result would."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ebb.dataset.catalog import CatalogRow, Pair
from ebb.runner import keys
from ebb.settings import AlignSettings, DepthSettings

WIDE = CatalogRow(folder="/raw", name="a.dng", pair_id="ab")
PAIR = Pair("ab", WIDE, replace(WIDE, name="b.dng"))


def test_align_key_depends_on_pair_settings_and_version(monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.align_key(PAIR, AlignSettings())
    assert key == keys.align_key(replace(PAIR, wide=replace(WIDE, folder="/moved")), AlignSettings())
    assert key != keys.align_key(replace(PAIR, pair_id="cd"), AlignSettings())
    assert key != keys.align_key(PAIR, AlignSettings(height=512))
    monkeypatch.setitem(keys.VERSIONS, keys.ALIGN.name, 99)
    assert key != keys.align_key(PAIR, AlignSettings())


def test_keys_of_a_series_follow_every_photo_of_it() -> None:
    series = replace(PAIR, series=("11", "22"), shallow=replace(WIDE, sha256="11"))
    key = keys.align_key(series, AlignSettings())
    assert key != keys.align_key(replace(series, series=("11", "22", "33")), AlignSettings())
    assert key != keys.align_key(replace(series, shallow=replace(WIDE, sha256="22")), AlignSettings())
    made_from = keys.photos_key(series, key, {"wide.png": "aa"})
    assert made_from != keys.photos_key(series, key, {"wide.png": "bb"})
    assert keys.photos_key(PAIR, key, {"wide.png": "aa"}) == key


def test_imported_photos_do_not_depend_on_alignment_settings() -> None:
    pair = replace(PAIR, wide=replace(WIDE, origin="import"))
    assert keys.align_key(pair, AlignSettings()) == keys.align_key(pair, AlignSettings(height=512))


def test_depth_key_depends_on_the_inputs_of_the_map() -> None:
    sidecar = DepthSettings(provider="sidecar")
    with_file = replace(PAIR, depth=replace(WIDE, name="a_depth.png", sha256="00"))
    key = keys.depth_key(PAIR, sidecar, "up")
    assert key != keys.depth_key(with_file, sidecar, "up")
    assert key != keys.depth_key(PAIR, sidecar, "other")
    network = DepthSettings(provider="megadepth")
    assert keys.depth_key(PAIR, network, "up", "1") != keys.depth_key(PAIR, network, "up", "2")
    assert keys.depth_key(PAIR, network, "up", "1") == keys.depth_key(
        PAIR, replace(network, weights=Path("moved.pth")), "up", "1"
    )


def test_recipe_names_the_provider() -> None:
    assert keys.depth_recipe(DepthSettings(provider="sidecar")).startswith("sidecar-")
    assert keys.depth_recipe(DepthSettings(), "1") != keys.depth_recipe(DepthSettings(), "2")


def test_settings_that_a_provider_does_not_read_do_not_matter() -> None:
    sidecar, onnx = DepthSettings(provider="sidecar"), DepthSettings(provider="onnx", model="a.onnx")
    for same in (
        replace(onnx, model="b/a.onnx", device="cpu", model_download=True),
        replace(onnx, sidecar_values="distance", weights=Path("w.pth")),
    ):
        assert keys.depth_key(PAIR, same, "up", "1") == keys.depth_key(PAIR, onnx, "up", "1")
        assert keys.depth_recipe(same, "1") == keys.depth_recipe(onnx, "1")
    others = (
        replace(onnx, model_size=256),
        replace(onnx, model_output="distance"),
        replace(onnx, keep_float=True),
    )
    assert len({keys.depth_key(PAIR, settings, "up", "1") for settings in (onnx, *others)}) == 4
    assert keys.depth_recipe(sidecar) == keys.depth_recipe(replace(sidecar, model_size=256))
    assert keys.depth_recipe(sidecar) != keys.depth_recipe(replace(sidecar, sidecar_values="distance"))


def test_the_key_of_a_plug_in_depends_on_every_setting_but_the_device() -> None:
    plug_in = DepthSettings(provider="mine")
    assert keys.depth_recipe(plug_in) == keys.depth_recipe(replace(plug_in, device="cpu"))
    for other in (
        replace(plug_in, model="x"),
        replace(plug_in, model_size=9),
        replace(plug_in, provider="yours"),
    ):
        assert keys.depth_recipe(plug_in) != keys.depth_recipe(other)
