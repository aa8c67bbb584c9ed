"""What the system refuses, in one wording."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, ENOSPC

from handlens.errors import StorageError

_FULL_ON_WINDOWS = (39, 112)  # ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL
_FULL_IN_SQLITE = 13
_OPEN_ON_WINDOWS = (32, 33)  # ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION


def is_disk_full(error: BaseException) -> bool:
    """Whether an error of the system, of SQLite or of a library that wraps them says that there is no room left."""
    if getattr(error, "sqlite_errorcode", None) == _FULL_IN_SQLITE:
        return True
    return getattr(error, "errno", None) in (ENOSPC, EDQUOT) or getattr(error, "winerror", None) in _FULL_ON_WINDOWS


def reason_of(error: BaseException) -> str:
    """Why something failed, as a clause without a full stop, for a sentence that goes on.

    Example:
        >>> reason_of(OSError(28, "No space left on device"))
        'the disk is full'
        >>> reason_of(PermissionError(13, "Permission denied"))
        'Permission denied'
    """
    if is_disk_full(error):
        return "the disk is full"
    if getattr(error, "winerror", None) in _OPEN_ON_WINDOWS:
        return "another program has it open"
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")


def storage_error(what: object, error: BaseException, advice: str = "Make room or check the disk.") -> StorageError:
    """The StorageError that says what could not be written, why, and what to do.

    Example:
        >>> print(storage_error("labels.csv", OSError(28, "No space left on device")))
        labels.csv could not be written: the disk is full. Make room or check the disk.
    """
    return StorageError(f"{what} could not be written: {reason_of(error)}. {advice}")


@contextmanager
def reporting_disk_errors(what: object, advice: str = "Make room or check the disk.") -> Iterator[None]:
    """Raise each OSError of the block as `storage_error(what, error, advice)`."""
    try:
        yield
    except OSError as error:
        raise storage_error(what, error, advice) from error
