"""Formats: bytes of TIFF, JPEG, PNG, HEIF and NPY files read and written; no formula of photography."""
