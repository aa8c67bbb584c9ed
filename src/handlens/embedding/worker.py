"""A process of the engine `local`: reads numbers of units from its input, one a line, and answers each by a line."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from queue import SimpleQueue

from handlens.embedding.work import class_of
from handlens.errors import HandlensError


def main() -> None:
    """Work until the input ends, as it does when the driver ends, however it does."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is not an answer
    units: SimpleQueue[int] = SimpleQueue()
    threading.Thread(target=_listen, args=(units,), daemon=True).start()
    out, threads, work = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

    def answer(**said: object) -> None:
        answers.write(json.dumps(said) + "\n")
        answers.flush()

    try:
        stage = class_of(work)(out, threads=threads)
        answer(ready=True)
        while True:
            answer(**stage.run(units.get())._asdict())
    except HandlensError as error:
        answer(error=str(error))


def _listen(units: SimpleQueue[int]) -> None:
    for line in sys.stdin:
        units.put(int(line))
    os._exit(0)  # all that is written is written whole or not at all


if __name__ == "__main__":
    main()
