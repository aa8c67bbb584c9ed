"""Machines of a cluster of Ray, as processes here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PATIENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_health_check_timeout_ms": "60000"}
"""A machine that is slow, as beside other work, is not taken for one that is gone."""

ALONE = {"include_dashboard": False, "include_log_monitor": False}
"""Without the pages and logs of Ray, whose processes would share the cores with those that are measured."""


@contextmanager
def cluster(machines: int) -> Iterator[Any]:
    """A cluster of machines with a CPU each, which ends with the block."""
    os.environ |= PATIENT
    from ray.cluster_utils import Cluster

    made = Cluster()
    try:
        for _ in range(machines):
            add(made)
        yield made
    finally:
        made.shutdown()


def add(to: Any) -> Any:
    """Add a machine; Ray gives it 30 seconds to start, which may not do beside other work: then again."""
    for _ in range(5):
        try:
            return to.add_node(num_cpus=1, **ALONE)
        except Exception as error:
            print(f"   again: {error}", flush=True)
    return to.add_node(num_cpus=1, **ALONE)
