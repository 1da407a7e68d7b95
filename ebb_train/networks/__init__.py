"""Networks from a photo to a picture with bokeh, one file each."""
