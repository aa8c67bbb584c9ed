"""How things are read, written, locked, fetched and kept whole."""
