"""Reports: pages, pictures and texts about a dataset folder."""
