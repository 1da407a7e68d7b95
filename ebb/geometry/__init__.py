"""Geometry: homographies, motion models and the common crop."""
