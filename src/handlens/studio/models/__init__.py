"""The models of a collection, all behind one protocol: the quick model and the fine-tuned network."""
