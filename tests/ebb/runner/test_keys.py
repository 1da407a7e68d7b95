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


def test_align_key_follows_pair_settings_and_version(monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.align_key(PAIR, AlignSettings())
    assert key == keys.align_key(replace(PAIR, wide=replace(WIDE, folder="/moved")), AlignSettings())
    assert key != keys.align_key(replace(PAIR, pair_id="cd"), AlignSettings())
    assert key != keys.align_key(PAIR, AlignSettings(height=512))
    monkeypatch.setitem(keys.VERSIONS, keys.ALIGN, 99)
    assert key != keys.align_key(PAIR, AlignSettings())


def test_imported_photos_do_not_depend_on_alignment_settings() -> None:
    pair = replace(PAIR, wide=replace(WIDE, origin="import"))
    assert keys.align_key(pair, AlignSettings()) == keys.align_key(pair, AlignSettings(height=512))


def test_depth_key_follows_what_the_map_is_made_from() -> None:
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
