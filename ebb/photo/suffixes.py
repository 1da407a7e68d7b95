"""Endings of the files that can hold a photo."""

from __future__ import annotations

from ebb.formats.heif import HEIF_SUFFIXES

OTHER_RAW_SUFFIXES = frozenset(
    {
        *(".3fr", ".cap", ".crw", ".dcr", ".erf", ".fff", ".gpr", ".iiq", ".kdc", ".mef", ".mos", ".mrw"),
        *(".nrw", ".pef", ".raw", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
    }
)
"""Files of cameras with which ebb was never tried: what LibRaw can read of them is used."""

RAW_SUFFIXES = OTHER_RAW_SUFFIXES | {".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".dng"}
"""Files that LibRaw develops; any other reader shows their thumbnail."""

PHOTO_SUFFIXES = RAW_SUFFIXES | HEIF_SUFFIXES | {".jpg", ".jpeg", ".tif", ".tiff", ".png"}
"""Every file that can be a capture; lower case, with the dot."""
