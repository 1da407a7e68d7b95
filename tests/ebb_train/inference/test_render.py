"""Rendering of photo files: outputs, existing files, and failures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from ebb.errors import InvalidInput, MissingDependency, OutputError, Reason, Status, UsageError
from ebb.settings import DepthSettings
from ebb_train.inference import network_pictures
from ebb_train.inference.lens_settings import LensSettings
from ebb_train.inference.render import render_photos
from ebb_train.inference.render_report import RenderReport
from ebb_train.inference.settings import RenderSettings
from ebb_train.inference.whole_photo import render_full_image
from ebb_train.models.network import PyNet, load_pynet, save_pynet
from ebb_train.models.pynet import PyNetConfig
from tests.helpers.captures import scene
from tests.helpers.doubles import Crashing

SIDECAR = DepthSettings(provider="sidecar", device="cpu")
SETTINGS = RenderSettings(height=64, format="png")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("run") / "level-1.safetensors")


def write_weights(path: Path, level: int = 1, in_channels: int = 4) -> Path:
    torch.manual_seed(1)
    network = PyNet(PyNetConfig(width=1 / 32, level=level, in_channels=in_channels))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) / parameter[0].numel() ** 0.5)
    save_pynet(path, network, source="test")
    return path


def write_photo(path: Path, size: tuple[int, int] = (150, 100), orientation: int = 1) -> Path:
    picture = Image.fromarray(scene(4, size))
    exif = picture.getexif()
    exif[0x0112], exif[0x010F] = orientation, "Canon"
    picture.save(path, exif=exif)
    upright = size if orientation < 5 else size[::-1]
    ramp = np.tile(np.linspace(0, 255, upright[0]).astype(np.uint8), (upright[1], 1))
    path.with_name(f"{path.stem}_depth.png").write_bytes(cv2.imencode(".png", ramp)[1].tobytes())
    return path


def render(*paths: Path, weights: Path, out: Path | None = None, **values: object) -> RenderReport:
    settings = RenderSettings(**{"height": 64, "format": "png"} | values)  # type: ignore[arg-type]
    return render_photos(paths, weights, out, settings, SIDECAR)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_the_picture_is_the_output_for_the_reduced_photo(tmp_path: Path, weights: Path) -> None:
    photo = write_photo(tmp_path / "a.png", (96, 64))
    report = render(photo, weights=weights)
    assert [row[:4] for row in report.rows] == [(photo, Status.OK, None, "")]
    depth = np.linspace(0, 255, 96).astype(np.uint8).reshape(48, 2).mean(axis=1)
    expected = render_full_image(
        load_pynet(weights), pixels(photo), np.tile(np.rint(depth).astype(np.uint8), (32, 1))
    )
    picture = pixels(tmp_path / "a_bokeh.png")
    assert picture.shape == (64, 96, 3)
    assert np.abs(picture - 255.0 * expected).mean() < 1
    assert report.as_dict()["rendered"] == 1


@pytest.mark.parametrize("orientation", [1, 6])
def test_the_working_height_and_the_full_resolution(tmp_path: Path, weights: Path, orientation: int) -> None:
    photo = write_photo(tmp_path / "a.jpg", orientation=orientation)
    with Image.open(photo) as image:
        upright = ImageOps.exif_transpose(image)
    render(photo, weights=weights, out=tmp_path / "small")
    render(photo, weights=weights, out=tmp_path / "full", full_resolution=True, compare=True)
    width, height = upright.size
    small, full = pixels(tmp_path / "small" / "a_bokeh.png"), pixels(tmp_path / "full" / "a_bokeh.png")
    assert small.shape == (64, round(width * 64 / height), 3)
    assert full.shape == (height, width, 3)
    resized = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    assert np.abs(full - resized.astype(float)).mean() < 10
    both = pixels(tmp_path / "full" / "a_compare.png")
    assert np.array_equal(both, np.hstack([np.asarray(upright), full]))
    with Image.open(tmp_path / "full" / "a_bokeh.png") as image:
        assert (image.getexif()[0x0112], image.getexif()[0x010F]) == (1, "Canon")


def test_a_low_photo_keeps_its_size(tmp_path: Path, weights: Path) -> None:
    photo = write_photo(tmp_path / "a.jpg", (71, 45))
    render(photo, weights=weights, out=tmp_path / "one")
    render(photo, weights=weights, out=tmp_path / "two", full_resolution=True)
    one = pixels(tmp_path / "one" / "a_bokeh.png")
    assert one.shape == (45, 71, 3)
    assert np.array_equal(one, pixels(tmp_path / "two" / "a_bokeh.png"))


def test_the_fast_network_gives_the_same_picture(tmp_path: Path, weights: Path) -> None:
    photo = write_photo(tmp_path / "a.jpg")
    render(photo, weights=weights, out=tmp_path / "plain")
    render(photo, weights=weights, out=tmp_path / "fast", fast=True)
    plain, fast = (pixels(tmp_path / name / "a_bokeh.png").astype(int) for name in ("plain", "fast"))
    assert np.abs(plain - fast).max() <= 1


def test_jpeg_output(tmp_path: Path, weights: Path) -> None:
    render(write_photo(tmp_path / "a.png"), weights=weights, format="jpg")
    with Image.open(tmp_path / "a_bokeh.jpg") as image:
        assert image.format == "JPEG"


def test_a_photo_that_fails_does_not_stop_the_others(tmp_path: Path, weights: Path) -> None:
    good, broken = write_photo(tmp_path / "good.jpg"), write_photo(tmp_path / "broken.jpg")
    broken.write_bytes(broken.read_bytes()[:500])
    alone = write_photo(tmp_path / "alone.jpg")
    (tmp_path / "alone_depth.png").unlink()
    crashing = Crashing(tmp_path / "crashing.dng")
    crashing.touch()
    report = render(broken, alone, tmp_path / "gone.jpg", crashing, good, weights=weights)
    assert [(row.photo.stem, row.status, row.reason) for row in report.failed] == [
        ("broken", Status.ERROR, Reason.CORRUPT_INPUT),
        ("alone", Status.REJECTED, Reason.NO_DEPTH),
        ("gone", Status.ERROR, Reason.UNREADABLE),
        ("crashing", Status.ERROR, Reason.WORKER_CRASH),
    ]
    assert (tmp_path / "good_bokeh.png").is_file()
    assert report.as_dict()["failed"] == 4
    assert report.failed[1].detail == "no alone_depth file beside alone.jpg"
    assert report.text().startswith("1 rendered, 4 failed\ncorrupt_input: 1 (")
    assert f"no_depth: 1 ({Reason.NO_DEPTH.advice})\n" in report.text()
    assert report.files == [tmp_path / "good_bokeh.png"]


def test_a_photo_too_small_for_a_network_without_depth(tmp_path: Path) -> None:
    weights = write_weights(tmp_path / "w.safetensors", in_channels=3)
    photo = tmp_path / "a.png"
    photo.write_bytes(cv2.imencode(".png", np.arange(6, dtype=np.uint8).reshape(1, 2, 3) * 9)[1].tobytes())
    assert render(photo, weights=weights).failed[0].reason is Reason.TOO_SMALL


def test_without_memory(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes.")

    monkeypatch.setattr(PyNet, "forward", fail)
    row = render(write_photo(tmp_path / "a.jpg"), weights=weights).failed[0]
    assert (row.reason, row.detail) == (Reason.OUT_OF_MEMORY, "not enough memory for a photo of 96 x 64")


def test_a_depth_network_without_memory(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too little memory in the depth network is handled like that in the rendering network."""

    def fail(*_: object) -> None:
        raise MemoryError("CUDA out of memory.")

    monkeypatch.setattr(network_pictures.DepthOf, "__call__", fail)
    report = render(write_photo(tmp_path / "a.jpg"), write_photo(tmp_path / "b.jpg"), weights=weights)
    assert [(row.reason, row.detail) for row in report.failed] == [
        (Reason.OUT_OF_MEMORY, "CUDA out of memory.")
    ] * 2


