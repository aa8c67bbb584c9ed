"""Maps of UMAP and PaCMAP, for `benchmarks/scale.py --only neighbours`; run it in an environment of their own.

    pip install umap-learn pacmap
    python benchmarks/peers/maps.py WORK/components.npy

It reads the principal components [n, 50] that the benchmark leaves in its `--work`, and writes `umap.npy` and
`pacmap.npy`, [n, 2], beside them; the benchmark, started again, measures these too. Both take their default options.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pacmap
import umap


def main(components: Path) -> None:
    """Write both maps, and print how long each took."""
    z = np.load(components)
    for name, peer in (("umap", umap.UMAP()), ("pacmap", pacmap.PaCMAP())):
        wall, cpu = time.perf_counter(), time.process_time()
        np.save(components.with_name(f"{name}.npy"), np.asarray(peer.fit_transform(z), np.float32))
        print(f"{name}: {time.perf_counter() - wall:.0f} s, {time.process_time() - cpu:.0f} s of processor time")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
