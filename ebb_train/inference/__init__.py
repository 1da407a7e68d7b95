"""Inference: whole photos through a network, from camera file to picture file."""
