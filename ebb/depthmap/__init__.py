"""Depth maps: providers and their 8-bit encoding."""
