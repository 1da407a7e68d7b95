from __future__ import annotations

import pytest

from ebb.errors import UsageError
from ebb.settings import IngestSettings
from ebb_train.inference.settings import RenderSettings


def test_defaults() -> None:
    settings = RenderSettings()
    assert settings.height == 1024
    assert settings.max_megapixels == IngestSettings().max_megapixels


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"height": 63}, r"--height 63 \(at least 64\)"),
        ({"max_megapixels": 0}, r"--max-megapixels 0 \(above 0"),
        ({"item_timeout": -1}, r"--item-timeout -1 \(above 0"),
    ],
)
def test_invalid_settings(values: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        RenderSettings(**values)  # type: ignore[arg-type]
