"""Where handlens keeps its files on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from handlens.errors import StorageError


def home_folder() -> Path:
    """The folder of $HANDLENS_HOME, or else the system's folder for a program's data; it need not exist yet.

    Raises:
        StorageError: it is in the home folder of the user, and the system does not say which one that is.

    Example:
        >>> home_folder().name  # where HANDLENS_HOME names a folder "home"
        'home'
    """
    named = os.environ.get("HANDLENS_HOME")
    try:
        if named:
            return Path(named).expanduser().absolute()
        from platformdirs import user_data_path

        return user_data_path("handlens", appauthor=False)
    except RuntimeError as error:  # the user has no home folder, as in some containers
        raise StorageError(
            f"handlens keeps its files in {named or 'the home folder of the user'}, which the system does not know: "
            "set HANDLENS_HOME to a folder."
        ) from error
