"""Quality: measurements of a pair and the gates that reject it."""
