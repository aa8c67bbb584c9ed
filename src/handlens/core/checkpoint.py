"""Checkpoint: a training run that was killed continues where it stopped, with the same result."""

from __future__ import annotations

import hashlib
import random
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from handlens.core.artifact import load_artifact, part_of, save_artifact
from handlens.core.callbacks import Callback
from handlens.errors import ArtifactError, TrainingError
from handlens.io.files import remove_folder, restore_folder
from handlens.io.locks import process_lock
from handlens.io.problems import reason_of

if TYPE_CHECKING:
    from pathlib import Path

    from handlens.core.learner import Learner

KIND = "training-checkpoint"


class Checkpoint(Callback):
    """Save the whole state of the run after each epoch, and continue from it when the same call is made again.

        learn.fit_one_cycle(5, 1e-3, callbacks=[Checkpoint("rossmann")])

    If the process dies in epoch 4, the same script continues with epoch 4 and ends with the same model, bit for bit
    on the same machine: parameters, optimizer, schedule, records and random numbers are restored. A run of several
    processes may continue in more or fewer of them. A run that ends removes its checkpoint. It is the folder
    `name` in `learn.model_dir`, which is models below the learner's path.

    Args:
        name: of the folder that holds the checkpoint.

    Raises:
        TrainingError: (when training starts) the checkpoint there is of another run: other epochs, rates, batches,
            targets, seed, model, dropout, loss, optimizer or metrics; or another training is using it.

    Example:
        >>> import pandas as pd
        >>> from handlens.tabular import TabularList, tabular_learner
        >>> df = pd.DataFrame({"x": [0.0, 1, 2, 3, 4, 5], "y": [0.0, 2, 4, 6, 8, 10]})
        >>> labelled = TabularList.from_df(df, cont_names=["x"]).split_by_idx([4, 5]).label_from_df("y")
        >>> learn = tabular_learner(labelled.databunch(bs=2), layers=[4], seed=0)
        >>> class Interrupt(Callback):
        ...     def before_epoch(self, learn):
        ...         if learn.run.epoch == 1:
        ...             raise RuntimeError("the power failed")
        >>> learn.fit(2, 0.1, seed=0, callbacks=[Checkpoint("run"), Interrupt()])
        Traceback (most recent call last):
        RuntimeError: the power failed
        >>> learn.fit(2, 0.1, seed=0, callbacks=[Checkpoint("run")])
        continuing after epoch 1 of 2, from ...run
        epoch  train_loss  valid_loss  time
        2      ...
    """

    order = 1  # after other callbacks, which may save something of the epoch that a resumed run needs

    def __init__(self, name: str = "checkpoint") -> None:
        self.name = name
        self.folder: Path | None = None  # of the current run
        self._run = ""  # what tells the current run from others, by what it began with
        self._lock = ExitStack()

    def before_fit(self, learn: Learner) -> None:
        self.folder = None  # the checkpoint of another run stays
        learn.check_can_save(self.name)
        # Processes that train together, perhaps on several machines, have one checkpoint, and one lock.
        learn.processes.first(lambda: self._acquire(learn.model_path(self.name)))
        self.resume(learn)

    def _acquire(self, folder: Path) -> None:
        busy = TrainingError(
            f"another training is using the checkpoint {folder} now. Wait for it or stop it, or give this run's "
            "Checkpoint another name."
        )
        self._lock.enter_context(process_lock(folder.with_name(f".{folder.name}.lock"), busy=busy))

    def resume(self, learn: Learner) -> None:
        """Continue from the checkpoint if there is one, for a caller that keeps other trainings away from it."""
        run, folder = learn.run, learn.model_path(self.name)
        self._run = _fingerprint(learn)
        found = learn.processes.first(lambda: self._read(learn, folder))
        if found is not None:
            self._restore(learn, folder, *found)
            print(f"continuing after epoch {run.epoch} of {run.epochs}, from {folder}")
        self.folder = folder

    def _read(self, learn: Learner, folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
        restore_folder(folder)
        if not folder.exists():
            return None
        config, tensors = load_artifact(folder, KIND, finite=False)  # the losses of a run may be NaN
        if config.get("run") not in (self._run, _fingerprint(learn, linear=False)):
            raise TrainingError(
                f"{folder} holds the state of another run (other epochs, rates, batches, targets, seed, model, "
                "dropout, loss, optimizer or metrics). To start again, remove that folder, or give this run's "
                "Checkpoint another name."
            )
        return config, tensors

    def _restore(self, learn: Learner, folder: Path, config: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        run = learn.run
        try:
            learn.model.load_state_dict(part_of(tensors, "model."))
            learn.optimizer.restore(part_of(tensors, "optimizer."))
            learn.recorder.restore(config["records"], tensors["losses"])
            run.epoch, run.step = int(config["epoch"]), int(config["step"])
            _restore_random(config["python_random"], tensors, learn.data.device)
        except (LookupError, TypeError, ValueError, RuntimeError, OverflowError) as error:
            raise ArtifactError(f"{folder} is damaged ({reason_of(error)}); remove it to start again.") from error

    def after_epoch(self, learn: Learner) -> None:
        run = learn.run
        records, losses = learn.recorder.state()
        tensors = {"losses": losses, **_random_state(learn.data.device)}
        tensors |= {f"model.{name}": value for name, value in learn.model.state_dict().items()}
        tensors |= {f"optimizer.{name}": value for name, value in learn.optimizer.state().items()}
        version, words, gauss = random.getstate()
        config = {
            "run": self._run,
            "epoch": run.epoch + 1,
            "step": run.step,
            "records": records,
            "python_random": [version, list(words), gauss],
        }
        with learn.writing():
            learn.processes.first(lambda: save_artifact(learn.model_path(self.name), KIND, config, tensors))

    def after_fit(self, learn: Learner) -> None:
        folder = self.folder
        with self._lock:  # which is released here
            if learn.run.complete and folder is not None:
                learn.processes.first(lambda: remove_folder(folder) if folder.exists() else None)


def _fingerprint(learn: Learner, *, linear: bool = True) -> str:
    """What tells one run from another; without `linear` as it was before models of tables had a linear part."""
    run = learn.run
    tensors = learn.model.state_dict().items()
    shapes = [(name, tuple(value.shape)) for name, value in tensors if linear or not name.startswith("linear.")]
    parts = (run.epochs, len(learn.data.train_dl), run.wd, run.schedule.rates.tobytes(), run.schedule.momenta.tobytes())
    drops = [
        (name, part.p) for name, part in learn.model.named_modules() if isinstance(getattr(part, "p", None), float)
    ]
    config = getattr(learn.model, "config", None)
    loss_func = learn.loss_func
    if not linear and config is not None and config.get("linear"):
        config = {name: value for name, value in config.items() if name != "linear"}
        loss_func = learn.data.y.loss_func
    loss = getattr(loss_func, "__qualname__", type(loss_func).__qualname__)
    targets = hashlib.sha256(learn.data.train_ds.y.data.cpu().numpy().tobytes()).hexdigest()
    means = (learn.optimizer.settings, learn.recorder.columns, loss, drops, config, run.seed, targets)
    return hashlib.sha256(repr((parts, shapes, means)).encode()).hexdigest()


def _random_state(device: torch.device) -> dict[str, Tensor]:
    _, keys, position, has_gauss, gauss = np.random.get_state()  # noqa: NPY002 — a user's transforms may use it
    state = {
        "random.torch": torch.get_rng_state(),
        "random.numpy": torch.from_numpy(np.asarray(keys, np.int64)),
        "random.numpy_rest": torch.tensor([position, has_gauss, gauss], dtype=torch.float64),
    }
    if device.type == "cuda":
        state["random.cuda"] = torch.cuda.get_rng_state(device)
    return state


def _restore_random(python: list[Any], tensors: dict[str, Tensor], device: torch.device) -> None:
    torch.set_rng_state(tensors["random.torch"])
    position, has_gauss, gauss = tensors["random.numpy_rest"].tolist()
    keys = tensors["random.numpy"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", keys, int(position), int(has_gauss), gauss))  # noqa: NPY002
    random.setstate((python[0], tuple(python[1]), python[2]))
    if "random.cuda" in tensors and device.type == "cuda":
        torch.cuda.set_rng_state(tensors["random.cuda"], device)
