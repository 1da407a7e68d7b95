"""What several tests build their inputs and their expectations from."""
