"""The published weights files: where they are, what they hold, under which licence."""

from __future__ import annotations

from dataclasses import dataclass

TORCH_MAGIC = (b"PK\x03\x04", b"\x80\x02")
"""How files of ``torch.save`` begin: a ZIP archive, or before PyTorch 1.6 a pickle."""

ARCHIVE_MAGIC = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"Rar!", b"7z\xbc\xaf")
"""How archives begin: ZIP, gzip, bzip2, RAR, 7-Zip."""

ONNX_MAGIC = (b"\x08",)
"""How ONNX files begin: with the version of their format."""


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """One published file."""

    url: str
    file_name: str
    sha256: str | None
    """Of the file, or its first digits where that is all the authors publish. None: they publish none."""
    licence: str
    variable: str
    """Environment variable that names a file to use instead."""
    megabytes: float | None = None
    """About the size of the file; None: not known."""
    magic: tuple[bytes, ...] = TORCH_MAGIC
    """How the file may begin; four bytes at most."""
    must_accept: bool = False
    """Whether the licence must be accepted before the download."""

    @property
    def size(self) -> str:
        """Size of the file as text."""
        return "unknown" if self.megabytes is None else f"{self.megabytes:g} MB"

    @property
    def warning(self) -> str:
        """Note that a first download cannot be verified; empty where the hash is published."""
        if self.sha256 is not None:
            return ""
        return (
            "the authors publish no hash of this file: a first download over HTTPS is trusted; "
            "its hash is recorded, and later downloads must have the same"
        )


_MEGADEPTH = "https://www.cs.cornell.edu/projects/megadepth/dataset/models/"
_MEGADEPTH_LICENCE = "Li and Snavely, CVPR 2018; terms: https://www.cs.cornell.edu/projects/megadepth/"
_TORCHVISION = "https://download.pytorch.org/models/"
_TORCHVISION_LICENCE = (
    "torchvision (BSD-3-Clause); trained on ImageNet: https://www.image-net.org/download.php"
)
_LPIPS = "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/"
_LPIPS_LICENCE = "Zhang et al., CVPR 2018 (BSD-2-Clause): https://github.com/richzhang/PerceptualSimilarity"

WEIGHTS: dict[str, WeightsFile] = {
    "megadepth": WeightsFile(
        url=_MEGADEPTH + "best_generalization_net_G.pth",
        file_name="best_generalization_net_G.pth",
        sha256=None,
        licence=_MEGADEPTH_LICENCE,
        variable="EBB_MEGADEPTH_WEIGHTS",
        megabytes=21.5,
    ),
    "megadepth-vanilla": WeightsFile(
        url=_MEGADEPTH + "best_vanila_net_G.pth",
        file_name="best_vanila_net_G.pth",
        sha256=None,
        licence=_MEGADEPTH_LICENCE,
        variable="EBB_MEGADEPTH_VANILLA_WEIGHTS",
        megabytes=21.5,
    ),
    "depth-anything-v2-small": WeightsFile(
        url="https://huggingface.co/onnx-community/depth-anything-v2-small/resolve/"
        "4472b7362082ad9968fee890ca0f1e5aca36b93d/onnx/model.onnx",
        file_name="depth-anything-v2-small.onnx",
        # of the Git LFS pointer, which the Hugging Face hub shows beside the file; 99,060,839 bytes
        sha256="afb6a5c28f3b6bf1618c6e43f02073ef9dfdc70e937502d51603e57b0a1df10c",
        licence="Depth Anything V2 Small, Yang et al., NeurIPS 2024 (Apache-2.0), as an ONNX file: "
        "https://huggingface.co/onnx-community/depth-anything-v2-small",
        variable="EBB_DEPTH_ANYTHING_V2_SMALL_WEIGHTS",
        megabytes=99.1,
        magic=ONNX_MAGIC,
    ),
    "vgg19": WeightsFile(
        url=_TORCHVISION + "vgg19-dcbb9e9d.pth",
        file_name="vgg19-dcbb9e9d.pth",
        sha256="dcbb9e9d",  # by torchvision's convention the name carries the first digits
        licence=_TORCHVISION_LICENCE,
        variable="EBB_VGG19_WEIGHTS",
        megabytes=574.7,
    ),
    "vgg16": WeightsFile(
        url=_TORCHVISION + "vgg16-397923af.pth",
        file_name="vgg16-397923af.pth",
        sha256="397923af",
        licence=_TORCHVISION_LICENCE,
        variable="EBB_VGG16_WEIGHTS",
        megabytes=553.4,
    ),
    "alexnet": WeightsFile(
        url=_TORCHVISION + "alexnet-owt-7be5be79.pth",
        file_name="alexnet-owt-7be5be79.pth",
        sha256="7be5be79",
        licence=_TORCHVISION_LICENCE,
        variable="EBB_ALEXNET_WEIGHTS",
        megabytes=244.4,
    ),
    "lpips-alex": WeightsFile(
        url=_LPIPS + "alex.pth",
        file_name="alex.pth",
        sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        licence=_LPIPS_LICENCE,
        variable="EBB_LPIPS_ALEX_WEIGHTS",
        megabytes=0.006,
    ),
    "lpips-vgg": WeightsFile(
        url=_LPIPS + "vgg.pth",
        file_name="vgg.pth",
        sha256="a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        licence=_LPIPS_LICENCE,
        variable="EBB_LPIPS_VGG_WEIGHTS",
        megabytes=0.007,
    ),
    "pynet-bokeh": WeightsFile(
        # the file that the README of https://github.com/aiff22/PyNET-Bokeh links to
        url="https://drive.usercontent.google.com/download?id=1oMHBTERgAtARD-kaQHSC-lH4ROXYCixM"
        "&export=download&confirm=t",
        file_name="pynet-bokeh.archive",
        sha256=None,
        licence="Copyright 2020 Andrey Ignatov; CC BY-NC-SA 4.0, for academic research only: "
        "https://creativecommons.org/licenses/by-nc-sa/4.0/legalcode",
        variable="EBB_PYNET_BOKEH_WEIGHTS",
        magic=ARCHIVE_MAGIC,
        must_accept=True,
    ),
}
