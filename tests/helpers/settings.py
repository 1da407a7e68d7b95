"""Settings of quick runs over small photos."""

from __future__ import annotations

from ebb.pipeline import Settings
from ebb.settings import AlignSettings, DepthSettings, IngestSettings, RunSettings, ShardSettings

RUN = RunSettings(workers=2)
ALIGN = AlignSettings(height=256, min_blur_px=0)
SETTINGS = Settings(
    IngestSettings(),
    ALIGN,
    DepthSettings(provider="sidecar"),
    ShardSettings(test=1, val=0),
    RUN,
)
