"""Memory that is free, returned to the system."""

from __future__ import annotations

import ctypes


def release_memory() -> None:
    """Return free memory that the allocator of glibc keeps for later; on other systems nothing happens.

    After a network has run, this can be hundreds of megabytes, and a server keeps running.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError, TypeError):
        return
