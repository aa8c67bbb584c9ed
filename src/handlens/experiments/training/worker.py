"""A process of a study, started by `Study.run(…, jobs=2)`: it reads its order from its input and trains.

When its input is closed, because the process that started it stops or has died, it stops as if interrupted by Ctrl-C.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from io import TextIOBase


class Nowhere(TextIOBase):
    """A text stream that keeps nothing: what runs print is in their logs."""

    def write(self, text: str) -> int:
        return len(text)


def main() -> int:
    size = int.from_bytes(sys.stdin.buffer.read(8), "little")
    data = sys.stdin.buffer.read(size)
    threading.Thread(target=_stop_at_end, daemon=True).start()
    real, sys.stdout, sys.stderr = sys.stderr, Nowhere(), Nowhere()
    try:
        from handlens.errors import HandlensError
        from handlens.experiments.training.orders import AT_WORK, REFUSED, Order

        try:
            worker = Order.unpacked(data).worker()
            print(AT_WORK, file=real, flush=True)
            worker.work()
        except HandlensError as error:
            print(error, file=real, flush=True)
            return REFUSED
    except KeyboardInterrupt:
        return 0
    finally:
        sys.stderr = real
    return 0


def _stop_at_end() -> None:
    while os.read(0, 1):  # not through sys.stdin, whose lock would keep the process from ending
        pass
    if sys.platform == "win32":
        _thread.interrupt_main()
    else:
        os.kill(os.getpid(), signal.SIGINT)  # which ends a wait, too


if __name__ == "__main__":
    sys.exit(main())
