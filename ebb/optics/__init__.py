"""Optics: a thin-lens camera with known truth."""
