"""How work in the background ended, as its progress says it."""

from __future__ import annotations

from typing import Any

from handlens.errors import Cancelled, HandlensError


def ended_by(error: BaseException, work: str) -> dict[str, Any]:
    """The phase and the sentence for the person after `work`, such as "preparing", was ended by an error."""
    if isinstance(error, Cancelled):
        return {"phase": "cancelled"}
    if isinstance(error, HandlensError):
        return {"phase": "failed", "error": str(error)}
    if isinstance(error, Exception):
        return {"phase": "failed", "error": f"{work} stopped unexpectedly: {error}"}
    return {"phase": "failed"}  # the program itself is being ended
