"""Public Python interface of ``ebb``: functions on paths and arrays, used by neither stages nor commands."""
