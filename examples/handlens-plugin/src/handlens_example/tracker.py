"""A tracker: one line of JSON in a file for each epoch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from handlens.core.events import Callback

if TYPE_CHECKING:
    from handlens.core.learner import Learner


class Lines(Callback):
    """Write each epoch to the end of a file."""

    def __init__(self, file: Path | str) -> None:
        self.file = Path(file)

    def after_epoch(self, learn: Learner) -> None:
        """Called when an epoch is on record."""
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(learn.recorder.row) + "\n")
