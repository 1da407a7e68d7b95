"""Cost of shards: PNG settings, writing, sequential reading, random access, page checksums.

Method: 64 records of 1536 x 1024 pixels whose photos are six JPEG photos of ``data/sample``, encoded once and
reused, with a depth map of half size. Files are in a temporary folder and in the page cache when they are
read. PNG times are processor times of one thread, all others wall times with all cores for Arrow and one for
OpenCV. Every value is the median of three repeats (verifying: one run over 16 records). The latency of a
random row is the median over 24 rows drawn with a fixed seed, until the row with its PNG bytes is available.
"pyarrow defaults" is the same table written by ``pyarrow.parquet.write_table`` without options: one row
group, Snappy, dictionaries, no checksums. On a machine that others use, ratios are more reliable than times.

    python benchmarks/shards.py               # writes benchmarks/results/shards.json
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ebb.dataset.record import Record, from_row, record_row, schema
from ebb.dataset.shards import ShardReader, write_shard
from ebb.dataset.verify import verify_shard
from ebb.formats.png import decode_png, encode_png

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebb.arrays import Rgb8
    from ebb.dataset.shards import ShardEntry

T = TypeVar("T")

REPOSITORY = Path(__file__).parents[1]
CAPTURES = REPOSITORY / "data" / "sample" / "captures"
RESULT = REPOSITORY / "benchmarks" / "results" / "shards.json"
PHOTOS = ("IMG_0301.JPG", "IMG_0302.JPG", "IMG_0305.JPG", "IMG_0306.JPG", "IMG_0307.JPG", "IMG_0308.JPG")
NUM_RECORDS = 64
WIDTH, HEIGHT = 1536, 1024
RANDOM_ROWS = 24
RLE = (cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE)
PNG_SETTINGS: dict[str, list[int]] = {
    "OpenCV defaults": [],
    "level 1, RLE, Sub": [
        cv2.IMWRITE_PNG_COMPRESSION,
        1,
        *RLE,
        cv2.IMWRITE_PNG_FILTER,
        cv2.IMWRITE_PNG_FILTER_SUB,
    ],
    "level 1, RLE, Average": [
        *(cv2.IMWRITE_PNG_COMPRESSION, 1, *RLE, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_AVG)
    ],
    "level 1, RLE, Paeth (ours)": [
        *(cv2.IMWRITE_PNG_COMPRESSION, 1, *RLE, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_PAETH)
    ],
    "level 6": [cv2.IMWRITE_PNG_COMPRESSION, 6],
}


def main() -> None:
    """Measure everything and write the result."""
    cv2.setNumThreads(1)
    started = time.perf_counter()
    photos = [load(CAPTURES / name) for name in PHOTOS]
    records = make_records(photos)
    with tempfile.TemporaryDirectory() as folder:
        result: dict[str, Any] = {
            "method": " ".join((__doc__ or "").split("Method: ")[1].split("\n\n")[0].split()),
            "machine": {"cpus": os.cpu_count(), "pyarrow": pa.__version__, "opencv": cv2.__version__},
            "png": png_figures(photos),
            "shard": shard_figures(Path(folder), records),
            "random_row_ms": random_row_figures(Path(folder), records),
        }
    result["total_s"] = round(time.perf_counter() - started, 1)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def load(path: Path) -> Rgb8:
    """A sample photo at the size of a stored photo."""
    photo = np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB), np.uint8)
    return np.asarray(cv2.resize(photo, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def make_records(photos: list[Rgb8]) -> list[Record]:
    """Records that share the bytes of a few photos."""
    pngs = [encode_png(photo) for photo in photos]
    depths = [encode_png(np.ascontiguousarray(photo[::2, ::2, 1])) for photo in photos]
    return [
        Record(
            pair_id=f"{number:016x}",
            wide=pngs[number % len(pngs)],
            shallow=pngs[(number + 1) % len(pngs)],
            depth=depths[number % len(pngs)],
            width=WIDTH,
            height=HEIGHT,
            crop_x=0,
            crop_y=0,
            crop_width=WIDTH,
            crop_height=HEIGHT,
            depth_provider="sidecar",
            source_wide=f"IMG_{2 * number:04d}.DNG",
            source_shallow=f"IMG_{2 * number + 1:04d}.DNG",
            source_wide_sha256=f"{number:064x}",
            source_shallow_sha256=f"{number:064x}",
            software="benchmark",
        )
        for number in range(NUM_RECORDS)
    ]


def encode(photo: Rgb8, options: list[int]) -> bytes:
    """PNG bytes with given settings."""
    return cv2.imencode(".png", photo, options)[1].tobytes()


def png_figures(photos: list[Rgb8]) -> dict[str, dict[str, float]]:
    """Mean size and time of one photo under several settings."""
    figures = {}
    for name, options in PNG_SETTINGS.items():
        encoded = [timed(partial(encode, photo, options), clock=time.process_time) for photo in photos]
        decoded = [timed(partial(decode_png, data), clock=time.process_time) for data, _ in encoded]
        figures[name] = {
            "mb": round(statistics.mean(len(data) for data, _ in encoded) / 1e6, 3),
            "encode_cpu_ms": round(1e3 * statistics.mean(seconds for _, seconds in encoded), 1),
            "decode_cpu_ms": round(1e3 * statistics.mean(seconds for _, seconds in decoded), 1),
        }
    return figures


def shard_figures(folder: Path, records: list[Record]) -> dict[str, float]:
    """Throughput of writing, reading in order and verifying one shard."""
    path = folder / "train-00000-of-00001.parquet"

    def write() -> ShardEntry:
        with path.open("wb") as sink:
            return write_shard(sink, iter(records))

    arrow_before = pa.default_memory_pool().bytes_allocated()
    facts, write_s = timed(write)
    arrow_peak = (pa.default_memory_pool().max_memory() or 0) - arrow_before
    read_s = timed(lambda: read_checked(path))[1]
    unchecked_s = timed(lambda: read_unchecked(path))[1]
    megabytes = facts.num_bytes / 1e6
    return {
        "mb": round(megabytes, 1),
        "write_mb_s": round(megabytes / write_s),
        "arrow_peak_mb_while_writing": round(arrow_peak / 1e6, 1),
        "read_mb_s": round(megabytes / read_s),
        "read_mb_s_without_checksums": round(megabytes / unchecked_s),
        "verify_mb_s": verify_speed(folder / "val-00000-of-00001.parquet", records[:16]),
    }


def verify_speed(path: Path, records: list[Record]) -> int:
    """MB per second of verification, in which every photo is decoded."""
    with path.open("wb") as sink:
        facts = write_shard(sink, records)
    problems, seconds = timed(lambda: verify_shard(path, facts), repeats=1)
    if problems:
        raise SystemExit("\n".join(problems))
    return round(facts.num_bytes / 1e6 / seconds)


def read_checked(path: Path) -> int:
    """Read all records and verify their checksums."""
    with ShardReader(path) as reader:
        return sum(1 for _ in reader)


def read_unchecked(path: Path) -> int:
    """Read all records without verifying their checksums."""
    file = pq.ParquetFile(path)
    groups = (file.read_row_group(group).to_pylist() for group in range(file.metadata.num_row_groups))
    return sum(1 for rows in groups for _ in map(from_row, rows))


def random_row_figures(folder: Path, records: list[Record]) -> dict[str, float]:
    """Median latency of a random row, by settings of the file and verification of checksums."""
    table = pa.Table.from_pylist([record_row(record) for record in records], schema=schema())
    plain: dict[str, Any] = {"compression": "NONE", "use_dictionary": False, "write_page_checksum": True}
    figures = {}
    for rows in (1, 4, 16):
        path = folder / f"{rows}.parquet"
        pq.write_table(table, path, row_group_size=rows, **plain)
        figures[f"row groups of {rows}, checksums not verified"] = latency_ms(path, verify=False)
        figures[f"row groups of {rows}, checksums verified"] = latency_ms(path, verify=True)
        path.unlink()
    path = folder / "defaults.parquet"
    pq.write_table(table, path)
    figures["pyarrow defaults"] = latency_ms(path, verify=False, num_rows=5)
    path.unlink()
    with (folder / "ours.parquet").open("wb") as sink:
        write_shard(sink, records)
    with ShardReader(folder / "ours.parquet") as reader:
        drawn = np.random.default_rng(1).integers(0, NUM_RECORDS, RANDOM_ROWS).tolist()
        seconds = [timed(partial(reader.read, index), repeats=1)[1] for index in drawn]
    figures["ShardReader (groups of 4, verified, row checked)"] = round(1e3 * statistics.median(seconds), 1)
    return figures


def latency_ms(path: Path, *, verify: bool, num_rows: int = RANDOM_ROWS) -> float:
    """Median time from an index to the row's plain values."""
    file = pq.ParquetFile(path, page_checksum_verification=verify)
    group_rows = file.metadata.row_group(0).num_rows
    drawn = np.random.default_rng(1).integers(0, NUM_RECORDS, num_rows).tolist()

    def read(index: int) -> list[dict[str, Any]]:
        rows = file.read_row_group(index // group_rows).slice(index % group_rows, 1)
        return cast("list[dict[str, Any]]", rows.to_pylist())

    return round(1e3 * statistics.median(timed(partial(read, index), repeats=1)[1] for index in drawn), 1)


def timed(
    work: Callable[[], T], repeats: int = 3, clock: Callable[[], float] = time.perf_counter
) -> tuple[T, float]:
    """Run ``work`` and return its last result and its median time in seconds."""
    seconds = []
    for _ in range(repeats):
        started = clock()
        result = work()
        seconds.append(clock() - started)
    return result, statistics.median(seconds)


if __name__ == "__main__":
    main()
