"""Baselines: every model that predicts a shallow photo from a wide one, one file each."""
