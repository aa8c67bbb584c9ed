"""Files on this machine and in buckets, opened in one way; what may pass is tried again."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from handlens.errors import HandlensError, PhotoError, ShardError
from handlens.io.problems import reason_of
from handlens.studio.photo_sources.addresses import scheme_of

PAUSES = (0.5, 2.0, 8.0)
"""Seconds before a bucket is asked again."""

LARGEST_PHOTO = 2**30
"""Bytes of one photo's file."""

_Found = TypeVar("_Found")


def open_address(address: str) -> BinaryIO:
    """Open a file for reading, of this machine or of a bucket, from which only what is read is fetched.

    Raises:
        ShardError: the bucket cannot be reached, or does not let this machine read it.
        OSError: a file of this machine cannot be opened.
    """
    if not scheme_of(address):
        return Path(address).open("rb")
    return patiently(address, lambda: _bucket(address).open(address, "rb"))


def read_address(address: str) -> bytes:
    """The bytes of one photo in a bucket.

    Raises:
        PhotoError: there is no such file, or it is too large.
        ShardError: the bucket cannot be reached.
    """

    def read() -> bytes:
        with _bucket(address).open(address, "rb", cache_type="none") as file:
            return bytes(file.read(LARGEST_PHOTO + 1))

    data = patiently(address, read)
    if len(data) > LARGEST_PHOTO:
        raise PhotoError(TOO_LARGE)
    return data


TOO_LARGE = f"larger than {LARGEST_PHOTO // 2**30} GB"


def patiently(address: str, ask: Callable[[], _Found]) -> _Found:
    """Ask something of a bucket, again after a while if the network or the service fails.

    Raises:
        PhotoError: there is no such file.
        ShardError: it may not be read, or it still fails.
    """
    for pause in (*PAUSES, None):
        try:
            return ask()
        except FileNotFoundError as error:
            raise PhotoError("there is no such file any more") from error
        except HandlensError:
            raise
        except Exception as error:  # of nearly any type: each service has its own
            if pause is None or not _may_pass(error):
                raise _unreachable(address, error) from error
        time.sleep(pause)
    raise AssertionError("the last time returns or raises")


def _may_pass(error: Exception) -> bool:
    """Whether the same question may be answered later: not if this machine may not ask it."""
    return not isinstance(error, PermissionError) and "redentials" not in f"{type(error).__name__} {error}"


def _unreachable(address: str, error: Exception) -> ShardError:
    reason = (reason_of(error).strip().splitlines() or [type(error).__name__])[0]
    return ShardError(
        f"{address} cannot be read ({reason.rstrip('.')}). Check the address, the network, and that this machine has "
        "credentials for it; then run the same command again: what is embedded stays."
    )


def _bucket(address: str) -> Any:
    return _file_system(scheme_of(address) or "")


@lru_cache(maxsize=8)
def _file_system(scheme: str) -> Any:
    try:
        import fsspec

        return fsspec.filesystem(scheme)
    except ImportError as error:
        raise ShardError(
            f"{scheme}:// addresses need a library that is not installed: pip install 'handlens[cloud]'."
        ) from error
