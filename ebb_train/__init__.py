"""Train, evaluate and export bokeh networks on the shards that ``ebb`` makes.

What is in ``ebb_train.__all__`` is imported when it is first used. PyTorch and the other packages of the
extras are imported when a function needs them; where one is missing, the error names its extra.
``ebb_train.study`` has public names of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebb.lazy import lazy_names
from ebb.version import __version__ as __version__

if TYPE_CHECKING:
    from ebb_train import study as study
    from ebb_train.api.exports import export_onnx, export_tflite
    from ebb_train.api.lens import render
    from ebb_train.api.metrics import lpips, ms_ssim, psnr, ssim
    from ebb_train.api.models import BokehModel, load_model
    from ebb_train.api.training import benchmark, evaluate, fit
    from ebb_train.evaluation.settings import ScoreSettings, TimingSettings
    from ebb_train.export.settings import CheckSettings, TfliteSettings
    from ebb_train.models.pynet import PyNetConfig
    from ebb_train.networks.spec import NetworkConfig
    from ebb_train.settings import ComputeSettings, FitSettings, MonitorSettings
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "ebb_train.api.exports": ("export_onnx", "export_tflite"),
            "ebb_train.api.lens": ("render",),
            "ebb_train.api.metrics": ("lpips", "ms_ssim", "psnr", "ssim"),
            "ebb_train.api.models": ("BokehModel", "load_model"),
            "ebb_train.api.training": ("benchmark", "evaluate", "fit"),
            "ebb_train.export.settings": ("CheckSettings", "TfliteSettings"),
            "ebb_train.models.pynet": ("PyNetConfig",),
            "ebb_train.networks.spec": ("NetworkConfig",),
            "ebb_train.evaluation.settings": ("ScoreSettings", "TimingSettings"),
            "ebb_train.settings": (*("ComputeSettings", "FitSettings", "MonitorSettings"),),
        },
        packages=("study",),
    )

__all__ = [
    "BokehModel",
    "CheckSettings",
    "ComputeSettings",
    "FitSettings",
    "MonitorSettings",
    "NetworkConfig",
    "PyNetConfig",
    "ScoreSettings",
    "TfliteSettings",
    "TimingSettings",
    "benchmark",
    "evaluate",
    "export_onnx",
    "export_tflite",
    "fit",
    "load_model",
    "lpips",
    "ms_ssim",
    "psnr",
    "render",
    "ssim",
]
