"""Stage keys: hashes of the inputs of each stage of a pair; with an equal key it need not run again."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING

from ebb.depthmap.registry import SOURCES
from ebb.results import ALIGN, DEPTH, IMPORT
from ebb.settings import as_dict, canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebb.dataset.catalog import Pair
    from ebb.settings import AlignSettings, DepthSettings

VERSIONS = {ALIGN.name: 11, DEPTH.name: 1, IMPORT: 3}
"""Goes up when a stage's arithmetic changes, so that the next run does it again."""


def stage_key(pair_id: str, stage: str, settings: object, *upstream: str) -> str:
    """Key of a stage of a pair.

    Args:
        pair_id: The pair, and with it the bytes of both camera files.
        stage: The stage's name.
        settings: Its settings: a dataclass, or ``None``.
        upstream: Its other inputs: keys of earlier stages, hashes of files.

    Returns:
        64 hex digits.
    """
    values = as_dict(settings) if settings is not None else {}
    return _digest([pair_id, stage, VERSIONS[stage], values, *upstream])


def align_key(pair: Pair, settings: AlignSettings) -> str:
    """Key of a pair's aligned photos; unchanged ones depend on their files, and on how they are measured.

    Those of a series share a crop, so that their key contains the bytes of all its photos.
    """
    if pair.is_imported:
        depth = [pair.depth.sha256] if pair.depth is not None else []
        return stage_key(pair.pair_id, IMPORT, None, f"{ALIGN.name} {VERSIONS[ALIGN.name]}", *depth)
    series = [pair.wide.sha256, pair.shallow.sha256, *pair.series] if pair.series else []
    return stage_key(pair.pair_id, ALIGN.name, settings, *series)


def photos_key(pair: Pair, key: str, outputs: Mapping[str, str]) -> str:
    """Key of what depth is made from: that of the aligned photos, and for a series also the wide photo.

    Another photo of the series that could not be read once changes the crop of all, and with it that photo.

    Args:
        pair: The pair.
        key: From :func:`align_key`.
        outputs: Files of the aligned pair and their SHA-256.
    """
    shares_crop = pair.series and not pair.is_imported
    return _digest([key, outputs.get("wide.png", "")]) if shares_crop else key


def depth_key(pair: Pair, settings: DepthSettings, upstream: str, model_sha256: str = "") -> str:
    """Key of a pair's depth map, made from the aligned photo or the depth file that came with it.

    A map embedded in the wide photo needs no hash of its own: ``pair_id`` stands for the photo's bytes.
    """
    source = SOURCES.get(settings.provider)
    reads_file = source is not None and source.reads_depth_file
    depth_file = pair.depth.sha256 if pair.depth is not None and reads_file else ""
    return stage_key(pair.pair_id, DEPTH.name, _what_matters(settings), upstream, depth_file, model_sha256)


def depth_recipe(settings: DepthSettings, model_sha256: str = "") -> str:
    """Short name of a way to make depth maps: those of one data set should have one."""
    values = as_dict(_what_matters(settings))
    return f"{settings.provider}-{_digest([VERSIONS[DEPTH.name], values, model_sha256])[:8]}"


def _what_matters(settings: DepthSettings) -> DepthSettings:
    """Reset the settings that do not change this provider's maps to their defaults.

    The path and the device of a model never matter: its hash stands for it. A plug-in may read all other
    settings, and its ``model`` may be a name that only the plug-in resolves.
    """
    elsewhere = {"weights", "model_download", "device"}
    names = {field.name for field in dataclasses.fields(settings)} - elsewhere
    source = SOURCES.get(settings.provider)
    if source is not None and source.settings is not None:
        names = {"provider", "keep_float", *source.settings}
    return dataclasses.replace(type(settings)(), **{name: getattr(settings, name) for name in names})


def _digest(parts: list[object]) -> str:
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()
