"""Geometry: keypoints, matches, motion, common crop."""
