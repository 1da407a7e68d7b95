"""Every reader of untrusted files with small whole files to damage, for the fuzz test and the fuzz benchmark.

A reader may return or raise :class:`~ebb.errors.EbbError`; any other exception is a fault.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from PIL import Image, PngImagePlugin

from ebb.arrays import Size
from ebb.dataset.catalog import CatalogRow, read_catalog, write_catalog
from ebb.dataset.import_metadata import lens_details, scene_details
from ebb.dataset.index import INDEX_NAME, parse_index
from ebb.dataset.pairs_list import read_pairs_list
from ebb.dataset.shards import ShardReader
from ebb.depthmap.embedded import read_embedded, read_gdepth
from ebb.depthmap.from_files import Embedded
from ebb.depthmap.sidecar import read_sidecar
from ebb.errors import EbbError
from ebb.formats.containers import jpeg_segments
from ebb.formats.exif_block import read_tags
from ebb.formats.icc import parse_profile
from ebb.one_photo import Opening, open_photo
from ebb.photo.pairs_file import read_pairs_csv
from ebb.photo.raw import read_balances
from ebb.published_weights import WEIGHTS
from ebb.settings import SECTIONS, from_values, read_sections
from ebb.weights import find_weights
from tests.helpers import icc
from tests.helpers.bayer_files import BLACK, WHITE, bayer_dng
from tests.helpers.captures import scene, shot
from tests.helpers.datasets import photos, record, write_ebb, write_set
from tests.helpers.mutation import repaired_json, repaired_png
from tests.helpers.phone_jpegs import GDEPTH, gdepth_description, packet, png, with_dynamic_depth, with_gdepth
from tests.helpers.views import View, blank

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

GOLDEN = Path(__file__).parents[1] / "golden" / "tflite"
WIDTH, HEIGHT = 48, 32
OPENING = Opening(height=16, keep_full=True, max_megapixels=30, item_timeout=60)
"""A lower limit than the default, as each worker has its own photo in memory."""


@dataclass(frozen=True)
class Reader:
    """One reader and what it reads."""

    name: str
    seeds: Callable[[], Sequence[bytes]]
    """Whole files."""
    read: Callable[[bytes, Path], object]
    """Reads a damaged file, with an empty folder to put it in."""
    repair: Callable[[bytes], bytes] | None = None
    """Makes the checksums of a damaged file right again."""
    is_slow: bool = False
    """Needs a package that takes seconds to import, or may end its process."""


READERS: list[Reader] = []


def reader(
    name: str,
    seeds: Callable[[], Sequence[bytes]],
    *,
    repair: Callable[[bytes], bytes] | None = None,
    is_slow: bool = False,
) -> Callable[[Callable[[bytes, Path], object]], Callable[[bytes, Path], object]]:
    """Add a reader to the list."""

    def add(read: Callable[[bytes, Path], object]) -> Callable[[bytes, Path], object]:
        READERS.append(Reader(name, functools.cache(seeds), read, repair, is_slow))
        return read

    return add


def each(*reads: Callable[[], object]) -> list[object]:
    """Read in several ways, also after one that was refused; refused if one was."""
    results, errors = [], []
    for read in reads:
        try:
            results.append(read())
        except EbbError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return results


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def picture(seed: int = 0) -> np.ndarray:
    return scene(seed, (WIDTH, HEIGHT))


def tiff(values: np.ndarray, **options: Any) -> bytes:
    tifffile.imwrite(stream := io.BytesIO(), values, **options)
    return stream.getvalue()


def npy(values: np.ndarray) -> bytes:
    np.save(stream := io.BytesIO(), values)
    return stream.getvalue()


def npz(values: np.ndarray) -> bytes:
    np.savez_compressed(stream := io.BytesIO(), depth=values)
    return stream.getvalue()


def stored(data: bytes, path: Path) -> Path:
    path.write_bytes(data)
    return path


# photos


def _photo(suffix: str) -> Callable[[bytes, Path], object]:
    return lambda data, folder: open_photo(stored(data, folder / f"a{suffix}"), OPENING)


def _jpegs() -> list[bytes]:
    profile = icc.matrix_profile(icc.ADOBE_RGB, icc.curve(563))
    image = Image.fromarray(picture())
    return [
        shot(picture(), 16, 0, 6),
        saved(image, "JPEG", progressive=True, icc_profile=profile),
        saved(image.convert("L"), "JPEG", icc_profile=icc.grey_profile(icc.SRGB_CURVE)),
        saved(image.convert("CMYK"), "JPEG"),
    ]


def _pngs() -> list[bytes]:
    image, info = Image.fromarray(picture()), PngImagePlugin.PngInfo()
    digits = shot(picture(), 8, 0)[6:200].hex()
    info.add_text("Raw profile type exif", f"\nexif\n{len(digits) // 2:8}\n{digits}\n", zip=True)
    exif = Image.Exif()
    exif[0x0110] = "Camera"
    exif.get_ifd(0x8769).update({0x829D: 8.0, 0x9003: "2024:05:04 10:00:00"})
    profile = icc.matrix_profile(icc.DISPLAY_P3, icc.SRGB_CURVE)
    return [
        saved(image, "PNG", icc_profile=profile, exif=exif),
        saved(image, "PNG", pnginfo=info),
        saved(image.convert("P"), "PNG", transparency=3),
        png(picture().astype(np.uint16) * 257),
    ]


def _tiffs() -> list[bytes]:
    small = picture()
    palette = {"photometric": "palette", "colormap": np.arange(768, dtype=np.uint16).reshape(3, 256)}
    return [
        tiff(small, photometric="rgb", compression="zlib", predictor=True, tile=(16, 16)),
        tiff(small.astype(np.uint16) * 257, photometric="rgb", bigtiff=True, rowsperstrip=5),
        tiff(np.moveaxis(small, 2, 0), photometric="rgb", planarconfig="separate", byteorder=">"),
        tiff(small[..., 0], compression="lzma", **palette),
        saved(Image.fromarray(small), "TIFF", compression="tiff_lzw", exif=Image.Exif()),
        saved(Image.fromarray(small), "TIFF", compression="packbits"),
        saved(Image.fromarray(small), "TIFF", compression="jpeg"),
    ]


def _dngs() -> list[bytes]:
    mosaic = np.random.default_rng(0).integers(BLACK, WHITE, (64, 96))
    return [bayer_dng(mosaic), bayer_dng(mosaic, black=(BLACK,) * 4, active=(2, 2, 62, 94))]


def _heics() -> list[bytes]:
    from tests.helpers.heic_files import apdi, heic, representation

    large = scene(0, (128, 96))
    depth = np.linspace(0, 255, 64 * 48).astype(np.uint8).reshape(48, 64)
    return [
        heic(large, depth, depth_xmp=apdi(0.1, 3.0)),
        heic(large, depth, sei=representation(0, z_near=0.5, z_far=8)),
        heic(large, xmp=packet(gdepth_description(png(depth)))),
    ]


reader("photo .jpg", _jpegs)(_photo(".jpg"))
reader("photo .png", _pngs, repair=repaired_png)(_photo(".png"))
reader("photo .tif", _tiffs)(_photo(".tif"))
reader("photo .dng", _dngs)(_photo(".dng"))
reader("photo .heic", _heics)(_photo(".heic"))

reader("white balance of DNG", _dngs)(lambda data, _: read_balances(data))
reader("EXIF block", lambda: [shot(picture(), 16, 0)[12:], _tiffs()[4]])(lambda data, _: read_tags(data))
reader(
    "ICC profile",
    lambda: [
        icc.matrix_profile(icc.SRGB, icc.SRGB_CURVE),
        icc.matrix_profile(icc.PROPHOTO, icc.curve(*range(0, 65536, 4096)), major=2),
        icc.grey_profile(icc.curve(461)),
        icc.table_profile(icc.SRGB),
    ],
)(lambda data, _: parse_profile(data))


# depth

_DEPTH = np.linspace(1, 9, WIDTH * HEIGHT // 4).reshape(HEIGHT // 2, WIDTH // 2)


def _depth_file(suffix: str) -> Callable[[bytes, Path], object]:
    def read(data: bytes, _: Path) -> object:
        size = Size(WIDTH, HEIGHT)
        return each(
            lambda: read_sidecar(data, suffix, "inverse", size),
            lambda: read_sidecar(data, suffix, "distance", size),
        )

    return read


def _depth_seeds() -> dict[str, list[bytes]]:
    grey, single = (_DEPTH * 28).astype(np.uint8), _DEPTH.astype(np.float32)
    return {
        ".png": [png(grey), png((_DEPTH * 7000).astype(np.uint16))],
        ".tif": [tiff(single), tiff(grey, compression="zlib"), tiff(_DEPTH, tile=(16, 16))],
        ".npy": [npy(single), npy(np.asfortranarray(_DEPTH)), npy(_DEPTH.astype(np.float16))],
        ".npz": [npz(single), npz(_DEPTH)],
    }


for _name in (".png", ".tif", ".npy", ".npz"):
    reader(
        f"depth {_name}",
        functools.partial(lambda suffix: _depth_seeds()[suffix], _name),
        repair=repaired_png,
    )(_depth_file(_name))


def _phone_jpegs() -> list[bytes]:
    map_ = png((_DEPTH * 28).astype(np.uint8))
    jpeg = saved(Image.fromarray(picture()), "JPEG")
    colour = saved(Image.fromarray((_DEPTH * 28).astype(np.uint8)).convert("RGB"), "JPEG")
    return [with_gdepth(jpeg, map_), with_dynamic_depth(jpeg, map_, padding=3), with_gdepth(jpeg, colour)]


reader("depth in JPEG", _phone_jpegs)(
    lambda data, _: read_embedded(data, list(jpeg_segments(data)), Size(WIDTH, HEIGHT))
)
reader("depth in HEIC", _heics)(
    lambda data, _: Embedded().depth([View(blank(128, 96), name="a.heic", file=data)])
)
reader(
    "XMP",
    lambda: [
        packet(gdepth_description(png((_DEPTH * 28).astype(np.uint8)))),
        packet(f'<rdf:Description xmlns:GDepth="{GDEPTH}" GDepth:Near="1"/>'),
    ],
)(lambda data, _: read_gdepth([data], Size(WIDTH, HEIGHT)))


# data sets


def _shards() -> list[bytes]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = write_set(Path(folder) / "s", [[record(n, WIDTH, HEIGHT) for n in range(5)]])
        return [(path / "train-00000-of-00001.parquet").read_bytes()]


@reader("shard", _shards)
def _(data: bytes, folder: Path) -> object:
    def read(use: Callable[[ShardReader], object]) -> object:
        with ShardReader(path) as opened:
            return use(opened)

    path = stored(data, folder / "train-00000-of-00001.parquet")
    return each(
        lambda: read(list),
        lambda: read(lambda shard: shard.read_values(1, ["pair_id", "wide", "depth", "H_shallow_to_wide"])),
        lambda: read(lambda shard: shard.column("pair_id")),
    )


def _catalogs() -> list[bytes]:
    row = CatalogRow(folder="/p", name="a.jpg", sha256="0" * 64, role="wide", f_number=8.0)
    rows = [row] * 9
    return [write_catalog(rows)]


reader("catalogue", _catalogs)(lambda data, folder: read_catalog(stored(data, folder / "captures.parquet")))


def _indexes() -> list[bytes]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = write_set(Path(folder) / "s", [[record(0)], [record(1)]])
        return [(path / INDEX_NAME).read_bytes()]


reader("DATASET.json", _indexes)(lambda data, _: parse_index(data.decode(errors="replace")))


@reader(
    "settings TOML",
    lambda: [
        b'[align]\nheight = 512\n\n[ingest]\nmax_gap = 20.0\nwide_f = 16\n\n[depth]\nprovider = "none"\n'
    ],
)
def _(data: bytes, folder: Path) -> object:
    sections = read_sections(stored(data, folder / "ebb.toml"))
    return [from_values(SECTIONS[name], values) for name, values in sections.items()]


reader(
    "pairs CSV", lambda: [b"wide,shallow\na.jpg,b.jpg\n", b'\xef\xbb\xbfwide;shallow\r\n"a.jpg";b.jpg\r\n']
)(lambda data, _: read_pairs_csv(data.decode(errors="replace"), ["a.jpg", "b.jpg"]))


SCENE = (
    b'{"source_image": "in/1.JPG", "source_av": 22.0, "target_images": ["gt/1/1.JPG"], "target_avs": [2.0]}'
)
reader(
    "pairs list of a data set",
    lambda: [
        b"wide,shallow,depth,split,f_number_wide\na.jpg,b.jpg,d.png,train,f/16\n",
        b"wide;shallow\na.jpg;b.jpg\n",
    ],
)(lambda data, _: read_pairs_list(data.decode(errors="replace"), ["a.jpg", "b.jpg", "d.png"]))
reader("metadata of RealBokeh", lambda: [SCENE])(
    lambda data, _: scene_details("train/metadata/1.json", data.decode(errors="replace"))
)
reader("lenses of EBokehNet", lambda: [b"00000, Sony50mmf1.8BS, Canon50mmf1.4BS, 35\n"])(
    lambda data, _: lens_details("train/meta.txt", data.decode(errors="replace"))
)


def _download_record() -> bytes:
    facts = {"sha256": hashlib.sha256(b"PK\x03\x04").hexdigest(), "url": "https://a", "bytes": 4}
    return json.dumps(facts).encode()


@reader("record of a download", lambda: [_download_record()])
def _(data: bytes, folder: Path) -> object:
    known = WEIGHTS["megadepth"]
    path = stored(b"PK\x03\x04", folder / known.file_name)
    stored(data, folder / f"{known.file_name}.json")
    return find_weights("megadepth", path)


# training and evaluation


def _ebb_folder(part: str) -> Callable[[bytes, Path], object]:
    def read(data: bytes, folder: Path) -> object:
        from ebb_train.data.sources import open_source

        source = open_source(write_ebb(folder, range(1)))
        stored(data, folder / "train" / part / "0.png")
        return source.read(0)

    return read


for _number, _name in enumerate(("original", "bokeh", "original_depth")):
    reader(
        f"EBB! folder, {_name}",
        functools.partial(
            lambda n: [png(photos(0)[n]), saved(Image.fromarray(photos(0)[n]), "JPEG")], _number
        ),
        repair=repaired_png,
    )(_ebb_folder(_name))


@reader(
    "prediction",
    lambda: [*_pngs(), *_jpegs()[:2], saved(Image.fromarray(picture()), "WEBP"), _tiffs()[0]],
    repair=repaired_png,
)
def _(data: bytes, folder: Path) -> object:
    from ebb_train.evaluation.predictions import read_picture

    return read_picture(stored(data, folder / "a.png"), 1_000_000)


@reader(
    "predictions.json",
    lambda: [b'{"data": "ab", "model": {"gain": 1.0}, "version": 1}\n'],
)
def _(data: bytes, folder: Path) -> object:
    from ebb_train.evaluation.predictions import MANIFEST, claim

    stored(data, folder / MANIFEST)
    return claim(folder, {"data": "ab", "model": {"gain": 1.0}, "version": 1})


def _evaluation() -> list[bytes]:
    summary = {"ebb.psnr": {"mean": 24.5, "n": 3}, "ebb.lpips": {"mean": None, "reason": "no weights"}}
    facts = {"summary": summary, "model": {"weights_sha256": "ab"}, "pairs": 3, "split": "test"}
    return [json.dumps(facts).encode()]


@reader("report of an evaluation", _evaluation)
def _(data: bytes, folder: Path) -> object:
    from ebb_train.export.tflite.card import read_evaluation

    return read_evaluation(stored(data, folder / "report.json"), "ab")


@reader(
    "schedule TOML",
    lambda: [b"[[level]]\nlevel = 7\niterations = 10\nbatch = 2\nloss = { l1 = 10.0, ssim = 1.0 }\n"],
)
def _(data: bytes, folder: Path) -> object:
    from ebb_train.stages import read_schedule

    return read_schedule(str(stored(data, folder / "a.toml")))


def _log_line(level: int, step: int, total: int, **values: object) -> bytes:
    return json.dumps({"level": level, "step": step, "total": total, **values}).encode() + b"\n"


def _logs() -> list[bytes]:
    scores = {"psnr": 24.5, "ssim": 0.8}
    return [
        _log_line(7, 1, 1, l1=0.5, loss=2.5)
        + _log_line(7, 2, 2, validation=scores, pairs=2, split="val")
        + _log_line(6, 1, 3, l1=0.25, loss=1.5)
        + b'{"level": 6, "st'
    ]


def _run_json() -> bytes:
    from ebb.settings import as_dict
    from ebb_train.settings import SCHEDULES

    schedule = {str(row.level): as_dict(row) for row in SCHEDULES["paper"].with_crop(0, 1024).rows}
    facts = {
        "network": {"width": 0.1},
        "schedule": schedule,
        "settings": {"seed": 3},
        "dataset": {"sha256": "ab"},
    }
    return json.dumps(facts).encode()


@reader("log.jsonl", _logs)
def _(data: bytes, folder: Path) -> object:
    from ebb_train.training.page import write_page
    from ebb_train.training.run_folder import LOG, read_log

    stored(_run_json(), folder / "run.json")
    stored(data, folder / LOG)
    return read_log(folder, str), write_page(folder, {"level-7": 2, "level-6": 2})


@reader("run.json", lambda: [_run_json()])
def _(data: bytes, folder: Path) -> object:
    from ebb_train.training.run_folder import RunFolder

    stored(data, folder / "run.json")
    return RunFolder(folder, json.loads(_run_json())).close()


@functools.cache
def _checkpoint_files() -> dict[str, bytes]:
    import tempfile

    import torch

    from ebb_train.models.network import PyNet
    from ebb_train.models.pynet import PyNetConfig
    from ebb_train.training.checkpoint import Position, save_checkpoint

    torch.manual_seed(0)
    network = PyNet(PyNetConfig(level=7, width=1 / 64))
    training = {"rng": torch.get_rng_state()[:8], "threads": 1, "optimizer": {"step": torch.tensor(3.0)}}
    with tempfile.TemporaryDirectory() as folder:
        position = Position(stage="level-7", step=3, total=3)
        path = save_checkpoint(Path(folder), network, training, position, {"seed": 1})
        return {file.name: file.read_bytes() for file in path.iterdir()}


@reader(
    "checkpoint.json",
    lambda: [_checkpoint_files()["checkpoint.json"]],
    repair=repaired_json("content_sha256"),
)
def _(data: bytes, folder: Path) -> object:
    from ebb_train.training.checkpoint import newest_checkpoint

    path = folder / "checkpoints" / "00000003"
    path.mkdir(parents=True)
    for name, content in {**_checkpoint_files(), "checkpoint.json": data}.items():
        stored(content, path / name)
    return newest_checkpoint(folder, {"seed": 1}, str)


@reader("safetensors", lambda: [_checkpoint_files()["weights.safetensors"]])
def _(data: bytes, folder: Path) -> object:
    from ebb_train.models.weights import read_pynet

    return read_pynet(stored(data, folder / "a.safetensors"))


def _state_dicts() -> list[bytes]:
    import torch

    files = []
    for is_zip in (True, False):
        state = {"module.0.weight": torch.ones(3, 2), "module.0.bias": torch.zeros(3)}
        torch.save(state, stream := io.BytesIO(), _use_new_zipfile_serialization=is_zip)
        files.append(stream.getvalue())
    return files


@reader("state dict (.pth)", _state_dicts)
def _(data: bytes, folder: Path) -> object:
    from ebb.pytorch import load_state

    return load_state(stored(data, folder / "a.pth"))


def _archives() -> list[bytes]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        content = Path(folder) / "c"
        content.mkdir()
        stored(bytes(range(256)) * 4, content / "net.index")
        stored(b"weights" * 200, content / "net.data-00000-of-00001")
        made = [
            shutil.make_archive(f"{folder}/{kind}", kind, content)
            for kind in ("zip", "tar", "gztar", "xztar")
        ]
        return [Path(path).read_bytes() for path in made]


@reader("archive of a checkpoint", _archives)
def _(data: bytes, folder: Path) -> object:
    from ebb_train.models.archive import unpacked

    with unpacked(stored(data, folder / "net.archive")) as prefix:
        return prefix.name


def _tflite_files() -> list[bytes]:
    from tests.helpers.tflite_files import At, Const, Node, one, tflite_file, weights

    same = {"padding": 0, "strideW": 1, "strideH": 1}
    conv = Node(
        "CONV_2D", (At(), weights(8, 3, 3, 4), weights(8)), (At((1, 8, 8, 8)),), "Conv2DOptions", same
    )
    pad = Const([[0, 0], [1, 1], [1, 1], [0, 0]])
    return [
        tflite_file(conv, Node("RELU", (3,), (At((1, 8, 8, 8)),))),
        one("PAD", [At(), pad], At((1, 10, 10, 4)), "PadOptions"),
        *(
            path.read_bytes()
            for path in sorted((Path(__file__).parents[1] / "golden" / "tflite").glob("*.tflite"))
        ),
    ]


@reader("TFLite", _tflite_files)
def _(data: bytes, folder: Path) -> object:
    from ebb_train.export.tflite.report import examine_file

    anatomy = examine_file(stored(data, folder / "a.tflite"))
    return anatomy.as_text(), json.dumps(anatomy.as_dict(), default=str)


def _onnx_files() -> list[bytes]:
    import onnx

    helper = onnx.helper
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["x", "axes"], ["depth"], keepdims=0)],
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ("batch", 3, 16, 24))],
        [helper.make_tensor_value_info("depth", onnx.TensorProto.FLOAT, ("batch", 16, 24))],
        [onnx.numpy_helper.from_array(np.array([1]), "axes")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return [model.SerializeToString()]


@reader("ONNX", _onnx_files)
def _(data: bytes, folder: Path) -> object:
    from ebb.depthmap.onnx import load_onnx
    from ebb.settings import DepthSettings

    settings = DepthSettings(provider="onnx", device="cpu", model_normalisation="unit")
    provider = load_onnx(stored(data, folder / "a.onnx"), settings)
    return provider(scene(0, (48, 32)))


@functools.cache
def _tensorflow_files() -> dict[str, bytes]:
    import tempfile

    from ebb_train.models.official import write_checkpoint

    rng = np.random.default_rng(0)
    names = ["generator/Variable", *(f"generator/Variable_{n}" for n in range(1, 6)), "beta1_power"]
    with tempfile.TemporaryDirectory() as folder:
        values = {name: rng.normal(size=(3, 3, 2, 4)).astype(np.float32) for name in names}
        write_checkpoint(Path(folder) / "net", values)
        return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


def _tensorflow(suffix: str) -> Callable[[bytes, Path], object]:
    def read(data: bytes, folder: Path) -> object:
        from ebb_train.models.official import read_checkpoint

        for name, content in _tensorflow_files().items():
            stored(data if name.endswith(suffix) else content, folder / name)
        return read_checkpoint(folder / "net")

    return read


for _name in (".index", ".data-00000-of-00001"):
    reader(
        f"TensorFlow {_name[:6]}",
        functools.partial(lambda suffix: [_tensorflow_files()[f"net{suffix}"]], _name),
        is_slow=True,
    )(_tensorflow(_name))


@functools.cache
def _study_files() -> dict[str, bytes]:
    import tempfile

    from tests.helpers.simulated_study import simulated_opinions
    from tests.helpers.stored_votes import write_study

    with tempfile.TemporaryDirectory() as folder:
        study = write_study(Path(folder) / "study", simulated_opinions(0, raters=3, images=3))
        return {file.name: file.read_bytes() for file in study.iterdir()}


def _study(name: str) -> Callable[[bytes, Path], object]:
    def read(data: bytes, folder: Path) -> object:
        from ebb_train.study.analysis import analyse_votes
        from ebb_train.study.vote_reader import read_votes

        for own, content in _study_files().items():
            stored(data if own == name else content, folder / own)
        votes = read_votes(folder)
        return analyse_votes(replace(votes, plan=replace(votes.plan, resamples=5)))

    return read


for _name in ("study.sqlite", "study.toml"):
    reader(_name, functools.partial(lambda name: [_study_files()[name]], _name))(_study(_name))


def empty(folder: Path) -> Path:
    """Remove what the last reading left in a folder."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return folder


