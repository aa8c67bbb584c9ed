"""Collections that stand on shards: a sample of millions of embedded photos, and searches of them all."""
