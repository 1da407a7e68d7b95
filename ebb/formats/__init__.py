"""File formats: reading and writing of the bytes of TIFF, JPEG, PNG, HEIF, NPY and Parquet files."""