def test_existing_pictures_are_kept(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = write_photo(tmp_path / "a.jpg")
    (tmp_path / "a_bokeh.png").write_bytes(b"mine")
    with monkeypatch.context() as patch:
        patch.setattr(network_pictures, "DepthOf", lambda *_: pytest.fail("nothing needs depth"))
        report = render(photo, weights=weights)
    assert (tmp_path / "a_bokeh.png").read_bytes() == b"mine"
    assert report.as_dict() | {"photos": None} == {
        "rendered": 0,
        "already_there": 1,
        "failed": 0,
        "photos": None,
    }
    assert "1 already there, kept whatever the settings (--overwrite renders again)" in report.text()
    assert report.files == [tmp_path / "a_bokeh.png"]
    with pytest.raises(InvalidInput, match="none.safetensors: no such weights file"):
        render(photo, weights=tmp_path / "none.safetensors")
    render(photo, weights=weights, compare=True)  # the comparison is not there yet
    assert (tmp_path / "a_compare.png").is_file()
    (tmp_path / "a_bokeh.png").write_bytes(b"mine")
    assert render(photo, weights=weights, overwrite=True).rows[0].is_new
    assert pixels(tmp_path / "a_bokeh.png").shape == (64, 96, 3)


def test_a_network_without_depth_needs_no_depth(tmp_path: Path) -> None:
    weights = write_weights(tmp_path / "w.safetensors", in_channels=3)
    photo = write_photo(tmp_path / "a.jpg")
    (tmp_path / "a_depth.png").unlink()
    assert not render(photo, weights=weights).failed


def test_a_network_of_a_deeper_level(tmp_path: Path) -> None:
    weights = write_weights(tmp_path / "level-3.safetensors", level=3)
    photo = write_photo(tmp_path / "a.jpg")
    said: list[str] = []
    render_photos([photo], weights, None, SETTINGS, SIDECAR, note=said.append)
    assert pixels(tmp_path / "a_bokeh.png").shape == (64, 96, 3)
    assert said == [f"{weights}: ends at level 3; its pictures are enlarged 4 times"]


def test_one_depth_file_for_one_photo(tmp_path: Path, weights: Path) -> None:
    one, two = write_photo(tmp_path / "a.jpg"), write_photo(tmp_path / "b.jpg")
    depth = (tmp_path / "a_depth.png").rename(tmp_path / "mine.png")
    report = render_photos([one], weights, None, SETTINGS, DepthSettings(device="cpu"), depth)
    assert not report.failed
    for path, message in ((tmp_path / "no.png", "no such depth file"), (tmp_path, "a folder, not a depth")):
        with pytest.raises(InvalidInput, match=f"{path}: {message}"):
            render_photos([two], weights, None, SETTINGS, SIDECAR, path)
    with pytest.raises(UsageError, match=r"depth of one photo, and there are 2 \(name them PHOTO_depth"):
        render_photos([one, two], weights, None, SETTINGS, SIDECAR, depth)


def test_hints_for_missing_depth_are_consistent(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EBB_CACHE", str(tmp_path / "empty"))
    monkeypatch.delenv("EBB_MEGADEPTH_WEIGHTS", raising=False)
    photo = write_photo(tmp_path / "a.jpg")
    with pytest.raises(UsageError, match="takes depth, and --provider none gives none") as refused:
        render_photos([photo], weights, None, SETTINGS, DepthSettings(provider="none"))
    assert refused.value.path == weights
    with pytest.raises(MissingDependency, match="ebb weights download megadepth") as missing:
        render_photos([photo], weights, None, SETTINGS, DepthSettings(provider="megadepth"))
    for error in (refused, missing):
        assert "--depth FILE, or --provider sidecar with PHOTO_depth.png" in error.value.hint
    assert "none" not in missing.value.hint


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_an_invalid_output_folder_is_reported_before_rendering(
    out: str, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(network_pictures, "load_network", lambda *_: pytest.fail("no work yet"))
    with pytest.raises(OutputError, match="file: cannot write it: a file is where a folder should be"):
        render(write_photo(tmp_path / "a.jpg"), weights=weights, out=tmp_path / out)


def test_weights_of_a_run(tmp_path: Path, weights: Path) -> None:
    with pytest.raises(InvalidInput, match="a pickle, which could run code"):
        torch.save({}, tmp_path / "foreign.pth")
        render(write_photo(tmp_path / "a.jpg"), weights=tmp_path / "foreign.pth")
    assert not render(tmp_path / "a.jpg", weights=weights.parent).failed


def test_progress_is_shown(tmp_path: Path, weights: Path) -> None:
    seen: list[object] = []

    class Monitor:
        def start(self, stage: str, total: int) -> None:
            seen.append((stage, total))

        def advance(self, name: str, status: Status, reason: Reason | None, detail: str) -> None:
            seen.append((name, status, reason))

        def finish(self) -> None:
            seen.append("end")

    photo = write_photo(tmp_path / "a.jpg")
    render_photos([photo, tmp_path / "b.jpg"], weights, None, SETTINGS, SIDECAR, progress=Monitor())
    assert seen == [
        ("render", 2),
        ("a.jpg", Status.OK, None),
        ("b.jpg", Status.ERROR, Reason.UNREADABLE),
        "end",
    ]


AUTO = DepthSettings(provider="auto", device="cpu")


def with_lens(
    *paths: Path, out: Path | None = None, depth: DepthSettings = AUTO, **values: object
) -> RenderReport:
    """Without a checkpoint; values are of the lens, or of the rendering."""
    lens = {name: values.pop(name) for name in list(values) if hasattr(LensSettings(), name)}
    settings = RenderSettings(**{"height": 64, "format": "png"} | values)  # type: ignore[arg-type]
    return render_photos(paths, None, out, settings, depth, lens=LensSettings(**lens))  # type: ignore[arg-type]


@pytest.mark.parametrize("orientation", [1, 6])
def test_the_lens_blurs_what_is_far(tmp_path: Path, orientation: int) -> None:
    """The ramp beside the photo: near at the right."""
    photo = write_photo(tmp_path / "a.jpg", orientation=orientation)
    report = with_lens(photo, focus="1", blur=0.2)
    (row,) = report.rows
    assert (row.status, row.is_new, row.files) == (Status.OK, True, (tmp_path / "a_bokeh.png",))
    assert row.facts["depth"] == "a_depth.png beside the photo"
    found = pixels(row.files[0]).astype(int)
    width = found.shape[1]
    left, right = (
        np.abs(np.diff(part, axis=0)).mean() for part in (found[:, : width // 4], found[:, -width // 8 :])
    )
    assert left < 0.3 * right
    with Image.open(row.files[0]) as image:
        assert (image.getexif()[0x0112], image.getexif()[0x010F]) == (1, "Canon")
    told = "a.jpg: depth from a_depth.png beside the photo; focus, depth 1.00 (the depth given); largest"
    assert told in report.text()


@pytest.mark.parametrize("size", [(150, 100), (96, 64), (71, 45)])
def test_without_blur_the_pixels_are_those_of_the_photo(tmp_path: Path, size: tuple[int, int]) -> None:
    photo = write_photo(tmp_path / "a.png", size)
    for name, values in (("none", {"strength": 0.0}), ("far", {"aperture": "1e6"})):
        with_lens(photo, out=tmp_path / name, full_resolution=True, **values)
        np.testing.assert_array_equal(pixels(tmp_path / name / "a_bokeh.png"), pixels(photo))
    report = with_lens(photo, out=tmp_path / "small", strength=0.0, compare=True)
    both = pixels(tmp_path / "small" / "a_compare.png")
    np.testing.assert_array_equal(*np.hsplit(both, 2))
    assert "largest blur disc: f/1.8 none" in report.text()


def test_full_resolution_with_the_lens(tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "a.png")
    with_lens(photo, focus="1", blur=0.2, full_resolution=True)
    found, before = pixels(tmp_path / "a_bokeh.png").astype(int), pixels(photo).astype(int)
    assert found.shape == before.shape
    assert np.abs(found - before)[:, -8:].mean() < 0.15 * np.abs(found - before)[:, :30].mean()


def test_several_apertures_make_a_strip(tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "a.jpg")
    report = with_lens(photo, aperture="1.8,4,16", blur=0.2, focus="1")
    names = ["a_strip.png", "a_bokeh_f1.8.png", "a_bokeh_f4.png", "a_bokeh_f16.png"]
    assert report.files == [tmp_path / name for name in names]
    strip, *pictures = (pixels(path).astype(int) for path in report.files)
    assert strip.shape == (64 + 28, 4 * 96 + 3 * 6, 3)
    assert np.array_equal(strip[28:, 102:198], pictures[0])
    detail = [np.abs(np.diff(picture, axis=0)).mean() for picture in pictures]
    assert detail == sorted(detail)
    assert with_lens(photo, aperture="1.8,4,16", blur=0.2, focus="1").as_dict()["already_there"] == 1
    (tmp_path / "a_bokeh_f4.png").unlink()
    assert with_lens(photo, aperture="1.8,4,16", blur=0.2, focus="1").rows[0].is_new


def test_a_focus_of_one_photo(tmp_path: Path) -> None:
    one, two = write_photo(tmp_path / "a.jpg"), write_photo(tmp_path / "b.jpg")
    found = with_lens(one, focus="140,50").rows[0].facts["focus"]
    assert (found["point"], found["how"]) == ((140, 50), "the point given")
    assert found["depth"] == pytest.approx(140 / 150, abs=0.02)
    mask = np.zeros((50, 75), np.uint8)
    mask[20:30, 30:45] = 255
    (tmp_path / "mask.png").write_bytes(cv2.imencode(".png", mask)[1].tobytes())
    found = with_lens(two, focus=str(tmp_path / "mask.png")).rows[0].facts["focus"]
    assert found["depth"] == pytest.approx(0.5, abs=0.02)
    for focus in ("140,50", str(tmp_path / "mask.png")):
        with pytest.raises(UsageError, match=r"is of one photo, and there are 2 \(a point in shares"):
            with_lens(one, two, focus=focus, overwrite=True)
    assert not with_lens(one, two, focus="0.5,0.5", overwrite=True).failed


def test_what_the_user_named_is_looked_for_before_any_work(tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "a.jpg")

    def refused(kind: type[Exception], message: str, name: str = "a.jpg", **depth: object) -> None:
        settings = DepthSettings(**{"provider": "auto", "device": "cpu"} | depth)  # type: ignore[arg-type]
        with pytest.raises(kind, match=message):
            render_photos([photo.with_name(name)], None, None, SETTINGS, settings)

    refused(InvalidInput, r"b\.jpg: no such photo", name="b.jpg")
    for provider in ("auto", "sidecar"):  # the photo has a map of its own: the network is not asked
        gone = tmp_path / "gone.pth"
        refused(InvalidInput, r"gone\.pth: no such weights file", provider=provider, weights=gone)
    refused(UsageError, "cannot compute on 'cuda:99'.*try --device cpu", device="cuda:99")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", "a_depth.png"]


@pytest.mark.parametrize(
    ("focus", "kind", "message"),
    [
        ("150,50", UsageError, "outside the photo of 150 x 100 pixels"),
        ("centre", InvalidInput, r"centre: no such mask \(--focus takes x,y, a depth from 0 to 1, auto, or"),
        (".", InvalidInput, "a folder, not a mask"),
        ("a.jpg", InvalidInput, "has no white"),
        ("square.png", InvalidInput, "mask 50 x 50, photo 150 x 100: different aspect"),
        ("text.png", InvalidInput, "not a mask: not an image of a known format"),
    ],
)
def test_what_is_no_focus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, focus: str, kind: type[Exception], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.zeros((100, 150, 3), np.uint8)).save("a.jpg")
    write_photo(Path("b.jpg"))
    Image.fromarray(np.zeros((50, 50), np.uint8)).save("square.png")
    Path("text.png").write_text("white")
    with pytest.raises(kind, match=message):
        with_lens(Path("b.jpg"), focus=focus)


def test_depth_that_is_missing_is_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EBB_CACHE", str(tmp_path / "empty"))
    photo = write_photo(tmp_path / "a.jpg")
    (tmp_path / "a_depth.png").unlink()
    with pytest.raises(MissingDependency, match="ebb weights download depth-anything-v2-small fetches one"):
        with_lens(photo)
    good = write_photo(tmp_path / "b.jpg")
    report = with_lens(photo, good)
    assert [(row.status, row.reason) for row in report.rows] == [
        (Status.REJECTED, Reason.NO_DEPTH),
        (Status.OK, None),
    ]
    assert "ebb weights download depth-anything-v2-small" in report.failed[0].detail
    with pytest.raises(UsageError, match="--provider none gives none"):
        with_lens(good, depth=DepthSettings(provider="none"))


def test_flags_of_the_other_renderer(tmp_path: Path, weights: Path) -> None:
    photo = write_photo(tmp_path / "a.jpg")
    with pytest.raises(UsageError, match="--fast goes with --checkpoint only"):
        with_lens(photo, fast=True)
    lens = LensSettings(focus="0.5,0.5")
    with pytest.raises(UsageError, match="do not go with --checkpoint"):
        render_photos([photo], weights, None, SETTINGS, SIDECAR, lens=lens)


def test_a_lens_without_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("ebb_train.inference.lens.render_shallow", fail)
    row = with_lens(write_photo(tmp_path / "a.jpg"), blur=0.2).failed[0]
    assert (row.reason, row.detail) == (Reason.OUT_OF_MEMORY, "not enough memory")


def test_the_lens_needs_no_pytorch(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg")
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['safetensors'] = None;"
        "from ebb.command import run_verb; from ebb_train.cli import app;"
        f"sys.exit(run_verb(app, ['render', {str(tmp_path / 'a.jpg')!r}, '--height', '64']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout[:21]) == (0, "1 rendered, 0 failed\n"), done.stderr
