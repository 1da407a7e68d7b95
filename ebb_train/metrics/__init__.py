"""Metrics of rendered photos: named protocols, LPIPS, regions, and means with confidence intervals."""
