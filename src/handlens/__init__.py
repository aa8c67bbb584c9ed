"""handlens: from raw pictures or a raw table to labels, a model and an honest account of it."""

import os

__all__ = ["__version__"]

__version__ = "0.1.0"

# We compute while a browser draws and other threads decode photos. OpenMP's threads spin while they wait unless
# told otherwise before torch is loaded: next to other work on two cores that made preparing five times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
