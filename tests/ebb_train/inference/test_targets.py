"""Names of pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from ebb.errors import InvalidInput, UsageError
from ebb_train.inference.settings import RenderSettings
from ebb_train.inference.targets import plan_targets

PNG = RenderSettings(format="png")


def test_one_picture_of_a_photo() -> None:
    (target,) = plan_targets([Path("x/IMG_1.v2.CR2")], Path("out"), RenderSettings(compare=True))
    assert target.pictures == (Path("out/IMG_1.v2_bokeh.jpg"),)
    assert target.compare == Path("out/IMG_1.v2_compare.jpg")
    assert target.files == (*target.pictures, target.compare)
    (target,) = plan_targets([Path("x/IMG_1.CR2")], None, RenderSettings(), (1.8,))
    assert target.files == (Path("x/IMG_1_bokeh.jpg"),)


def test_several_pictures_of_a_photo() -> None:
    (target,) = plan_targets([Path("x/a.jpg")], None, PNG, (1.8, 2, 11))
    names = ["a_strip", "a_bokeh_f1.8", "a_bokeh_f2", "a_bokeh_f11"]
    assert target.files == tuple(Path(f"x/{name}.png") for name in names)
    with pytest.raises(
        UsageError, match=r"--compare with several f-numbers \(.*the strip begins with the photo"
    ):
        plan_targets([Path("x/a.jpg")], None, RenderSettings(compare=True), (1.8, 2))


def test_photos_that_do_not_go_together() -> None:
    with pytest.raises(UsageError, match=r"2 photos would become this picture .*--out") as caught:
        plan_targets([Path("x/a.jpg"), Path("x/a.png")], None, PNG)
    assert caught.value.path == Path("x/a_bokeh.png")
    with pytest.raises(UsageError, match=r"no photos \(ebb-train render PHOTO"):
        plan_targets([], None, PNG)


@pytest.mark.parametrize("name", [".", "..", "folder"])
def test_a_folder_is_no_photo(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match=r"a folder, not a photo \(name its photos: "):
        plan_targets([Path(name)], None, PNG)
