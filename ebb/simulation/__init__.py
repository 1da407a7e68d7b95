"""Simulation: procedural scenes, a sensor and camera files whose truth is known."""
