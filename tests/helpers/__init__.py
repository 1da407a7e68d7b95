"""Inputs and references shared by several tests."""
