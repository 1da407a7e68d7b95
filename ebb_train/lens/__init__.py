"""The small network that repairs the layered renderer where depth is wrong, and the scenes it learns from."""
