"""Profiles of the tests are written from the specification; LittleCMS reads them as well."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from ebb.errors import Broken, Reason
from ebb.formats.icc import parse_profile
from tests.helpers.icc import (
    ADOBE_RGB,
    SRGB,
    SRGB_CURVE,
    curve,
    grey_profile,
    matrix_profile,
    parametric,
    profile,
    table_profile,
    xyz,
)

GAMMA = curve(563)
CURVES = {
    "identity": curve(),
    "exponent": GAMMA,
    "table": curve(*np.rint(65535 * np.linspace(0, 1, 100) ** 1.7).astype(int)),
    "type 0": parametric(0, 1.8),
    "type 1": parametric(1, 2.0, 1.1, -0.1),
    "type 2": parametric(2, 2.0, 0.8, 0.05, 0.1),
    "type 3": SRGB_CURVE,
    "type 4": parametric(4, 2.4, 0.9, 0.05, 0.08, 0.04, 0.01, 0.0),
}


def by_littlecms(content: bytes, grey: np.ndarray) -> np.ndarray:
    """Linear light of grey values, through a target whose encoded values are light."""
    target = ImageCms.ImageCmsProfile(io.BytesIO(matrix_profile(SRGB, curve())))
    source = ImageCms.ImageCmsProfile(io.BytesIO(content))
    image = Image.fromarray(np.repeat(grey[None, :, None], 3, axis=2).astype(np.uint8))
    transform = ImageCms.buildTransform(source, target, "RGB", "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC)
    return np.asarray(ImageCms.applyTransform(image, transform))[0, :, 1] / 255


@pytest.mark.parametrize("major", [2, 4])
@pytest.mark.parametrize("name", CURVES)
def test_curves_are_those_of_littlecms(name: str, major: int) -> None:
    codes = np.arange(256)
    content = matrix_profile(SRGB, CURVES[name], major=major)
    parsed = parse_profile(content)
    assert len(parsed.curves) == 3
    found = parsed.curves[1](codes / 255)
    np.testing.assert_allclose(found, by_littlecms(content, codes), atol=0.6 / 255)


def test_primaries() -> None:
    parsed = parse_profile(matrix_profile(ADOBE_RGB, GAMMA))
    assert parsed.to_xyz is not None
    np.testing.assert_allclose(parsed.to_xyz, ADOBE_RGB, atol=1e-5)
    assert (parsed.space, parsed.has_table) == ("RGB", False)


def test_srgb_profile_of_littlecms() -> None:
    parsed = parse_profile(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    assert parsed.to_xyz is not None
    np.testing.assert_allclose(parsed.to_xyz, SRGB, atol=2e-4)
    light = np.array([0.02, 0.5, 1.0])
    expected = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(parsed.curves[0](light), expected, atol=1e-4)


def test_grey_tables_and_hdr() -> None:
    assert parse_profile(grey_profile(GAMMA)).to_xyz is None
    assert len(parse_profile(grey_profile(GAMMA)).curves) == 1
    assert parse_profile(grey_profile(GAMMA, pcs=b"Lab ")).has_table
    assert parse_profile(table_profile(SRGB)).has_table
    hdr = profile({b"cicp": b"cicp" + bytes(4) + bytes([9, 16, 0, 1]), b"A2B0": b"mft2"})
    assert parse_profile(hdr).transfer == 16


WHOLE = matrix_profile(ADOBE_RGB, GAMMA)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it has no header"),
        (WHOLE[:131], "it has no header"),
        (b"\0" * 400, "it has no header"),
        (WHOLE[:128] + b"\xff\xff\xff\xff" + WHOLE[132:], "tags in"),
        (profile({}, device=b"link"), "it is of the class 'link'"),
        (profile({b"rXYZ": xyz(1, 0, 0)}), "the tag gXYZ is missing"),
        (WHOLE.replace(b"XYZ \0\0\0\0", b"abcd\0\0\0\0"), "its primaries are damaged"),
        (matrix_profile(ADOBE_RGB, b"curv" + bytes(7)), "a curve is damaged"),
        (matrix_profile(ADOBE_RGB, curve(1, 2, 3)[:14]), "a curve is damaged"),
        (matrix_profile(ADOBE_RGB, parametric(7, 1.0)), "a curve is damaged"),
    ],
)
def test_damaged_profiles(content: bytes, message: str) -> None:
    with pytest.raises(Broken, match=message) as error:
        parse_profile(content)
    assert error.value.reason is Reason.UNSUPPORTED_COLOR


@given(st.data())
def test_mutated_profiles_are_read_or_refused(draw: st.DataObject) -> None:
    content = bytearray(matrix_profile(ADOBE_RGB, SRGB_CURVE))
    for place in draw.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[place] = draw.draw(st.integers(0, 255))
    try:
        parsed = parse_profile(bytes(content))
    except Broken:
        return
    for one in parsed.curves:
        one(np.linspace(0, 1, 50))
