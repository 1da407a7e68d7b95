"""From shards, or an EBB! folder, to the batches a network is trained on."""
