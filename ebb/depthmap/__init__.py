"""Depth maps: sources, and the 8-bit encoding."""
