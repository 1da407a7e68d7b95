"""Suffixes of photo files."""

from __future__ import annotations

from ebb.formats.heif import HEIF_SUFFIXES

OTHER_RAW_SUFFIXES = frozenset(
    {
        *(".3fr", ".cap", ".crw", ".dcr", ".erf", ".fff", ".gpr", ".iiq", ".kdc", ".mef", ".mos", ".mrw"),
        *(".nrw", ".pef", ".raw", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
    }
)
"""RAW formats that have not been tested with ebb but may be supported by LibRaw."""

RAW_SUFFIXES = OTHER_RAW_SUFFIXES | {".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".dng"}
"""Formats developed by LibRaw; other readers would return the embedded thumbnail."""

PHOTO_SUFFIXES = RAW_SUFFIXES | HEIF_SUFFIXES | {".jpg", ".jpeg", ".tif", ".tiff", ".png"}
"""Suffixes of all supported captures, in lower case, with the dot."""
