"""Endings of the files that can hold a photo."""

from __future__ import annotations

from ebb.formats.heif import HEIF_SUFFIXES

RAW_SUFFIXES = frozenset({".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".dng"})
"""Files that LibRaw develops; any other reader shows their thumbnail."""

PHOTO_SUFFIXES = RAW_SUFFIXES | HEIF_SUFFIXES | {".jpg", ".jpeg", ".tif", ".tiff", ".png"}
"""Every file that can be a capture; lower case, with the dot."""
