"""Pages to look at: one file each, no request to anywhere."""
