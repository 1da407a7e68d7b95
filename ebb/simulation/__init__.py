"""Simulation of camera files with ground truth: procedural scenes, optics and sensor."""
