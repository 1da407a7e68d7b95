"""Train, evaluate and export bokeh networks on the shards that ``ebb`` makes."""

from ebb import __version__ as __version__

__all__: list[str] = []
