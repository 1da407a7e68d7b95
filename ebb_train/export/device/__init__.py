"""Phones: how fast a file runs on them."""
