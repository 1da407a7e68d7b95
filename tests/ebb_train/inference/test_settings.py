from __future__ import annotations

from pathlib import Path

import pytest

from ebb.depth_search import AUTO
from ebb.errors import UsageError
from ebb.settings import DepthSettings, IngestSettings
from ebb_train.inference.settings import SEARCH, FoundDepthSettings, RenderSettings


def test_defaults() -> None:
    settings = RenderSettings()
    assert settings.height == 1024
    assert settings.max_megapixels == IngestSettings().max_megapixels


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"height": 63}, r"--height 63 \(at least 64\)"),
        ({"max_megapixels": 0}, "--max-megapixels 0 is not positive"),
        ({"max_megapixels": float("nan")}, "--max-megapixels nan is not positive"),
        ({"max_megapixels": float("inf")}, "--max-megapixels inf is more than 1e.06"),
        ({"item_timeout": -1}, "--item-timeout -1 is not positive"),
    ],
)
def test_invalid_settings(values: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        RenderSettings(**values)  # type: ignore[arg-type]


def test_the_provider_that_searches() -> None:
    settings = FoundDepthSettings(sidecar_values="distance")
    assert SEARCH == settings.provider == AUTO
    assert settings.of(None).provider == AUTO
    assert settings.of(Path("runs/a")).provider == DepthSettings().provider
    assert settings.of(Path("runs/a")).sidecar_values == "distance"
    assert FoundDepthSettings(provider="sidecar").of(Path("runs/a")).provider == "sidecar"
