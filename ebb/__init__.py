"""Paired bokeh data sets from camera files, and bokeh rendered from photos.

What is in ``ebb.__all__`` is imported when it is first used, so that ``import ebb`` takes milliseconds.

A photo is a NumPy array (H, W, 3), sRGB-encoded: uint8 0…255, uint16 0…65535, or floats in [0, 1]. Inverse
depth is (h, w), larger is nearer. Points are (x, y), integers being pixel centres. The *wide* photo of a pair
has the large depth of field (f/16), the *shallow* one the shallow depth of field (f/1.8). Expected failures
are children of :class:`EbbError`: they say what went wrong, with which file, and what to do next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebb.lazy import lazy_names
from ebb.version import __version__ as __version__

if TYPE_CHECKING:
    from ebb.api.bokeh import render_bokeh
    from ebb.api.datasets import Dataset, StoredPair, open_dataset
    from ebb.api.pairs import AlignedPair, align_pair, register
    from ebb.api.photos import Photo, estimate_depth, open_photo
    from ebb.api.runs import run_pipeline, simulate_captures
    from ebb.api.writer import write_dataset
    from ebb.bokeh.aperture import Aperture
    from ebb.bokeh.thin_lens import Lens
    from ebb.errors import (
        Broken,
        DatasetLocked,
        EbbError,
        InvalidInput,
        ItemError,
        MissingDependency,
        OutputError,
        Reason,
        Rejected,
        Status,
        UsageError,
    )
    from ebb.settings import (
        AlignSettings,
        DepthSettings,
        IngestSettings,
        RunSettings,
        ShardSettings,
        SimulateSettings,
    )
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "ebb.api.bokeh": ("render_bokeh",),
            "ebb.api.datasets": ("Dataset", "StoredPair", "open_dataset"),
            "ebb.api.pairs": ("AlignedPair", "align_pair", "register"),
            "ebb.api.photos": ("Photo", "estimate_depth", "open_photo"),
            "ebb.api.runs": ("run_pipeline", "simulate_captures"),
            "ebb.api.writer": ("write_dataset",),
            "ebb.bokeh.aperture": ("Aperture",),
            "ebb.bokeh.thin_lens": ("Lens",),
            "ebb.errors": (
                *("Broken", "DatasetLocked", "EbbError", "InvalidInput", "ItemError", "MissingDependency"),
                *("OutputError", "Reason", "Rejected", "Status", "UsageError"),
            ),
            "ebb.settings": (
                *("AlignSettings", "DepthSettings", "IngestSettings"),
                *("RunSettings", "ShardSettings", "SimulateSettings"),
            ),
        },
    )

__all__ = [
    "AlignSettings",
    "AlignedPair",
    "Aperture",
    "Broken",
    "Dataset",
    "DatasetLocked",
    "DepthSettings",
    "EbbError",
    "IngestSettings",
    "InvalidInput",
    "ItemError",
    "Lens",
    "MissingDependency",
    "OutputError",
    "Photo",
    "Reason",
    "Rejected",
    "RunSettings",
    "ShardSettings",
    "SimulateSettings",
    "Status",
    "StoredPair",
    "UsageError",
    "align_pair",
    "estimate_depth",
    "open_dataset",
    "open_photo",
    "register",
    "render_bokeh",
    "run_pipeline",
    "simulate_captures",
    "write_dataset",
]
