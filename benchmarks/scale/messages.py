"""What travels to a page when labels change: bytes of the answer and of the event, and how long the answer takes.

Without a browser, and without what a page asks for afterwards: its scores and the maps by label. HTTP headers are not
counted. Processor time stands beside wall time, since other programs slow the latter.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from handlens.studio.labels import Labels
from handlens.studio.server import payloads
from handlens.studio.server.encoding import packed_ids
from handlens.studio.server.schemas.events import LabelsEvent

ACTIONS = 60
LABELLED = 50
"""Photos of each action."""


def run(bench: Any) -> None:
    """Label 50 photos at a time, of 100,000 and of 1,000,000."""
    for photos in (100_000, 1_000_000):
        with tempfile.TemporaryDirectory(prefix="handlens-bench-") as folder:
            labels = Labels(Path(folder) / "labels.sqlite", photos)
            try:
                _label(bench, labels, photos)
            finally:
                labels.close()


def _label(bench: Any, labels: Labels, photos: int) -> None:
    random = np.random.default_rng(0)
    # The payload needs the labels and the groups of duplicates, of which there are none.
    duplicates = SimpleNamespace(gestures=lambda origins: origins.changes)
    collection: Any = SimpleNamespace(parts=SimpleNamespace(labels=labels, duplicates=duplicates), paths=range(photos))
    for i in range(10):
        labels.assign(random.choice(photos, 500, replace=False), f"label {i}")
    wall, cpu, sent, asked, undone = [], [], [], [], []
    for i in range(ACTIONS):
        ids = np.sort(random.choice(photos, LABELLED, replace=False))
        before = labels.version
        began, spent = time.perf_counter(), time.process_time()
        labels.assign(ids, f"label {i % 10}")
        answer = payloads.labels(collection, before)
        text = answer.model_dump_json()
        wall.append(1000 * (time.perf_counter() - began))
        cpu.append(1000 * (time.process_time() - spent))
        event = LabelsEvent(version=answer.version, labels=answer).model_dump_json()
        sent.append(float(len(text) + len(event)))
        asked.append(float(len(packed_ids(ids, photos))))
    for _ in range(10):
        before = labels.version
        labels.undo()
        undone.append(float(len(payloads.labels(collection, before).model_dump_json())))
    of = f"{LABELLED} of {photos:,} photos labelled"
    bench.add(f"{of}: answer and event, most", sent, at_most=2000, unit="B", value=max(sent))
    bench.add(f"{of}: the selection in the request", asked, unit="B")
    bench.add(f"{of}: undone, the answer", undone, unit="B")
    bench.add("   all labels instead, as before", [float(len(payloads.labels(collection).model_dump_json()))], unit="B")
    bench.add(f"{of}: durable and answered, p50", wall, unit="ms")
    slow = float(np.percentile(wall, 95))
    bench.add(f"{of}: durable and answered, p95", wall, at_most=10, unit="ms", value=slow)
    bench.add("   of the processor's time, p95", cpu, unit="ms", value=float(np.percentile(cpu, 95)))
