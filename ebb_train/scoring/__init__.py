"""From pictures to numbers: predictions on disk, scored many times, a row for each pair."""
