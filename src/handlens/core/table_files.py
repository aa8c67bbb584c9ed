"""Tables from files of the usual kinds."""

from __future__ import annotations

import zlib
from pathlib import Path

import pandas as pd

from handlens.errors import TableError


def read_table(file: Path | str) -> pd.DataFrame:
    """The rows of a .csv, .csv.gz or .parquet file; raises TableError if it is none of these or cannot be read."""
    path = Path(file)
    name = path.name.lower()
    try:
        if name.endswith((".csv", ".csv.gz")):
            # In one piece: a column's type must not depend on where a large file happens to be cut.
            return pd.read_csv(path, low_memory=False)
        if name.endswith(".parquet"):
            return pd.read_parquet(path)
    except FileNotFoundError:
        raise TableError(f"there is no file {path}") from None
    except (OSError, ValueError, EOFError, zlib.error) as error:  # pandas' and Arrow's own errors are ValueErrors
        raise TableError(f"{path} cannot be read as a table: {error}") from error
    raise TableError(f"a table must be a .csv, .csv.gz or .parquet file; {path.name} arrived")
