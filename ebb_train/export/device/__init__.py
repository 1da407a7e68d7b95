"""Measurements on phones."""
