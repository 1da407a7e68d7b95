"""Texts of the flags of the lens."""

from __future__ import annotations

from pathlib import Path

import pytest

from ebb.errors import UsageError
from ebb_train.inference.lens_settings import LensSettings, is_share


def test_the_defaults() -> None:
    settings = LensSettings()
    assert settings.f_numbers == (1.8,)
    assert (settings.point, settings.depth, settings.mask) == (None, None, None)
    assert (settings.blades, settings.cats_eye, settings.is_for_one_photo) == (0, 0, False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2", (2.0,)),
        ("1.8,2.8,8", (1.8, 2.8, 8.0)),
        ("f/4, .95", (4.0, 0.95)),
        ("8,8.0", (8.0,)),
        ("1e6", (1e6,)),
    ],
)
def test_apertures(text: str, expected: tuple[float, ...]) -> None:
    assert LensSettings(aperture=text).f_numbers == expected


@pytest.mark.parametrize("text", ["", "0", "-2", "wide", "1.8;2.8", "nan", "inf", "1.8,"])
def test_what_is_no_aperture(text: str) -> None:
    with pytest.raises(UsageError, match=r"--aperture .*\(.*as in 2\.8, or several: 1\.8,2\.8,8\)"):
        LensSettings(aperture=text)


@pytest.mark.parametrize(
    ("text", "point", "depth", "mask", "is_for_one"),
    [
        ("812,430", (812.0, 430.0), None, None, True),
        ("0.5, 0.25", (0.5, 0.25), None, None, False),
        ("0,0", (0.0, 0.0), None, None, False),
        ("1,1", (1.0, 1.0), None, None, True),
        ("0.7", None, 0.7, None, False),
        ("1", None, 1.0, None, False),
        ("masks/a.png", None, None, Path("masks/a.png"), True),
        ("auto", None, None, None, False),
    ],
)
def test_focus(text: str, point: object, depth: object, mask: object, is_for_one: bool) -> None:
    settings = LensSettings(focus=text)
    assert (settings.point, settings.depth, settings.mask) == (point, depth, mask)
    assert settings.is_for_one_photo == is_for_one


def test_a_depth_beyond_1() -> None:
    with pytest.raises(
        UsageError, match="--focus 430 is no depth .*a point has two numbers: --focus 812,430"
    ):
        LensSettings(focus="430")


@pytest.mark.parametrize(
    ("text", "blades", "cats_eye"),
    [("round", 0, 0), ("6", 6, 0), ("7 blades", 7, 0), ("9-blades", 9, 0), ("cats-eye", 0, 0.6)],
)
def test_shapes(text: str, blades: int, cats_eye: float) -> None:
    settings = LensSettings(bokeh_shape=text)
    assert (settings.blades, settings.cats_eye) == (blades, cats_eye)


@pytest.mark.parametrize("text", ["2", "star", "", "-6", "6.5"])
def test_what_is_no_shape(text: str) -> None:
    with pytest.raises(UsageError, match=r"--bokeh-shape .*round, cats-eye, or a number of blades from 3"):
        LensSettings(bokeh_shape=text)


@pytest.mark.parametrize(("name", "value"), [("blur", -0.1), ("strength", -1), ("highlights", 0.5)])
def test_numbers_out_of_range(name: str, value: float) -> None:
    for wrong in (value, float("nan"), float("inf")):
        with pytest.raises(UsageError, match=f"--{name} .*at least"):
            LensSettings(**{name: wrong})  # type: ignore[arg-type]


def test_shares() -> None:
    assert is_share((0.99, 0))
    assert not is_share((0.5, 1))


@pytest.mark.parametrize("values", [{"aperture": "2,1e-9"}, {"strength": 1e9}, {"blur": 1e9}])
def test_blur_beyond_the_photo_is_refused_before_any_work(values: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"make blur discs of .* times the longer side .*\(at most 2\)"):
        LensSettings(**values)  # type: ignore[arg-type]
    assert LensSettings(aperture="0.05").f_numbers == (0.05,)


def test_lights_that_drown_the_photo() -> None:
    with pytest.raises(UsageError, match=r"--highlights 1e\+30 \(at most 1000\)"):
        LensSettings(highlights=1e30)
