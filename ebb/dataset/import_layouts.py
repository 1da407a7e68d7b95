"""Folder layouts of existing data sets, for import.

=============  =================================================  =========================================
layout         files                                              source
=============  =================================================  =========================================
ebb            train/{original,bokeh}/0.jpg                       release of EBB!; ``Training``: challenge
               train/original_depth/0.png
bokehlicious   train/{in,gt}/0.jpg                                github.com/TimSeizinger/Bokehlicious: EBB!
realbokeh      train/in/1_f22.JPG, train/gt/1/1_f2.0.JPG          the same: RealBokeh_3MP
               train/metadata/1.json
ebokehnet      00000.src.jpg, 00000.tgt.jpg, meta.txt             NTIRE 2023 bokeh effect transformation
vabm           train/{input,target}/0.jpg, train/depth/0.png      github.com/MoTong-AI-studio/VABM: EBB!
vabd           train/{input,1_8,2_8,8}/0001.JPG                   the same: VABD; input is f/16
               train/depth/0001.png
=============  =================================================  =========================================
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ebb.dataset.found_pairs import (
    SPLIT_NAMES,
    Listing,
    SceneFiles,
    SetAside,
    Shot,
    by_split_and_name,
    pairs_of_scene,
)
from ebb.dataset.import_metadata import Details, lens_details, scene_details
from ebb.errors import InvalidInput, Reason, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ebb.dataset.splits import Split

    ReadText = Callable[[str], str]
    """Returns the text of a file of the data set by its name."""

_SPLIT = f"(?P<split>{'|'.join(SPLIT_NAMES)})/"
_PHOTO = r"\.(?:jpe?g|png)"
_NUMBER = "(?P<key>[0-9]{1,9})"
_NAME = "(?P<key>[^/]+)"
_F_NUMBER = r"_f(?P<f>[0-9]{1,3}(?:\.[0-9]{1,2})?)"


@dataclass(frozen=True, kw_only=True)
class FolderLayout:
    """How a data set names its files."""

    example: str
    """A pair, for messages."""
    wide: str
    """Pattern of the names of wide photos: group ``key``, and where there are any ``split`` and ``f``."""
    shallow: str
    depth: str = ""
    metadata: str = ""
    """Pattern of the files that say more about the photos."""
    details: Callable[[str, str], Details] = lambda _name, _text: {}
    """Name and text of such a file → name of a photo → what it says."""
    f_wide: float | None = None


LAYOUTS: Mapping[str, FolderLayout] = {
    "ebb": FolderLayout(
        example="train/original/0.jpg and train/bokeh/0.jpg",
        wide=f"{_SPLIT}original/{_NUMBER}{_PHOTO}",
        shallow=f"{_SPLIT}bokeh/{_NUMBER}{_PHOTO}",
        depth=rf"{_SPLIT}original_depth/{_NUMBER}\.png",
    ),
    "bokehlicious": FolderLayout(
        example="train/in/0.jpg and train/gt/0.jpg",
        wide=f"{_SPLIT}in/{_NAME}{_PHOTO}",
        shallow=f"{_SPLIT}gt/{_NAME}{_PHOTO}",
    ),
    "realbokeh": FolderLayout(
        example="train/in/1_f22.JPG and train/gt/1/1_f2.0.JPG",
        wide=f"{_SPLIT}in/{_NAME}{_F_NUMBER}{_PHOTO}",
        shallow=f"{_SPLIT}gt/(?:[^/]+/)?{_NAME}{_F_NUMBER}{_PHOTO}",
        metadata=rf"{_SPLIT}metadata/[^/]+\.json",
        details=scene_details,
    ),
    "ebokehnet": FolderLayout(
        example="00000.src.jpg, 00000.tgt.jpg and meta.txt",
        wide=f"(?:{_SPLIT})?{_NAME}[._]src{_PHOTO}",
        shallow=f"(?:{_SPLIT})?{_NAME}[._]tgt{_PHOTO}",
        metadata=rf"(?:{_SPLIT})?meta\.txt",
        details=lens_details,
    ),
    "vabm": FolderLayout(
        example="train/input/0.jpg and train/target/0.jpg",
        wide=f"{_SPLIT}input/{_NAME}{_PHOTO}",
        shallow=f"{_SPLIT}target/{_NAME}{_PHOTO}",
        depth=rf"{_SPLIT}depth/{_NAME}\.png",
    ),
    "vabd": FolderLayout(
        example="train/input/0001.JPG and train/1_8/0001.JPG",
        wide=f"{_SPLIT}input/{_NAME}{_PHOTO}",
        shallow=f"{_SPLIT}(?P<f>[0-9]{{1,2}}(?:_[0-9])?)/{_NAME}{_PHOTO}",
        depth=rf"{_SPLIT}depth/{_NAME}\.png",
        f_wide=16.0,
    ),
}
"""Name → layout. Patterns match whole names, in any letter case."""


def find_pairs(names: Sequence[str], layout: str, read: ReadText) -> Listing:
    """Find the pairs of a data set.

    Args:
        names: Paths relative to its folder, with forward slashes, in any order.
        layout: A name of :data:`LAYOUTS`, or ``auto``: the only one that has pairs.
        read: Reads the metadata.

    Raises:
        InvalidInput: there are no pairs; or the metadata cannot be read.
        UsageError: several layouts have pairs.
    """
    wanted = LAYOUTS if layout == "auto" else {layout: LAYOUTS[layout]}
    listings = [_listing(name, wanted[name], names, read) for name in wanted]
    found = [listing for listing in listings if listing.pairs]
    if len(found) == 1:
        return found[0]
    if found:
        counts = ", ".join(f"{len(listing.pairs)} pairs of {listing.layout}" for listing in found)
        raise UsageError(f"more than one layout fits: {counts}", hint="name one with --layout")
    raise InvalidInput("no pairs here", hint=_advice(names, wanted))


def _advice(names: Sequence[str], wanted: Mapping[str, FolderLayout]) -> str:
    inside: dict[str, list[str]] = defaultdict(list)
    for name in names:
        folder, _, rest = name.partition("/")
        inside[folder].append(rest)
    for folder, rests in inside.items():
        if any(_listing(name, layout, rests, lambda _: "").pairs for name, layout in wanted.items()):
            return f"the data set is the folder {folder!r} inside"
    examples = "; ".join(f"{name} ({layout.example})" for name, layout in wanted.items())
    return (
        f"known layouts: {examples}. For any other: --pairs with a CSV file of the columns wide and shallow"
    )


def _listing(name: str, layout: FolderLayout, names: Sequence[str], read: ReadText) -> Listing:
    scenes: dict[tuple[Split | None, str], SceneFiles] = defaultdict(SceneFiles)
    metadata, ignored = [], []
    patterns = {
        role: re.compile(pattern, re.IGNORECASE)
        for role in ("wide", "shallow", "depth", "metadata")
        if (pattern := getattr(layout, role))
    }
    for path in sorted(names):
        role, match = next(
            ((role, found) for role, pattern in patterns.items() if (found := pattern.fullmatch(path))),
            ("", None),
        )
        if match is None:
            ignored.append(path)
        elif role == "metadata":
            metadata.append(path)
        else:
            shot = Shot(path, layout.f_wide if role == "wide" and layout.f_wide else _f_number(match))
            getattr(scenes[_scene(match)], role).append(shot)
    whole = [scene for scene in scenes.values() if not scene.problem()]
    details: dict[str, Mapping[str, float | str]] = {}
    for path in metadata if whole else ():
        details |= layout.details(path, read(path))
    return _sorted_out(name, scenes, details, ignored)


def _sorted_out(
    name: str, scenes: dict[tuple[Split | None, str], SceneFiles], details: Details, ignored: list[str]
) -> Listing:
    pairs, aside = [], []
    for split, key in by_split_and_name(scenes):
        scene = scenes[split, key]
        for shots in (scene.wide, scene.shallow):
            shots[:] = [shot._replace(**details.get(shot.name.casefold(), {})) for shot in shots]  # type: ignore[arg-type]
        if problem := scene.problem():
            aside += [SetAside(path, Reason.MISSING_PARTNER, problem) for path in scene.names]
            continue
        for pair in pairs_of_scene(split, scene):
            wide, shallow = pair.wide, pair.shallow
            if wide.f_number is None or shallow.f_number is None or wide.f_number > shallow.f_number:
                pairs.append(pair)
            elif wide.f_number < shallow.f_number:  # sharpened, and not blurred, in the task of the data set
                pairs.append(pair._replace(wide=shallow, shallow=wide))
            else:
                detail = f"{wide.name} and {shallow.name} have the same aperture, f/{wide.f_number:g}"
                aside += [SetAside(shot.name, Reason.OTHER_F_NUMBER, detail) for shot in (wide, shallow)]
    return Listing(name, tuple(pairs), tuple(aside), tuple(ignored))


def _scene(match: re.Match[str]) -> tuple[Split | None, str]:
    groups = match.groupdict()
    key = groups["key"]
    number = str(int(key)) if re.fullmatch("[0-9]+", key) else key.casefold()
    return SPLIT_NAMES[groups["split"].lower()] if groups.get("split") else None, number


def _f_number(match: re.Match[str]) -> float | None:
    text = match.groupdict().get("f")
    return float(text.replace("_", ".")) or None if text else None
