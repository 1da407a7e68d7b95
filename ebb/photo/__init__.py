"""Camera files: EXIF, pairing, decoding, colour conversion and resampling."""
