from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from ebb.errors import InvalidInput, OutputError, UsageError
from ebb.formats.png import decode_png, encode_png
from ebb.progress import SilentProgress
from ebb_train.study import new_study
from ebb_train.study.config import read_config
from ebb_train.study.new_study import make_study
from ebb_train.study.pictures import PICTURES
from ebb_train.study.schema import open_store_to_read
from ebb_train.study.settings import PictureSettings, StudySettings
from tests.helpers.study_folders import picture, picture_folders, small_study

if TYPE_CHECKING:
    from pathlib import Path


def rows(study: Path) -> list[dict[str, Any]]:
    with closing(open_store_to_read(study)) as db:
        found = db.execute("SELECT * FROM stimulus")
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found]


def make(
    tmp_path: Path, targets: Path, named: list[str], settings: dict[str, Any] | None = None, **pictures: Any
) -> new_study.NewStudy:
    made = StudySettings(**(settings or {}))
    return make_study(tmp_path / "study", targets, named, made, PictureSettings(**pictures), SilentProgress())


def test_the_stimuli_of_opinions(tmp_path: Path) -> None:
    made = small_study(tmp_path, methods=3, images=10)
    stimuli = rows(made.folder)
    assert Counter(each["kind"] for each in stimuli) == {
        "target": 10,
        "real": 30,
        "reference": 10,
        "anchor": 8,
        "trap": 8,
        "training": 9,
    }
    assert {each["expected"] for each in stimuli if each["kind"] == "trap"} == set(range(5))
    hidden = {each["image"]: each["sha256"] for each in stimuli if each["kind"] == "reference"}
    assert hidden == {each["image"]: each["sha256"] for each in stimuli if each["kind"] == "target"}
    real = next(each for each in stimuli if each["method"] == "m0" and each["image"] == "image_4")
    expected = decode_png((tmp_path / "method_0" / "image_4.png").read_bytes())
    assert (decode_png((made.folder / PICTURES / real["file"]).read_bytes()) == expected).all()


def test_names_in_addresses_say_nothing(tmp_path: Path) -> None:
    stimuli = rows(small_study(tmp_path, methods=2, images=4).folder)
    names = [each["picture"] for each in stimuli]
    assert len(set(names)) == len(names)
    assert all(len(name) == 32 and set(name) <= set("0123456789abcdef") for name in names)
    assert not {each["sha256"][:32] for each in stimuli} & set(names)
    order = [each["kind"] for each in stimuli]
    assert order != sorted(order, key=order.index)  # numbers are not in the order in which they were made


def test_the_stimuli_of_pairs(tmp_path: Path) -> None:
    made = small_study(tmp_path, methods=2, images=6, answer="pair")
    stimuli = rows(made.folder)
    assert Counter(each["kind"] for each in stimuli) == {"target": 6, "real": 12, "trap": 12, "training": 9}
    by_image = Counter((each["image"], each["expected"]) for each in stimuli if each["kind"] == "trap")
    assert set(by_image.values()) == {1}
    assert made.config.conditions == (("m0", "m1"),)


def test_a_session_is_no_longer_than_the_pictures_allow(tmp_path: Path) -> None:
    made = small_study(tmp_path, methods=2, images=4)
    assert made.config.questions == 4 * 2 + 2 + 2 + 3 + 3
    assert read_config(made.folder) == made.config
    assert "18 questions a session" in made.text()
    assert made.as_dict()["plan"] in made.text()


def test_a_missing_picture_is_named_and_can_be_left_out(tmp_path: Path) -> None:
    targets, named = picture_folders(tmp_path, 2, 4)
    (tmp_path / "method_1" / "image_2.png").unlink()
    with pytest.raises(InvalidInput, match=r"m1 has no picture of image_2.*image_2.png.*--common") as error:
        make(tmp_path, targets, named)
    assert error.value.path == tmp_path / "method_1"
    made = make(tmp_path, targets, named, common=True)
    assert (made.num_images, made.left_out) == (3, ("image_2",))
    assert "image_2" in made.text()


def test_no_common_image_is_an_error(tmp_path: Path) -> None:
    targets, named = picture_folders(tmp_path, 1, 1)
    (tmp_path / "method_0" / "image_0.png").rename(tmp_path / "method_0" / "other.png")
    with pytest.raises(InvalidInput, match="no image has a picture of every method"):
        make(tmp_path, targets, named, common=True)


def test_a_failure_leaves_no_folder(tmp_path: Path) -> None:
    targets, named = picture_folders(tmp_path, 2, 3)
    (tmp_path / "method_1" / "image_2.png").write_bytes(encode_png(picture(1, (10, 10))))
    before = set(tmp_path.iterdir())
    with pytest.raises(InvalidInput, match="10 x 10 pixels"):
        make(tmp_path, targets, named)
    assert set(tmp_path.iterdir()) == before


def test_what_a_killed_command_left_is_replaced(tmp_path: Path) -> None:
    targets, named = picture_folders(tmp_path, 1, 2)
    (tmp_path / ".study.new" / PICTURES).mkdir(parents=True)
    (tmp_path / ".study.new" / PICTURES / "half").touch()
    made = make(tmp_path, targets, named)
    assert not (made.folder / PICTURES / "half").exists()
    assert not (tmp_path / ".study.new").exists()


def test_an_existing_folder_is_not_touched(tmp_path: Path) -> None:
    targets, named = picture_folders(tmp_path, 1, 1)
    (tmp_path / "study").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        make(tmp_path, targets, named)
    (tmp_path / "study").rmdir()
    (tmp_path / ".study.new").symlink_to(tmp_path / "targets")
    with pytest.raises(OutputError, match="in the way"):
        make(tmp_path, targets, named)
    assert (tmp_path / "targets" / "image_0.png").exists()


def test_jpeg_pictures_and_smaller_ones(tmp_path: Path) -> None:
    targets, named = picture_folders(tmp_path, 1, 1)
    (targets / "image_0.png").write_bytes(encode_png(picture(1, (128, 192))))
    (tmp_path / "method_0" / "image_0.png").write_bytes(encode_png(picture(2, (128, 192))))
    stimuli = rows(make(tmp_path, targets, named, pictures="jpeg", max_height=64).folder)
    assert all(each["file"].endswith(".jpg") for each in stimuli)
    assert {(each["width"], each["height"]) for each in stimuli} == {(96, 64)}


def test_names_that_look_like_html_are_only_data(tmp_path: Path) -> None:
    targets, named = picture_folders(tmp_path, 1, 1)
    evil = "<b onclick>'&quot;"
    folder = named[0].partition("=")[2]
    for place in (targets, tmp_path / "method_0"):
        (place / "image_0.png").rename(place / f"{evil}.png")
    made = make(tmp_path, targets, [f"{evil}={folder}"], {"title": evil})
    assert made.config.methods == (evil,)
    assert {each["image"] for each in rows(made.folder)} == {evil}
    assert read_config(made.folder).title == evil
