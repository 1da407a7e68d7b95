"""Training: one level, all levels in turn, and what survives a kill."""
