"""Visible faults of rendered pictures, found without the true photo."""
