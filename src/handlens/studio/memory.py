"""Memory that was freed, given back to the system."""

from __future__ import annotations

import ctypes


def release_memory() -> None:
    """Return the memory that the allocator holds for later, where it is glibc's; elsewhere nothing happens.

    Networks leave hundreds of megabytes of it behind, and a server keeps running long after them.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError, TypeError):
        return
