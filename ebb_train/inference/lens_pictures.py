"""Pictures by the physical lens, with depth that is found by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.depthmap.sidecar import check_aspect, max_depth_pixels
from ebb.errors import InvalidInput, ItemError
from ebb.files import read_bytes
from ebb.formats.image import decode_image, max_image_bytes
from ebb_train.inference.depth_repair import NO_REPAIR
from ebb_train.inference.disparity import fit_to_photo, normalise
from ebb_train.inference.focus import ChosenFocus, find_focus, focus_at, focus_on
from ebb_train.inference.guided_upsampling import guided_upsample
from ebb_train.inference.pictures import Pictures
from ebb_train.pixels import from_unit, to_8_bits

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ebb.arrays import InverseDepth, Rgb8, Size
    from ebb.depth_search import DepthSearch
    from ebb.one_photo import OnePhoto
    from ebb_train.inference.depth_repair import DepthRepair
    from ebb_train.inference.lens import LensModel
    from ebb_train.inference.lens_settings import LensSettings
    from ebb_train.pixels import Floats


class LensPictures:
    """Renders photos with a lens, once for each f-number.

    Args:
        lens: The lens.
        settings: Focus and f-numbers.
        search: Finds depth.
        repair: Of the edges of depth.
    """

    def __init__(
        self,
        lens: LensModel,
        settings: LensSettings,
        search: DepthSearch,
        repair: DepthRepair = NO_REPAIR,
    ) -> None:
        self._lens, self._settings, self._search, self._repair = lens, settings, search, repair

    def __call__(self, photo: OnePhoto) -> Pictures:
        """See :class:`~ebb_train.inference.pictures.PictureMaker`.

        Raises:
            UsageError: the point of focus is outside the photo.
            InvalidInput: the mask of the focus is not one of this photo.
        """
        found = self._search(photo)
        depth = fit_to_photo(photo.small, normalise(found.inverse_depth))
        if self._repair.apply is not None:
            depth = self._repair.apply(photo.small, depth)
        focus = self._focus(depth, photo)
        shots = [
            self._lens.shoot(photo.small, depth, focus.depth, number) for number in self._settings.f_numbers
        ]
        rendered = [self._lens.render(shot) for shot in shots]
        largest = [
            0.0 if picture is None else float(np.abs(shot.coc_px).max())
            for shot, picture in zip(shots, rendered, strict=True)
        ]
        facts = {
            "depth": found.origin,
            "depth_edges": self._repair.about,
            "focus": focus._asdict(),
            "f_numbers": list(self._settings.f_numbers),
            "largest_blur_px": largest,
        }
        return Pictures(tuple(as_shown(photo, picture) for picture in rendered), facts)

    def _focus(self, depth: InverseDepth, photo: OnePhoto) -> ChosenFocus:
        settings = self._settings
        if settings.depth is not None:
            return ChosenFocus(settings.depth, "the depth given")
        if settings.point is not None:
            return focus_at(depth, settings.point, photo.size, photo.path)
        if settings.mask is not None:
            mask = read_mask(settings.mask, photo.size)
            return focus_on(depth, mask, photo.size, settings.mask)
        return find_focus(depth, photo.size)


def as_shown(photo: OnePhoto, picture: Floats | None) -> Rgb8:
    """A picture at the size at which the photo is shown; the photo itself where there is no blur."""
    if picture is None:
        return photo.small if photo.full is None else to_8_bits(photo.full)
    if photo.full is not None and photo.full.shape != photo.small.shape:
        return guided_upsample(photo.full, photo.small, picture)
    return from_unit(picture)


def read_mask(path: Path, photo: Size) -> NDArray[np.float32]:
    """Read a mask: a grey or coloured picture, white on the subject.

    Args:
        path: A PNG or TIFF file with the aspect ratio of the photo.
        photo: Size of the upright photo.

    Returns:
        (h, w) in [0, 1].

    Raises:
        InvalidInput: it cannot be read, or has another aspect ratio than the photo.
    """
    hint = "--focus takes x,y, a depth from 0 to 1, auto, or a mask (png, tif) that is white on the subject"
    most = max_depth_pixels(photo)
    try:
        mask = _grey(decode_image(read_bytes(path, max_image_bytes(most)), most))
        check_aspect(mask, photo)
    except ValueError as error:
        raise InvalidInput(f"not a mask: {error}", path=path, hint=hint) from error
    except ItemError as error:
        raise InvalidInput(error.message.replace("depth map", "mask"), path=path, hint=hint) from error
    return mask


def _grey(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Mean of the colours, in [0, 1]; transparent places are black.

    Raises:
        ValueError: the samples are not unsigned integers.
    """
    if not np.issubdtype(pixels.dtype, np.unsignedinteger):
        raise ValueError(f"{pixels.dtype} samples; expected 8 or 16 bits")
    grey = pixels if pixels.ndim == 2 else pixels[..., :3].mean(axis=2)
    white = np.float32(np.iinfo(pixels.dtype).max)
    mask = grey.astype(np.float32) / white
    return mask * pixels[..., 3] / white if pixels.ndim == 3 and pixels.shape[2] == 4 else mask
