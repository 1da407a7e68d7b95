"""Photos from files and arrays, and depth estimation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ebb.arrays import Rect, Size
from ebb.depthmap.from_network import FromNetwork
from ebb.depthmap.registry import prepare
from ebb.errors import Broken, UsageError
from ebb.files import read_bytes
from ebb.geometry.crop import crop_to_photo
from ebb.one_photo import small_size
from ebb.photo.decode import decode
from ebb.photo.exif import read_exif
from ebb.photo.file_size import max_file_bytes
from ebb.photo.probe import probe
from ebb.photo.resample import resample
from ebb.settings import DepthSettings, IngestSettings

if TYPE_CHECKING:
    from ebb.arrays import InverseDepth, Rgb, Rgb8
    from ebb.photo.capture import Exif

MAX_MEGAPIXELS = IngestSettings().max_megapixels


@dataclass(frozen=True, eq=False)
class Photo:
    """An upright photo with its EXIF metadata.

    ``numpy.asarray(photo)`` gives the pixels, so a photo can be passed wherever an array is expected.

    Attributes:
        pixels: (H, W, 3), sRGB-encoded: uint8, or uint16 for RAW and 16-bit files at full size.
        full_size: Width and height of the upright photo before it was reduced.
        exif: Camera, lens, f-number, exposure time in seconds, ISO, focal length in millimetres, time.
        path: The photo's file.

    Examples:
        >>> import ebb, numpy as np, PIL.Image
        >>> PIL.Image.effect_noise((96, 64), 50).convert("RGB").save("grain.png")
        >>> photo = ebb.open_photo("grain.png")
        >>> photo.full_size, photo.exif.f_number, np.asarray(photo).shape
        (Size(width=96, height=64), None, (64, 96, 3))
    """

    pixels: Rgb
    full_size: Size
    exif: Exif
    path: Path

    def __repr__(self) -> str:
        height, width = self.pixels.shape[:2]
        return f"Photo({str(self.path)!r}, {width} x {height}, {self.pixels.dtype})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: ANN401 - NumPy's protocol
        return np.array(self.pixels, dtype, copy=copy)


PhotoLike: TypeAlias = Photo | NDArray[Any] | str | PathLike[str]
"""A photo, its file, or its pixels: (H, W, 3), sRGB, uint8, uint16, or floats in [0, 1]."""


def open_photo(
    path: str | PathLike[str], height: int | None = None, *, max_megapixels: float = MAX_MEGAPIXELS
) -> Photo:
    """Open a RAW, JPEG, HEIC, TIFF or PNG file and rotate it upright.

    RAW files are demosaiced by LibRaw (AHD), with the camera's white balance and the sRGB transfer function.

    Args:
        path: The photo's file.
        height: Height in pixels to which the photo is reduced, in linear light with a Lanczos-3 filter, like
            the photos of a data set. Smaller photos keep their size. None: full size.
        max_megapixels: Limit on the size of the photo, in millions of pixels.

    Returns:
        The photo; always 8 bit if ``height`` is given.

    Raises:
        InvalidInput: the file cannot be read.
        Broken: the file is not a photo, is damaged, or exceeds the size limit.
        MissingDependency: the file is a HEIC file and pillow-heif is not installed.
        UsageError: ``height`` is not positive.

    Examples:
        >>> import ebb, PIL.Image
        >>> PIL.Image.effect_noise((96, 64), 50).convert("RGB").save("grain.jpg")
        >>> photo = ebb.open_photo("grain.jpg", height=32)
        >>> photo.pixels.shape, photo.pixels.dtype
        ((32, 48, 3), dtype('uint8'))
    """
    path = Path(path)
    suffix = path.suffix.lower()
    data = read_bytes(path, max_file_bytes(suffix, max_megapixels))
    try:
        probe(data, suffix, max_megapixels)
        exif = read_exif(data, suffix)
        pixels = decode(data, suffix, exif.orientation)
    except Broken as error:
        raise Broken(error.reason, error.message, path=path) from error
    size = Size(pixels.shape[1], pixels.shape[0])
    if height is not None:
        pixels = to_8_bits(_reduced(pixels, size, height))
    return Photo(pixels, size, replace(exif, orientation=1), path)


def _reduced(pixels: Rgb, size: Size, height: int) -> Rgb:
    if height < 1:
        raise UsageError(f"the height must be at least 1 pixel, not {height}")
    small = small_size(size, height)
    return pixels if small == size else resample(pixels, crop_to_photo(Rect(0, 0, *size), small), small)


def to_8_bits(pixels: Rgb) -> Rgb8:
    """Round 16-bit pixels to 8 bits; 8-bit pixels are returned unchanged."""
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, np.uint8)
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def pixels_of(photo: PhotoLike) -> Rgb:
    """Pixels of a photo, a file or an array: (H, W, 3), uint8 or uint16. Floats are converted to uint16.

    Raises:
        UsageError: an array has the wrong shape or type, or floats outside [0, 1].
        InvalidInput, Broken, MissingDependency: as in :func:`open_photo`.
    """
    if isinstance(photo, str | PathLike):
        return open_photo(photo).pixels
    pixels = np.asarray(photo)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise UsageError(f"a photo must have the shape (height, width, 3), not {pixels.shape}")
    if pixels.dtype in (np.uint8, np.uint16):
        return pixels
    if not np.issubdtype(pixels.dtype, np.floating):
        raise UsageError(f"a photo must be uint8, uint16, or floats in [0, 1], not {pixels.dtype}")
    if not (pixels.min() >= 0 and pixels.max() <= 1):  # also true of NaN
        message = f"a photo of floats must be in [0, 1], not in [{pixels.min():g}, {pixels.max():g}]"
        raise UsageError(message, hint="divide 8-bit values by 255")
    return np.rint(pixels.astype(np.float64) * 65535).astype(np.uint16)


def estimate_depth(
    photo: PhotoLike,
    provider: str = "megadepth",
    *,
    weights: str | PathLike[str] | None = None,
    device: str = "auto",
    settings: DepthSettings | None = None,
) -> InverseDepth:
    """Estimate the inverse depth of a photo with a neural network.

    ``megadepth`` is the network of the EBB! data set (Li and Snavely, "MegaDepth", CVPR 2018; Ignatov et al.,
    CVPRW 2020, section 3). The most recently used network stays in memory.

    Args:
        photo: A file, a :class:`Photo`, or pixels (H, W, 3): sRGB, uint8, uint16, or floats in [0, 1].
        provider: ``megadepth``, ``onnx``, ``transformers``, or the name of a plug-in.
        weights: Weights file of MegaDepth, an ONNX file, or the folder of a transformers model. None: the
            weights fetched by ``ebb weights download megadepth``.
        device: ``cpu``, ``cuda``, ``cuda:1``, …; ``auto``: a GPU if available.
        settings: All settings of the network; replaces the three arguments above.

    Returns:
        Relative inverse depth, (H // 2, W // 2), float32, larger is nearer; defined up to scale and offset.

    Raises:
        MissingDependency: the weights or a package are missing; the hint says how to install them.
        UsageError: the provider or device does not exist, or the provider reads depth from files.
        Rejected: the photo is smaller than 32 x 32 pixels, or the network's output is not usable.
        InvalidInput: the photo's file cannot be read.
        Broken: the photo's file is not a photo, or is damaged.

    Examples:
        >>> import ebb, numpy as np
        >>> photo = np.zeros((64, 96, 3), np.uint8)
        >>> try:
        ...     depth = ebb.estimate_depth(photo)  # (32, 48)
        ... except ebb.MissingDependency as error:
        ...     print(error.hint.partition(",")[0])
        ebb weights download megadepth
    """
    if settings is None:
        settings = DepthSettings(provider=provider, device=device)
        if weights is not None:
            field = {"weights": Path(weights)} if provider == "megadepth" else {"model": str(weights)}
            settings = replace(settings, **field)
    return _network(settings).estimate([to_8_bits(pixels_of(photo))])[0]


@lru_cache(maxsize=1)
def _network(settings: DepthSettings) -> FromNetwork:
    source = prepare(settings).open()
    if not isinstance(source, FromNetwork):
        hint = "choose megadepth, onnx, transformers, or a plug-in"
        raise UsageError(f"the depth provider {settings.provider!r} reads depth from files", hint=hint)
    return source
