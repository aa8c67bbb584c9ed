"""Events of a training run, and callbacks: small classes that act when one happens.

A run goes through these events, in this order:

    before_fit                      once; the optimizer is there
      before_epoch                  the model is in training mode
        before_batch                run.inputs and run.targets are there and may be replaced
        after_loss                  run.outputs and run.loss are there; run.loss may be replaced
        after_backward              the gradients are there (learn.optimizer.params hold them) and may be changed
        after_step                  the parameters have changed; the gradients are zero again
      before_validate               the epoch's batches are done; the model is still in training mode
      after_epoch                   the epoch is validated and recorded: learn.recorder.row
    after_fit                       always, also after an error or an interruption

An event costs nothing unless a callback has a method of its name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from handlens.core.checks import listed
from handlens.errors import TrainingError

__all__ = ["EVENTS", "Callback", "StopTraining"]

EVENTS = (
    "before_fit",
    "before_epoch",
    "before_batch",
    "after_loss",
    "after_backward",
    "after_step",
    "before_validate",
    "after_epoch",
    "after_fit",
)

OF_THE_COURSE = {
    "on_train_begin": "before_fit",
    "on_epoch_begin": "before_epoch",
    "on_batch_begin": "before_batch",
    "on_loss_begin": "after_loss",
    "on_backward_begin": "after_loss",
    "on_backward_end": "after_backward",
    "on_step_end": "after_step",
    "on_batch_end": "after_step",
    "on_epoch_end": "after_epoch",
    "on_train_end": "after_fit",
    "jump_to_epoch": "before_epoch",
}
"""The events of the course's library (fastai 1), and what to use in the place of each."""

EPOCH_EVENTS = frozenset(("before_fit", "before_epoch", "before_validate", "after_epoch", "after_fit"))


class StopTraining(Exception):
    """A callback raises it to end the run early without an error; the current epoch is not validated.

    Example:
        >>> class StopAt(Callback):
        ...     def after_step(self, learn):
        ...         if learn.run.step == 100:
        ...             raise StopTraining
    """


class Callback:
    """Something that acts during training: a subclass has methods named after the events it wants.

    Each is called with the learner; `learn.run` is the state of the run (epoch, step, inputs, targets, outputs, loss).
    A method may raise StopTraining; in `after_epoch` the other callbacks see the epoch too before the run ends.

    Example:
        >>> class CountSteps(Callback):
        ...     steps = 0
        ...
        ...     def after_step(self, learn):
        ...         self.steps += 1
        >>> list(CountSteps().handlers())
        ['after_step']
    """

    order = 0
    """Callbacks of a higher order act after those of a lower one, and otherwise as they are given."""

    def handlers(self) -> dict[str, Callable[[Any], None]]:
        """The methods of this callback by the event they are for.

        Raises:
            TrainingError: a method is named like an event but is not one, as a misspelt one would be, or like one of
                fastai 1.
        """
        older = [name for name in OF_THE_COURSE if callable(getattr(self, name, None))]
        if older:
            raise TrainingError(
                f"{type(self).__name__}.{older[0]} is an event of fastai 1; here it is {OF_THE_COURSE[older[0]]}(self, "
                "learn). What happens is in learn.run: epoch, step, inputs, targets, outputs and loss."
            )
        misspelt = [
            name
            for name in dir(type(self))
            if name.startswith(("before_", "after_")) and name not in EVENTS and callable(getattr(self, name))
        ]
        if misspelt:
            raise TrainingError(
                f"{type(self).__name__}.{misspelt[0]} is not an event; the events are {', '.join(EVENTS)}."
            )
        return {event: getattr(self, event) for event in EVENTS if hasattr(self, event)}


def listed_callbacks(callbacks: Callback | Sequence[Callback] | None) -> list[Callback]:
    """Callbacks as a list, of one or several, or None.

    Raises:
        TrainingError: they are something else, or have methods that are not those of events here.
    """
    given = [] if callbacks is None else [callbacks] if isinstance(callbacks, Callback) else callbacks
    found = listed(given, "callbacks", "[EarlyStopping()]", TrainingError)
    for one in found:
        if not isinstance(one, Callback):
            raise TrainingError(
                f"callbacks must be made of Callback classes, such as EarlyStopping(); {one!r} arrived."
            )
        one.handlers()
    return found


class Events:
    """Calls the callbacks of a run when an event happens.

    Args:
        learn: what each method is called with.
        callbacks: in any order; they are called by their `order`.
        heard: the events that are passed on; other events do nothing.
    """

    def __init__(self, learn: Any, callbacks: Sequence[Callback], heard: Collection[str] = EVENTS) -> None:
        found = [callback.handlers() for callback in sorted(callbacks, key=lambda callback: callback.order)]
        self._learn = learn
        self._handlers = {
            event: [handlers[event] for handlers in found if event in handlers and event in heard] for event in EVENTS
        }

    def call(self, event: str) -> None:
        """Call the methods for this event, until one raises."""
        for handle in self._handlers[event]:
            handle(self._learn)

    def call_all(self, event: str) -> None:
        """Call every method for this event; if one of them raised StopTraining, raise it after the last."""
        stop = None
        for handle in self._handlers[event]:
            try:
                handle(self._learn)
            except StopTraining as error:
                stop = error
        if stop:
            raise stop
