"""Synthetic bokeh: thin-lens model and layered renderer."""
