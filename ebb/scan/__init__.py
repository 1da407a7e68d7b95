"""Scan a folder: walk it, read new and changed files, and check later that they are unchanged."""
