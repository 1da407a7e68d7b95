"""Runners: map a stage over its items; every item ends as a row."""
