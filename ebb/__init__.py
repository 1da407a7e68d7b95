"""Paired bokeh data sets from camera files: ingest, align, depth, shard."""

__version__ = "0.1.0"
