"""Homographies, motion models and the common crop."""
