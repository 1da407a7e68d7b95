"""Pictures with bokeh by the physical lens of ``ebb-train render``, from arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ebb.api.photos import pixels_of, to_8_bits
from ebb.arrays import Size
from ebb.errors import UsageError
from ebb_train.inference.disparity import fit_to_photo, normalise
from ebb_train.inference.focus import find_focus, focus_at, focus_on
from ebb_train.inference.lens import LensModel
from ebb_train.inference.lens_settings import LensSettings
from ebb_train.pixels import from_unit

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ebb.api.photos import PhotoLike
    from ebb.arrays import InverseDepth, Rgb8

FocusOn: TypeAlias = "float | tuple[float, float] | NDArray[np.bool_] | None"


def render(
    photo: PhotoLike,
    inverse_depth: ArrayLike,
    *,
    focus: FocusOn = None,
    f_number: float = 1.8,
    bokeh_shape: str = "round",
    blur: float = 0.05,
    strength: float = 1.0,
    highlights: float = 5.0,
    device: str | None = None,
) -> Rgb8:
    """Render a photo as a lens with a wide aperture would take it; ``ebb-train render`` on arrays.

    Inverse depth is stretched to [0, 1] between its percentiles 0.2 and 99.8, its edges are aligned with the
    photo's, and :func:`ebb.bokeh.renderer.render_shallow` blurs the photo in linear light by discs of the
    diameter ``strength · blur · longer side · (1.8 / f_number) · (focus − depth)``. If no disc exceeds a
    pixel, the photo itself is returned, bit for bit.

    Args:
        photo: A file, an :class:`ebb.Photo`, or pixels (H, W, 3), in focus everywhere: sRGB, uint8, uint16,
            or floats in [0, 1].
        inverse_depth: (h, w), any numeric type and size, the photo's field of view; larger is nearer.
        focus: What is in focus: a point (x, y) in pixels of the photo, or in shares of its sides if both are
            below 1; a depth from 0 (farthest) to 1 (nearest); a mask (h, w), True on the subject, whose
            median depth counts. None: the largest thing near the centre, the nearer one of two.
        f_number: The blur is proportional to its reciprocal.
        bokeh_shape: ``round``, ``cats-eye``, or a number of blades as text: ``"6"``.
        blur: Diameter of the blur disc at f/1.8 from the nearest to the farthest thing, as a share of the
            longer side: 0.05 is that of 50 mm on full frame, from 0.8 m to infinity.
        strength: Factor on all blur, ≥ 0.
        highlights: Radiance of small clipped lights that are out of focus, relative to white, ≥ 1.
        device: PyTorch device such as ``cuda``; None: OpenCV on the CPU.

    Returns:
        (H, W, 3), uint8, sRGB.

    Raises:
        UsageError: an argument has the wrong shape or is out of range, or the depth is not finite.
        InvalidInput: the photo's file cannot be read, or the mask is empty.
        MissingDependency: ``device`` is given and PyTorch is not installed.

    Examples:
        >>> import ebb_train, numpy as np
        >>> photo = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
        >>> depth = np.tile(np.linspace(1, 0, 48), (32, 1))  # near at the left, far at the right
        >>> picture = ebb_train.render(photo, depth, focus=(0, 32), f_number=1.8)
        >>> bool(picture[:, :10].std() > 2 * picture[:, -10:].std())  # the right is blurred
        True
        >>> np.array_equal(ebb_train.render(photo, depth, strength=0), photo)
        True
    """
    settings = LensSettings(
        aperture=repr(float(f_number)),
        bokeh_shape=bokeh_shape,
        blur=blur,
        strength=strength,
        highlights=highlights,
    )
    pixels = to_8_bits(pixels_of(photo))
    depth = fit_to_photo(pixels, normalise(inverse_depth))
    lens = LensModel.of(settings, device)
    picture = lens.render(lens.shoot(pixels, depth, _focus_depth(depth, focus), settings.f_numbers[0]))
    return pixels.copy() if picture is None else from_unit(picture)


def _focus_depth(depth: InverseDepth, focus: FocusOn) -> float:
    size = Size(depth.shape[1], depth.shape[0])
    if focus is None:
        return find_focus(depth, size).depth
    if isinstance(focus, tuple):
        return focus_at(depth, focus, size).depth
    if isinstance(focus, np.ndarray):
        if focus.ndim != 2 or focus.dtype != np.bool_:
            message = f"a mask must be (height, width) of booleans, not {focus.shape} of {focus.dtype}"
            raise UsageError(message)
        return focus_on(depth, focus.astype(np.float32), size).depth
    if not 0 <= focus <= 1:
        raise UsageError(f"a depth in focus must be between 0 (farthest) and 1 (nearest), not {focus:g}")
    return float(focus)
