"""Artefacts as columns: the pictures of a pair, its true photo, and a planted fault."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ebb_train.artefacts.findings import Finding
from ebb_train.data.sources import Photos
from ebb_train.evaluation.artefact_scores import (
    ARTEFACT_COLUMNS,
    ARTEFACT_METADATA,
    artefact_scores,
    find_artefacts,
    marked,
)
from ebb_train.metrics.regions import Regions, find_regions
from tests.helpers.artefact_scenes import subject_before_background
from tests.helpers.planted_faults import seams


@pytest.fixture(scope="module")
def photos() -> Photos:
    scene = subject_before_background()
    depth = np.where(scene.in_focus, 200, 60).astype(np.uint8)[::2, ::2]
    wide, shallow = (np.rint(picture * 255).astype(np.uint8) for picture in (scene.photo, scene.layered))
    return Photos("a", wide, shallow, depth)


@pytest.fixture(scope="module")
def regions(photos: Photos) -> Regions:
    return find_regions(photos.wide, photos.shallow)


def test_the_true_photo_is_not_flagged(photos: Photos, regions: Regions) -> None:
    scores = artefact_scores(find_artefacts(photos, regions, photos.shallow))
    assert scores["flagged"] == 0
    assert set(scores) <= set(ARTEFACT_COLUMNS)


def test_a_planted_fault_is_flagged(photos: Photos, regions: Regions) -> None:
    scene = subject_before_background()
    scores = artefact_scores(find_artefacts(photos, regions, seams(scene, scene.layered, 2)))
    assert scores["flagged"] == 1
    assert scores["severity"] == pytest.approx(scores["seams"] / 1.5)


def test_what_is_nearer_than_the_focus_has_negative_blur(photos: Photos, regions: Regions) -> None:
    """With near and far exchanged the background is in front, so that no subject can leak into it."""
    turned = photos._replace(depth=255 - photos.depth) if photos.depth is not None else photos
    regions = replace(regions, coc_px=subject_before_background().coc_px)
    assert "halo" in {finding.kind for finding in find_artefacts(photos, regions, photos.wide)}
    assert "halo" not in {finding.kind for finding in find_artefacts(turned, regions, photos.wide)}


def test_without_findings_there_is_no_severity() -> None:
    assert artefact_scores([]) == {}


def test_every_column_is_defined() -> None:
    assert set(ARTEFACT_COLUMNS) <= set(ARTEFACT_METADATA)


def test_marked_pixels_are_red() -> None:
    where = np.zeros((16, 16), bool)
    where[8, 8] = True
    shown = marked(np.full((16, 16, 3), 100, np.uint8), Finding("halo", 1.0, where))
    assert shown[8, 8, 0] > 150
    assert shown[0, 0].tolist() == [40, 40, 40]
