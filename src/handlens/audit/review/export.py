"""The event log as a file for other programs: CSV, or JSON with a line for each event."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from handlens.errors import AuditError
from handlens.io.files import atomic_write


def write_log(log: pd.DataFrame, path: Path | str) -> None:
    """Write the frame of `ReviewQueue.log` as .csv, or as .jsonl.

    Raises:
        AuditError: the name does not end in .csv or .jsonl.
        StorageError: the file cannot be written.
    """
    target = Path(path)
    if target.suffix not in (".csv", ".jsonl"):
        raise AuditError(f"path must end in .csv or .jsonl; {target.name} arrived.")
    with atomic_write(target) as partial:
        if target.suffix == ".csv":
            log.to_csv(partial, index=False)
        else:
            lines = (row | {"body": json.loads(row["body"])} for row in log.to_dict("records"))
            written = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            partial.write_text(written, encoding="utf-8")
