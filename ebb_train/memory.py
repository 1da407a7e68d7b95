"""Memory of this process and of the machine."""

from __future__ import annotations

import contextlib
import ctypes
from pathlib import Path

PROCESS, MACHINE = Path("/proc/self/status"), Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")
"""Where Linux says how much a container may have and has."""


def peak_bytes() -> int:
    """Most memory this process had resident since it started its program.

    On Linux from /proc: ``getrusage`` there starts from what the parent process had.
    """
    if PROCESS.exists():
        return _field(PROCESS, "VmHWM")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS: in bytes


def free_bytes() -> int | None:
    """Memory still available to programs, without swap, within the limit of a container; None if unknown."""
    if not MACHINE.exists():
        return None
    free = _field(MACHINE, "MemAvailable")
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit ("max")
        limit, taken = (int((GROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        free = min(free, max(0, limit - taken + _given_up()))
    return free


def _given_up() -> int:
    """Copies of files that a container would give up for programs; they count as taken."""
    with contextlib.suppress(OSError):
        values = dict(line.split() for line in (GROUP / "memory.stat").read_text().splitlines())
        return int(values.get("inactive_file", 0))
    return 0


def give_back() -> None:
    """Give memory that was freed back to the system; glibc keeps it, gigabytes after a conversion."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def _field(path: Path, name: str) -> int:
    """A line such as ``VmHWM:  1234 kB``, in bytes."""
    return 1024 * int(path.read_text(encoding="ascii").partition(f"{name}:")[2].split()[0])
