"""Masks of the subject of a photo: from its depth, its colours, a network, or files."""