def corpus_name(name: str, data: bytes) -> str:
    """Name of a file of the corpus: its reader and a hash."""
    plain = "".join(char if char.isalnum() else "_" for char in name)
    return f"{plain}-{hashlib.sha256(data).hexdigest()[:12]}"


def _masks() -> list[bytes]:
    grey = Image.fromarray(picture()).convert("L").resize((WIDTH, HEIGHT))
    return [saved(grey, "PNG"), saved(grey, "JPEG"), saved(grey, "TIFF")]


@reader("mask", _masks, repair=repaired_png)
def read_mask(data: bytes, folder: Path) -> object:
    from ebb_train.subject.mask_folder import MaskFolder

    stored(data, folder / "a.png")
    masks = MaskFolder(folder)
    return each(lambda: masks.mask(np.zeros((HEIGHT, WIDTH, 3), np.uint8), None, "a"), masks.metadata)


def _segmentations() -> list[bytes]:
    import onnx

    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["photo"], ["mask"], axes=[1])],
        "mean",
        [helper.make_tensor_value_info("photo", kind, (1, 3, 16, 24))],
        [helper.make_tensor_value_info("mask", kind, (1, 1, 16, 24))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return [model.SerializeToString()]


@reader("segmentation network", _segmentations)
def read_segmentation(data: bytes, folder: Path) -> object:
    from ebb_train.subject.segmentation import Segmentation

    network = Segmentation(stored(data, folder / "a.onnx"))
    return network.mask(np.zeros((HEIGHT, WIDTH, 3), np.uint8), None, "")
