"""Embedded photos as shards: the features of every layer, thumbnails and paths of millions of photos."""

from handlens.scale.manifest import LayerFacts, Manifest, ShardEntry
from handlens.scale.shard_set import ShardSet
from handlens.scale.shards import LeftOutPhoto, Shard

__all__ = ["LayerFacts", "LeftOutPhoto", "Manifest", "Shard", "ShardEntry", "ShardSet"]
