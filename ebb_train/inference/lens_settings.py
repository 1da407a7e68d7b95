"""Settings of the lens of ``ebb-train render``; the field comments are the help texts of the flags."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ebb.errors import UsageError

AUTO = "auto"
REFERENCE_F_NUMBER = 1.8
"""The f-number at which the scale of the blur is stated."""
MAX_BLUR = 2.0
"""Largest blur disc, as a share of the photo's longer side: half of it hides the photo."""
MAX_HIGHLIGHTS = 1000.0
"""Largest brightness of lights, relative to white; far beyond it, single precision overflows."""
CATS_EYE = 0.6
"""Strength of the vignetting that ``cats-eye`` stands for; 1 would cut discs in the corners in half."""

_NUMBER = r"\s*((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)\s*"


@dataclass(frozen=True, kw_only=True)
class LensSettings:
    """The simulated lens: where it is focused, how far it is open."""

    focus: str = AUTO
    """x,y: a point of the upright photo, in pixels, or in shares of its sides if both are below 1. One number
    from 0 (farthest) to 1 (nearest): a depth. A file: a mask that is white on the subject. auto: the largest
    thing near the centre, the nearer one of two."""
    aperture: str = "1.8"
    """f-number N; blur is proportional to 1 / N. Several (1.8,2.8,8): a picture for each, and a strip."""
    bokeh_shape: str = "round"
    """Shape of lights out of focus: round; a number of blades from 3, as in 6; cats-eye."""
    blur: float = 0.05
    """Blur disc at f/1.8 from the nearest to the farthest thing, as a share of the photo's longer side. 0.05
    is that of 50 mm on full frame, from 0.8 m to the horizon."""
    strength: float = 1.0
    """Factor on all blur; 0 leaves the photo as it is."""
    highlights: float = 5.0
    """Brightness of small clipped lights, relative to white; it shows where they are out of focus."""
    no_repair: bool = False
    """Keep the edges of the depth where they are; by default a small network moves them to the photo's."""

    def __post_init__(self) -> None:
        for name, low in (("blur", 0.0), ("strength", 0.0), ("highlights", 1.0)):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= low):
                raise UsageError(f"--{name} {value:g}", hint=f"at least {low:g}")
        if self.highlights > MAX_HIGHLIGHTS:
            raise UsageError(f"--highlights {self.highlights:g}", hint=f"at most {MAX_HIGHLIGHTS:g}")
        _ = self.blades, self.depth  # wrong texts are refused here
        for f_number in self.f_numbers:
            share = self.blur * self.strength * REFERENCE_F_NUMBER / f_number
            if share > MAX_BLUR:
                what = f"--blur {self.blur:g}, --strength {self.strength:g} and --aperture {f_number:g}"
                raise UsageError(
                    f"{what} make blur discs of {share:.3g} times the longer side of the photo",
                    hint=f"at most {MAX_BLUR:g}",
                )

    @cached_property
    def f_numbers(self) -> tuple[float, ...]:
        """:attr:`aperture` in numbers, each once."""
        parts = [part.strip().removeprefix("f/") for part in self.aperture.split(",")]
        if not all(re.fullmatch(_NUMBER, part) and float(part) > 0 for part in parts):
            raise UsageError(
                f"--aperture {self.aperture}", hint="an f-number, as in 2.8, or several: 1.8,2.8,8"
            )
        return tuple(dict.fromkeys(map(float, parts)))

    @cached_property
    def blades(self) -> int:
        """Of :attr:`bokeh_shape`; 0: round."""
        found = re.fullmatch(r"(\d{1,2})([ -]blades)?", self.bokeh_shape)
        if found and int(found[1]) >= 3:
            return int(found[1])
        if self.bokeh_shape not in ("round", "cats-eye"):
            hint = "round, cats-eye, or a number of blades from 3, as in 6"
            raise UsageError(f"--bokeh-shape {self.bokeh_shape}", hint=hint)
        return 0

    @property
    def cats_eye(self) -> float:
        """Strength of mechanical vignetting, 0…1."""
        return CATS_EYE if self.bokeh_shape == "cats-eye" else 0.0

    @cached_property
    def point(self) -> tuple[float, float] | None:
        """:attr:`focus`, where it is a point."""
        found = re.fullmatch(f"{_NUMBER},{_NUMBER}", self.focus)
        return (float(found[1]), float(found[2])) if found else None

    @cached_property
    def depth(self) -> float | None:
        """:attr:`focus`, where it is a depth."""
        if not re.fullmatch(_NUMBER, self.focus):
            return None
        if float(self.focus) > 1:
            hint = "from 0, farthest, to 1, nearest; a point has two numbers: --focus 812,430"
            raise UsageError(f"--focus {self.focus} is no depth", hint=hint)
        return float(self.focus)

    @property
    def mask(self) -> Path | None:
        """:attr:`focus`, where it is a file."""
        if self.focus == AUTO or self.point is not None or self.depth is not None:
            return None
        return Path(self.focus).expanduser()

    @property
    def is_for_one_photo(self) -> bool:
        """Whether the focus is a place in one photo: a point in pixels, or a mask."""
        return self.mask is not None or (self.point is not None and not is_share(self.point))


def is_share(point: tuple[float, float]) -> bool:
    """Whether a point is in shares of the photo's sides: both numbers are below 1."""
    return max(point) < 1
