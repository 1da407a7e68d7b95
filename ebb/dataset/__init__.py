"""The dataset on disk: records, shards, splits, folder layouts, card."""
