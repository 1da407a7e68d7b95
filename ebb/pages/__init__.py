"""HTML pages in single files that fetch nothing."""
