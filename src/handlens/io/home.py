"""Where handlens keeps its files on this machine."""

from __future__ import annotations

import os
from pathlib import Path


def home_folder() -> Path:
    """The folder of $HANDLENS_HOME, or else the system's folder for a program's data; it need not exist yet.

    Example:
        >>> home_folder().name  # where HANDLENS_HOME names a folder "home"
        'home'
    """
    named = os.environ.get("HANDLENS_HOME")
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("handlens", appauthor=False)
