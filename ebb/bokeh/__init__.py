"""Bokeh: the thin lens, and a layered renderer of the photo a wide aperture would have taken."""
