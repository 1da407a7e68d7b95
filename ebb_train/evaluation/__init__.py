"""Evaluation: predictions on disk, scores for each pair, tables and pages."""
