"""The dataset on disk: records, shards, splits, index, layouts and card."""
