"""Embedded photos as shards: the features of every layer, thumbnails and paths of millions of photos."""

from handlens.scale.manifest import LayerFacts, ShardEntry, ShardManifest
from handlens.scale.shard_set import ShardSet
from handlens.scale.shards import LeftOutPhoto, Shard

__all__ = ["LayerFacts", "LeftOutPhoto", "Shard", "ShardEntry", "ShardManifest", "ShardSet"]
