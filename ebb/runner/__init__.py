"""Runners: map a stage over its items; every item becomes a row."""
