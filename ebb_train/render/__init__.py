"""Bokeh for any photo: from a camera file to a picture file."""
