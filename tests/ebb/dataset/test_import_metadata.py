from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebb.dataset.import_metadata import lens_details, scene_details
from ebb.errors import InvalidInput


def test_a_scene_of_realbokeh() -> None:
    text = '{"id": 3, "source_image": "in/3_f22.JPG", "source_av": 22.0, "focal_length": 35, "iso": "100",'
    text += '"target_images": ["gt/3/3_f2.0.JPG", "gt/3/3_f4.0.JPG"], "target_avs": [2.0, 4.0], "ev": -1}'
    common = {"focal_length_mm": 35.0, "iso": 100.0}
    assert scene_details("test/metadata/3.json", text) == {
        "test/in/3_f22.jpg": {**common, "f_number": 22.0},
        "test/gt/3/3_f2.0.jpg": {**common, "f_number": 2.0},
        "test/gt/3/3_f4.0.jpg": {**common, "f_number": 4.0},
    }


@pytest.mark.parametrize("missing", ["null", '"wide open"', "-2", "1e400", "[]", "true", str(10**400)])
def test_unusable_values_are_left_out(missing: str) -> None:
    text = f'{{"source_image": "in/3.JPG", "source_av": {missing}, "iso": {missing}}}'
    assert scene_details("test/metadata/3.json", text) == {"test/in/3.jpg": {}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "metadata/3.json: not JSON"),
        ("[]", "no JSON object"),
        ('{"target_images": 1}', "no lists"),
        ('{"target_avs": "2"}', "no lists"),
    ],
)
def test_a_damaged_scene_is_named(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        scene_details("test/metadata/3.json", text)


def test_lenses_of_the_challenge() -> None:
    found = lens_details("train/meta.txt", "00007, Sony50mmf1.8BS, Canon50mmf1.4BS, 35\n\n")
    said = {"lens": "Sony50mmf1.8BS", "f_number": 1.8, "focal_length_mm": 50.0}
    assert found["train/00007.src.jpg"] == found["train/00007_src.png"] == said
    assert found["train/00007.tgt.jpg"]["f_number"] == 1.4


@pytest.mark.parametrize(
    "line", ["00007, Sony50mmf1.8BS", "7;a;b;c", "7, a, b, 3", "7, Sony50mmf1.8BS, wide, 3"]
)
def test_another_line_is_named(line: str) -> None:
    with pytest.raises(InvalidInput, match=r"train/meta.txt: line 2 names no two lenses: .*expected: 00000"):
        lens_details("train/meta.txt", f"1,Sony50mmf1.8BS,Sony50mmf16.0BS,3\n{line}\n")


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (scene_details, lens_details):
        try:
            found = read("train/metadata/1.json", text)
        except InvalidInput:
            continue
        assert all(isinstance(fields, dict) for fields in found.values())
