"""Scanning a folder: walk it, read what is new or changed, check that it is still what was read."""
