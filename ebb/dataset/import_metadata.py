"""What data sets say about their photos, in files beside them: apertures, focal lengths, lenses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from posixpath import dirname, join
from typing import TypeAlias

from ebb.documents import parse_json
from ebb.errors import InvalidInput

Details: TypeAlias = Mapping[str, Mapping[str, float | str]]
"""Name of a photo in lower case → fields of :class:`~ebb.dataset.found_pairs.Shot`."""

_LENS = re.compile(r"[A-Za-z]+(?P<mm>[0-9]+)mmf(?P<f>[0-9]+(?:\.[0-9]+)?)BS")
"""A lens of the NTIRE 2023 challenge: ``Sony50mmf1.8BS`` is 50 mm at f/1.8."""


def scene_details(name: str, text: str) -> Details:
    """Read the metadata of a scene of RealBokeh.

    Args:
        name: Path of the file: ``train/metadata/1.json``.
        text: A JSON object with ``source_image``, ``target_images``, ``source_av``, ``target_avs``,
            ``focal_length`` (mm) and ``iso``; paths are relative to the folder of the split. Values may be
            missing.

    Raises:
        InvalidInput: it is not such an object.
    """
    values = parse_json(text, name)
    if not isinstance(values, dict):
        raise InvalidInput("metadata that are no JSON object", path=name)
    targets, f_numbers = values.get("target_images", []), values.get("target_avs", [])
    if not (isinstance(targets, list) and isinstance(f_numbers, list)):
        raise InvalidInput("metadata whose target_images and target_avs are no lists", path=name)
    common = _positive(focal_length_mm=values.get("focal_length"), iso=values.get("iso"))
    found = [(values.get("source_image"), values.get("source_av")), *zip(targets, f_numbers, strict=False)]
    folder = dirname(dirname(name))
    return {
        join(folder, image).casefold(): {**common, **_positive(f_number=f_number)}
        for image, f_number in found
        if isinstance(image, str)
    }


def lens_details(name: str, text: str) -> Details:
    """Read ``meta.txt`` of the NTIRE 2023 challenge.

    Args:
        name: Path of the file, beside the photos.
        text: Lines of id, lens of the source, lens of the target, disparity, separated by commas.

    Raises:
        InvalidInput: a line is none of these.
    """
    found: dict[str, Mapping[str, float | str]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        cells = [cell.strip() for cell in line.split(",")]
        if cells == [""]:
            continue
        lenses = [_LENS.fullmatch(cell) for cell in cells[1:3]]
        if len(cells) < 3 or not all(lenses):
            hint = "expected: 00000, Sony50mmf1.8BS, Sony50mmf16.0BS, 35"
            raise InvalidInput(f"line {number} names no two lenses: {line[:60]!r}", path=name, hint=hint)
        for role, lens in zip(("src", "tgt"), lenses, strict=True):
            if lens is not None:
                said: Mapping[str, float | str] = {
                    "lens": lens[0],
                    **_positive(f_number=lens["f"], focal_length_mm=lens["mm"]),
                }
                for separator in "._":
                    for suffix in (".jpg", ".jpeg", ".png"):
                        photo = join(dirname(name), f"{cells[0]}{separator}{role}{suffix}")
                        found[photo.casefold()] = said
    return found


def _positive(**values: object) -> dict[str, float]:
    """Numbers above 0, out of numbers and texts."""
    numbers = {name: _number(value) for name, value in values.items()}
    return {name: number for name, number in numbers.items() if 0 < number < 1e9}


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0.0
    try:
        return float(value)
    except (ValueError, OverflowError):
        return 0.0
