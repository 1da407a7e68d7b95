"""Records to write: noise photos, real PNG bytes, every column filled or every optional one empty."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ebb.dataset.record import MEASUREMENT_COLUMNS, Record
from ebb.formats.npy import encode_npy
from ebb.formats.png import encode_png

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

MEASURED = [column.name for column in MEASUREMENT_COLUMNS]

OPTIONAL = {
    "f_number_wide": 16.0,
    "f_number_shallow": 1.8,
    "focal_length_mm": 50.0,
    "exposure_time_s_wide": 0.2,
    "exposure_time_s_shallow": 1 / 50,
    "iso_wide": 800.0,
    "iso_shallow": 100.0,
    "camera": "Canon EOS 7D",
    "lens": "EF50mm f/1.8 II",
    "captured_at_wide": datetime(2019, 6, 2, 14, 4, 49, 865_001),
    "captured_at_shallow": datetime(2019, 6, 2, 14, 4, 55, 986_000),
    "motion_model": "similarity",
    "H_shallow_to_wide": (1.01, -0.0046, -31.2, 0.0062, 1.016, -32.1, 1e-7, -2e-7, 1.0),
    "num_matches": 900,
    "num_inliers": 700,
    "inlier_ratio": 7 / 9,
    "coverage": 0.875,
    "residual_px": 0.31,
    "overlap": 0.91,
    "exposure_gain": 1.03,
    "defocus_map": (0.0, 4.0, None, 16.0) * 4,
}


@pytest.fixture(scope="session")
def make_record() -> Callable[..., Record]:
    """Pair ``number``: noise of 24 x 17 pixels, always the same for the same number."""

    def make(number: int = 0, *, bare: bool = False, **changes: Any) -> Record:
        rng = np.random.default_rng(number)
        width, height = 24, 17
        depth = rng.integers(0, 256, (height // 2, width // 2), np.uint8)
        floats = {
            "depth_float16": encode_npy((depth / 255).astype(np.float16)),
            "depth_min": 0.125,
            "depth_max": 1.5,
        }
        values: dict[str, Any] = {
            "pair_id": hashlib.sha256(str(number).encode()).hexdigest()[:16],
            "wide": encode_png(rng.integers(0, 256, (height, width, 3), np.uint8)),
            "shallow": encode_png(rng.integers(0, 256, (height, width, 3), np.uint8)),
            "depth": None if bare else encode_png(depth),
            "width": width,
            "height": height,
            "crop_x": 12,
            "crop_y": 0,
            "crop_width": 1800,
            "crop_height": 1200,
            "depth_provider": "none" if bare else "sidecar",
            "source_wide": f"IMG_{number:04d}.DNG",
            "source_shallow": f"IMG {number:04d} [Ω]'\".DNG",
            "source_wide_sha256": "a" * 64,
            "source_shallow_sha256": "b" * 64,
            "software": "ebb 0.1.0, opencv 5.0.0",
        }
        values |= ({} if bare else OPTIONAL | floats) | changes
        measured = {name: values.pop(name) for name in MEASURED if name in values}
        known = {name: value for name, value in measured.items() if value is not None}
        return Record(**values, measurements=known)

    return make


@pytest.fixture(scope="session")
def datasets() -> Iterator[ModuleType]:
    """The Hugging Face library, told before its import that there is no network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        module = pytest.importorskip("datasets")
        module.disable_progress_bars()
        yield module
