"""Memory usage of this process and available memory of the machine."""

from __future__ import annotations

import contextlib
import ctypes
from pathlib import Path

PROCESS, MACHINE = Path("/proc/self/status"), Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")
"""Memory limits and usage of a container on Linux."""


def peak_bytes() -> int:
    """Peak resident memory of this process in bytes.

    On Linux it is read from /proc, as ``getrusage`` includes the parent process before ``exec``.
    """
    if PROCESS.exists():
        return _field(PROCESS, "VmHWM")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS: in bytes


def free_bytes() -> int | None:
    """Available memory in bytes, without swap, within the limit of a container; None if unknown."""
    if not MACHINE.exists():
        return None
    free = _field(MACHINE, "MemAvailable")
    with contextlib.suppress(OSError, ValueError):  # not in a container, or without a limit ("max")
        limit, taken = (int((GROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        free = min(free, max(0, limit - taken + _given_up()))
    return free


def _given_up() -> int:
    """Reclaimable page cache of a container in bytes, which counts as used."""
    with contextlib.suppress(OSError):
        values = dict(line.split() for line in (GROUP / "memory.stat").read_text().splitlines())
        return int(values.get("inactive_file", 0))
    return 0


def give_back() -> None:
    """Return freed memory to the system; glibc otherwise keeps gigabytes after a conversion."""
    with contextlib.suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


def _field(path: Path, name: str) -> int:
    """Value in bytes of a line such as ``VmHWM:  1234 kB``."""
    return 1024 * int(path.read_text(encoding="ascii").partition(f"{name}:")[2].split()[0])
