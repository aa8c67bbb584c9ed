"""Work that only one process may do at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handlens.errors import HandlensError
from handlens.io.problems import storage_error


@contextmanager
def process_lock(file: Path, *, busy: HandlensError | None = None) -> Iterator[None]:
    """Hold a lock that only one process, and one thread of it, can hold; the system releases it however they end.

    Args:
        file: the lock; it and its folder are made if they are not there. What the file holds does not matter, and
            it stays where it is afterwards.
        busy: raised at once if another process or thread holds the lock. Without it, the call waits.

    Raises:
        StorageError: the file cannot be made or locked.

    Example:
        >>> with process_lock(Path("work.lock")):
        ...     print("only this process is here")
        only this process is here
    """
    import filelock

    # Not bound to a thread: a lock may be released by another thread than the one that acquired it.
    lock = filelock.FileLock(file, thread_local=False)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=-1 if busy is None else 0)
    except filelock.Timeout as error:
        assert busy is not None  # only what does not wait can time out
        raise busy from error
    except (OSError, NotImplementedError) as error:
        raise storage_error(f"the lock {file}", error) from error
    try:
        yield
    finally:
        lock.release()
