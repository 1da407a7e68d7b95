"""Photos: EXIF, pairing, decoding and resampling."""
