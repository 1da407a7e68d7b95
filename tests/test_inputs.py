"""Small inputs that once failed, and their right values; ``tests/inputs/README.md`` describes them."""

from __future__ import annotations

import functools
import json
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from ebb import command
from ebb.cli import app
from ebb.dataset.catalog import read_catalog
from ebb.documents import read_json
from ebb.errors import EbbError, ExitCode, Reason
from ebb.formats.tiff_pixels import decode_tiff
from ebb_train.cli import app as train_app
from ebb_train.training.run_folder import read_log

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.dataset.catalog import CatalogRow

INPUTS = Path(__file__).parent / "inputs"
DAMAGED = INPUTS / "damaged"
MAX_MEMORY = 1_500_000_000
run_verb = functools.partial(command.run_verb, app)


def ingested(name: str, dataset: Path) -> dict[str, CatalogRow]:
    """The catalogue of an input, by file name."""
    code = run_verb(["ingest", str(INPUTS / name), "--dataset", str(dataset)])
    assert code in {0, ExitCode.ITEMS_FAILED}
    return {row.name: row for row in read_catalog(dataset / "captures.parquet")}


def aligned(name: str, dataset: Path, *flags: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The stored wide and shallow photo of the only pair of an input."""
    options = ("--dataset", str(dataset), "--provider", "none", "--workers", "1", "--min-blur-px", "0")
    assert run_verb(["run", str(INPUTS / name), *options, *flags]) == 0
    (folder,) = (dataset / "pairs").iterdir()
    wide, shallow = (np.asarray(Image.open(folder / f"{role}.png")) for role in ("wide", "shallow"))
    return wide, shallow


@pytest.mark.parametrize(
    "name", ["exif_after_icc", "exif_after_xmp", "one_unreadable_tag", "png_raw_profile", "pentax_name"]
)
def test_exif_is_found_and_the_photos_are_a_pair(name: str, tmp_path: Path) -> None:
    rows = ingested(name, tmp_path / "set").values()
    assert sorted(row.f_number or 0 for row in rows) == [1.8, 16.0]
    assert len({row.pair_id for row in rows}) == 1
    assert all(row.reason is None for row in rows)


def test_an_aperture_outside_the_exif_block_is_no_aperture(tmp_path: Path) -> None:
    row = ingested("f_number_from_pixels", tmp_path / "set")["IMG_0001.JPG"]
    assert row.f_number is None
    assert row.reason == Reason.NO_F_NUMBER


def test_a_compression_that_libraw_lacks_is_named_at_ingest(tmp_path: Path) -> None:
    rows = ingested("jpeg_xl_dng", tmp_path / "set").values()
    assert {row.reason for row in rows} == {Reason.UNSUPPORTED_RAW}
    assert all("JPEG XL" in row.detail for row in rows)


def test_orientation_is_applied(tmp_path: Path) -> None:
    pairs = str(INPUTS / "sideways" / "pairs.csv")
    wide, shallow = aligned("sideways", tmp_path / "set", "--height", "400", "--pairs", pairs)
    assert wide.shape == shallow.shape
    assert wide.shape[0] == 400
    assert 590 <= wide.shape[1] <= 610


@pytest.fixture(scope="module")
def in_srgb(tmp_path_factory: pytest.TempPathFactory) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The photos of ``wide_gamut_truth``."""
    return aligned("wide_gamut_truth", tmp_path_factory.mktemp("truth") / "set", "--height", "400")


@pytest.mark.parametrize("name", ["wide_gamut_both", "wide_gamut_one"])
def test_embedded_profiles_are_converted(
    name: str, in_srgb: tuple[NDArray[np.uint8], NDArray[np.uint8]], tmp_path: Path
) -> None:
    for photo, truth in zip(aligned(name, tmp_path / "set", "--height", "400"), in_srgb, strict=True):
        assert photo.shape == truth.shape
        apart = np.abs(photo.astype(int) - truth)
        assert apart.mean() < 1.0  # both are JPEG files: 0.72 with LittleCMS
        assert np.percentile(apart, 99) <= 3


def test_planar_tiff_files_hold_the_pixels_that_were_written() -> None:
    y, x = np.mgrid[:64, :96]
    truth = np.stack([2 * x * 257, 3 * y * 257, (x + y) * 257], axis=2)
    for kind in ("contig", "planar"):
        data = (INPUTS / "planar_tiff" / f"ramp_{kind}.tif").read_bytes()
        np.testing.assert_array_equal(decode_tiff(data), truth)


def test_monochrome_raw_files_give_grey_photos(tmp_path: Path) -> None:
    for photo in aligned("monochrome_dng", tmp_path / "set", "--height", "200"):
        assert np.ptp(photo.astype(int), axis=2).max() <= 1


def test_raw_files_without_white_balance_are_developed_alike(tmp_path: Path) -> None:
    wide, shallow = aligned("no_white_balance_dng", tmp_path / "set", "--height", "200")
    colours = [photo.reshape(-1, 3).mean(axis=0) for photo in (wide, shallow)]
    ratios = [colour / colour[1] for colour in colours]
    np.testing.assert_allclose(ratios[0], ratios[1], rtol=0.02)


def limited(*command_line: str) -> subprocess.CompletedProcess[str]:
    """A command with little memory."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY, MAX_MEMORY))

    return subprocess.run(
        [sys.executable, "-m", *command_line], capture_output=True, text=True, check=False, preexec_fn=limit
    )


@pytest.mark.parametrize("name", ["pq_text", "pq_png", "shard_null", "shard_npy"])
def test_damaged_shards_are_found_with_little_memory(name: str, tmp_path: Path) -> None:
    folder = shutil.copytree(DAMAGED / name, tmp_path / name)
    verified = limited("ebb", "verify", "--dataset", str(folder))
    assert verified.returncode == ExitCode.INVALID_INPUT, verified.stderr
    assert "Traceback" not in verified.stderr


def test_a_flipped_bit_of_the_state_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shutil.copytree(DAMAGED / "state_flip", tmp_path / "set")
    assert run_verb(["status", "--dataset", str(folder)]) == ExitCode.INVALID_INPUT
    assert "state.sqlite" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["cut.pth", "bit_typeerror.pth"])
def test_damaged_weights_are_named(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("--dataset", str(tmp_path), "--height", "256", "--workers", "1", "--min-blur-px", "0")
    depth = ("--provider", "megadepth", "--weights", str(DAMAGED / name))
    assert run_verb(["run", str(INPUTS / "exif_after_icc"), *flags, *depth]) == ExitCode.INVALID_INPUT
    assert name in re.sub(r"\s+", "", capsys.readouterr().err)


@pytest.mark.parametrize("name", ["tfc/x.index", "broken.tar.xz"])
def test_damaged_tensorflow_checkpoints_are_named(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = str(DAMAGED / name).removesuffix(".index")
    out = str(tmp_path / "weights.safetensors")
    assert command.run_verb(train_app, ["convert", source, out]) == ExitCode.INVALID_INPUT
    message = re.sub(r"\s+", "", capsys.readouterr().err)
    assert Path(source).name in message


def test_deep_settings_are_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command_line = ["status", "--dataset", str(tmp_path), "--config", str(DAMAGED / "deep.toml")]
    assert run_verb(["run", str(tmp_path), *command_line[1:]]) == ExitCode.USAGE
    assert "deep.toml" in re.sub(r"\s+", "", capsys.readouterr().err)


def test_deep_documents_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(EbbError, match="deep.json"):
        read_json(DAMAGED / "deep.json")
    ingested("exif_after_icc", tmp_path)
    shutil.copy(DAMAGED / "deep.json", tmp_path / ".lock")
    assert run_verb(["status", "--dataset", str(tmp_path)]) == 0


def test_a_flipped_bit_of_a_training_log_loses_its_lines_only(tmp_path: Path) -> None:
    notes: list[str] = []
    shutil.copy(DAMAGED / "log.jsonl", tmp_path)
    lines = read_log(tmp_path, notes.append)
    assert lines
    assert len(lines) < len((DAMAGED / "log.jsonl").read_text("utf-8").splitlines())
    assert notes


def test_a_depth_file_that_is_no_array_is_a_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = shutil.copytree(INPUTS / "exif_after_icc", tmp_path / "raw")
    shutil.copy(DAMAGED / "IMG_0001_depth.npy", raw)
    flags = ("--dataset", str(tmp_path / "set"), "--provider", "sidecar", "--height", "256", "--workers", "1")
    run_verb(["run", str(raw), *flags, "--min-blur-px", "0"])
    capsys.readouterr()
    assert run_verb(["status", "--dataset", str(tmp_path / "set"), "--pairs", "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert "bad_depth" in str(status)
    assert "internal_error" not in str(status)
