"""Damaged copies of files, reproducible by seed, as by storage, transfer or attacks."""

from __future__ import annotations

import hashlib
import json
import random
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""What lengths, counts and offsets are replaced by."""

WORDS = (
    *(b"null", b"true", b"-1", b"0", b"1e999", b"NaN", b"[]", b"{}", b'""', b'"\\ud800"', b"2.5"),
    *(b"99999999999999999999", b",", b":", b"[", b"{", b"(", b"\\", b"\0", b"\n"),
)
"""What a part of a text is replaced by."""


def mutants(
    seeds: Sequence[bytes], count: int, seed: int = 0, repair: Callable[[bytes], bytes] | None = None
) -> Iterator[bytes]:
    """Damaged copies of some files.

    Args:
        seeds: Whole files of one kind; each is used in turn, and parts of one may come into another.
        count: How many copies.
        seed: Of the random numbers.
        repair: Corrects the checksums of every second copy, so that what lies behind them is reached.
    """
    rng = random.Random(seed)
    for number in range(count):
        data = bytearray(seeds[number % len(seeds)])
        for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
            if data:
                rng.choice(_WAYS)(data, rng, seeds)
        is_repaired = repair is not None and number // len(seeds) % 2
        yield repair(bytes(data)) if repair and is_repaired else bytes(data)


def repaired_png(data: bytes) -> bytes:
    """A PNG whose chunks have the right checksums; any other file as it is."""
    if not data.startswith(b"\x89PNG"):
        return data
    out, place = bytearray(data), 8
    while place + 12 <= len(data):
        stop = place + 8 + int.from_bytes(data[place : place + 4], "big")
        if stop + 4 > len(data):
            break
        out[stop : stop + 4] = zlib.crc32(data[place + 4 : stop]).to_bytes(4, "big")
        place = stop + 4
    return bytes(out)


def repaired_json(key: str) -> Callable[[bytes], bytes]:
    """Make the hash over the rest of a JSON object, stored under ``key``, right again."""

    def repair(data: bytes) -> bytes:
        try:
            values = json.loads(data)
            values.pop(key)
            text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            values[key] = hashlib.sha256(text.encode()).hexdigest()
            return json.dumps(values).encode()
        except (ValueError, LookupError, AttributeError, TypeError):
            return data

    return repair


def _flip(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _overwrite(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    data[_place(data, rng)] = rng.randrange(256)


def _number(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    """Replace an integer of 2, 4 or 8 bytes, in one of the two orders."""
    width, order = rng.choice((2, 4, 4, 8)), rng.choice(("little", "big"))
    place = _place(data, rng)
    value = rng.choice(NUMBERS) & ((1 << 8 * width) - 1)
    data[place : place + width] = value.to_bytes(width, order)  # type: ignore[arg-type]


def _cut(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    del data[_place(data, rng) :]


def _remove(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    place = _place(data, rng)
    del data[place : place + rng.randrange(1, 64)]


def _repeat(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    place = _place(data, rng)
    part = bytes(data[place : place + rng.randrange(1, 64)])
    data[place:place] = part * rng.choice((1, 2, 50))


def _zero(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    """A sector that was not written."""
    place = _place(data, rng)
    stop = min(len(data), place + rng.choice((16, 512, 4096)))
    data[place:stop] = bytes(stop - place)


def _word(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    place = _place(data, rng)
    data[place : place + rng.randrange(6)] = rng.choice(WORDS)


def _splice(data: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    """A part of another file at the same place."""
    other = rng.choice(seeds)
    place = _place(data, rng)
    length = rng.randrange(1, 256)
    data[place : place + length] = other[place : place + length]


_WAYS: Sequence[Callable[[bytearray, random.Random, Sequence[bytes]], None]] = (
    *(_flip, _flip, _overwrite, _number, _number),
    *(_cut, _remove, _repeat, _zero, _word, _splice),
)


def _place(data: bytearray, rng: random.Random) -> int:
    """A byte of a file; headers, at both ends, more often than what lies between."""
    last = len(data) - 1
    near = min(last, int(rng.expovariate(1 / 64)))
    return rng.choice((near, last - near, rng.randint(0, last), rng.randint(0, last)))
