"""Callbacks that also write a training to the tracker that a team has already: TensorBoard, MLflow, Weights & Biases.

Each is given to a fit, `learn.fit(5, callbacks=[TensorBoard("logs")])`, and writes every epoch. With the trial of a
study of `handlens.experiments` it also writes the choices, and a run that is continued stays one run in the tracker.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from handlens.core.events import Callback
from handlens.errors import TrainingError
from handlens.extras import require
from handlens.io.home import home_folder
from handlens.io.locks import process_lock
from handlens.plugins import plugins

if TYPE_CHECKING:
    from handlens.core.learner import Learner

__all__ = ["TRACKERS", "MLflow", "TensorBoard", "WeightsAndBiases", "tracker"]


class TrackedTrial(Protocol):
    """What a tracker writes of a trial; `handlens.experiments.Trial` is one."""

    @property
    def number(self) -> int:
        """Of the combination of choices."""

    @property
    def seed(self) -> int:
        """Of this run."""

    @property
    def split(self) -> int:
        """Of the data."""

    @property
    def folder(self) -> Path:
        """Of this run, the same when it is continued."""

    @property
    def choices(self) -> Mapping[str, Any]:
        """Those made so far, by their names; the values are plain JSON."""


class _Tracker(Callback):
    """Write each epoch of all fits that it is given to, counted on, as one run."""

    def __init__(self, extra: str, trial: TrackedTrial | None) -> None:
        require(extra, type(self).__name__, TrainingError)
        self.trial = trial
        self._before = 0  # epochs of earlier fits
        self._is_open = False

    def before_fit(self, learn: Learner) -> None:  # noqa: ARG002 — the events' signature
        self._open()
        self._is_open = True

    def after_epoch(self, learn: Learner) -> None:
        numbers = learn.recorder.row | {"rate": float(learn.recorder.rates[-1, -1])}
        self._log(numbers, self._before + len(learn.recorder.rows))

    def after_fit(self, learn: Learner) -> None:
        if not self._is_open:  # the tracker could not be reached, which is the error
            return
        self._is_open = False
        self._before += len(learn.recorder.rows)
        self._close("FINISHED" if learn.run.complete else "FAILED" if _is_error() else "KILLED")

    def _open(self) -> None:
        raise NotImplementedError

    def _log(self, numbers: dict[str, float], epoch: int) -> None:
        raise NotImplementedError

    def _close(self, status: str) -> None:
        raise NotImplementedError

    @property
    def _name(self) -> str | None:
        """What the run of a trial is called."""
        trial = self.trial
        return None if trial is None else f"combination-{trial.number}-seed-{trial.seed}-split-{trial.split}"

    @property
    def _key(self) -> str | None:
        """What tells the run of a trial from all others, and is the same when it is continued."""
        if self.trial is None:
            return None
        parts = (str(self.trial.folder.absolute()), self._name, self._choices)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]

    @property
    def _choices(self) -> dict[str, Any]:
        """The choices of the trial, its seed and its split."""
        trial = self.trial
        return {} if trial is None else {**trial.choices, "seed": trial.seed, "split": trial.split}


class TensorBoard(_Tracker):
    """Write each epoch to a folder that TensorBoard shows: `tensorboard --logdir FOLDER`.

    Args:
        folder: where the files are written; with a trial, a folder in it for each run.
        trial: the trial of a study; its choices are in the tab HPARAMS.

    Raises:
        TrainingError: TensorBoard is not installed.

    Example:
        >>> TensorBoard("logs").folder.name
        'logs'
    """

    def __init__(self, folder: Path | str, *, trial: TrackedTrial | None = None) -> None:
        super().__init__("tensorboard", trial)
        self.folder = Path(folder) if trial is None else Path(folder) / str(self._name)

    def _open(self) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(self.folder)
        self._last: dict[str, float] = {}

    def _log(self, numbers: dict[str, float], epoch: int) -> None:
        self._last = numbers
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def _close(self, status: str) -> None:  # noqa: ARG002 — TensorBoard has no status
        if self.trial is not None:
            from torch.utils.tensorboard.summary import hparams

            choices = {
                name: value if isinstance(value, bool | int | float | str) else json.dumps(value)
                for name, value in self._choices.items()
            }
            for summary in hparams(choices, self._last):
                self._writer.file_writer.add_summary(summary)
        self._writer.close()


class MLflow(_Tracker):
    """Write each epoch to MLflow, as one run of an experiment.

    MLflow's own reports on how it is used are switched off, unless it was imported before.

    Args:
        uri: of the MLflow server or database, such as "sqlite:///mlflow.db"; MLflow's own setting unless given.
        experiment: what the experiment is called; it is made if it does not exist.
        trial: the trial of a study; its choices become parameters.

    Raises:
        TrainingError: MLflow is not installed.

    Example:
        >>> MLflow("sqlite:///mlflow.db", experiment="rossmann").experiment
        'rossmann'
    """

    def __init__(
        self, uri: str | None = None, *, experiment: str = "handlens", trial: TrackedTrial | None = None
    ) -> None:
        super().__init__("mlflow", trial)
        self.uri, self.experiment = uri, experiment
        self._run: str | None = None

    def _open(self) -> None:
        with _unless_set("MLFLOW_DISABLE_TELEMETRY", "true"):
            from mlflow.tracking import MlflowClient

        with process_lock(home_folder() / "mlflow.lock"):  # MLflow fails where two processes make its tables
            self._client = MlflowClient(self.uri)
        experiment = self._experiment()
        if self._run is None and self._key is not None:
            known = self._client.search_runs([experiment], f"tags.`handlens.run` = '{self._key}'")
            self._run = known[0].info.run_id if known else None
        if self._run is not None:
            self._client.update_run(self._run, status="RUNNING")
            return
        tags = {} if self._key is None else {"handlens.run": self._key}
        self._run = self._client.create_run(experiment, run_name=self._name, tags=tags).info.run_id
        for name, value in _mlflow_params(self._choices).items():
            self._client.log_param(self._run, name, value)

    def _experiment(self) -> str:
        """The id of the experiment, which is made unless another process makes it at the same time."""
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(self.experiment)
        if found is None:
            try:
                return str(self._client.create_experiment(self.experiment))
            except MlflowException:
                found = self._client.get_experiment_by_name(self.experiment)
                if found is None:
                    raise
        return str(found.experiment_id)

    def _log(self, numbers: dict[str, float], epoch: int) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [Metric(_mlflow_name(name), value, now, epoch) for name, value in numbers.items()]
        self._client.log_batch(self._run, metrics=metrics)

    def _close(self, status: str) -> None:
        self._client.set_terminated(self._run, status)


class WeightsAndBiases(_Tracker):
    """Write each epoch to Weights & Biases, as one run of a project.

    Its reports of errors and of how it is used are switched off, unless WANDB_ERROR_REPORTING is set.

    Args:
        project: what the project is called.
        folder: where the files are written, in its folder wandb/.
        mode: "offline" sends nothing (`wandb sync` sends the files later); "online" sends each epoch at once.
        trial: the trial of a study; its choices become the run's config, and its combination the run's group.

    Raises:
        TrainingError: wandb is not installed.

    Example:
        >>> WeightsAndBiases("rossmann").mode
        'offline'
    """

    def __init__(
        self,
        project: str,
        *,
        folder: Path | str = ".",
        mode: Literal["offline", "online"] = "offline",
        trial: TrackedTrial | None = None,
    ) -> None:
        super().__init__("wandb", trial)
        if mode not in ("offline", "online"):
            raise TrainingError(f'mode must be "offline" or "online"; {mode!r} arrived.')
        self.project, self.folder, self.mode = project, Path(folder), mode
        self._run: Any = None
        self._id: str | None = None

    def _open(self) -> None:
        with _unless_set("WANDB_ERROR_REPORTING", "false"):  # also as the service is started, by the first run
            import wandb

            self._id = self._id or self._key or secrets.token_hex(8)
            self.folder.mkdir(parents=True, exist_ok=True)
            self._run = wandb.init(
                project=self.project,
                dir=str(self.folder),
                id=self._id,
                name=self._name,
                group=None if self.trial is None else f"combination-{self.trial.number}",
                config=self._choices,
                mode=self.mode,
                resume="allow" if self.mode == "online" else None,
                reinit="create_new",  # beside runs of the user's own
                settings=wandb.Settings(console="off", silent=True),
            )

    def _log(self, numbers: dict[str, float], epoch: int) -> None:
        self._run.log(numbers, step=epoch)

    def _close(self, status: str) -> None:
        self._run.finish(exit_code=0 if status == "FINISHED" else 1)


TRACKERS: dict[str, Callable[..., Callback]] = {
    "tensorboard": TensorBoard,
    "mlflow": MLflow,
    "wandb": WeightsAndBiases,
}
"""Those that handlens has itself, by the names that `tracker` takes."""


def tracker(name: str, *arguments: Any, **options: Any) -> Callback:
    """A tracker by its name, as a file of settings gives it.

    Args:
        name: of one in `TRACKERS`, or of a plugin: an entry point of the group `handlens.trackers` that names a class
            derived from `Callback`.
        arguments, options: of the tracker, such as `trial`.

    Raises:
        TrainingError: no tracker has that name, or its package is not installed.
        PluginError: the plugin cannot be loaded.

    Example:
        >>> tracker("tensorboard", "logs").folder.name
        'logs'
    """
    found = TRACKERS.get(name) or plugins("trackers").get(name)
    if found is None:
        names = ", ".join((*TRACKERS, *plugins("trackers").names))
        raise TrainingError(f"name must be a tracker's: {names}. {name!r:.80} arrived; is the plugin installed?")
    made: Callback = found(*arguments, **options)
    return made


def _mlflow_name(name: str) -> str:
    """A name that MLflow takes: other signs than it allows become “_”."""
    return re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)


def _mlflow_params(choices: Mapping[str, Any]) -> dict[str, str]:
    """Choices as MLflow takes them: names that it would call alike get one more “_”, and long lists are cut off."""
    params: dict[str, str] = {}
    for name, value in choices.items():
        free = _mlflow_name(name)
        while free in params:
            free += "_"
        params[free] = json.dumps(value, ensure_ascii=False)[:_LONGEST_PARAM]
    return params


_LONGEST_PARAM = 6000  # letters, in MLflow


def _is_error() -> bool:
    """Whether what ends the fit is an error; if not, it is an interruption, or a study that stops or prunes the run."""
    kind = sys.exc_info()[0]
    return kind is not None and issubclass(kind, Exception)


@contextmanager
def _unless_set(name: str, value: str) -> Iterator[None]:
    """A block in which an environment variable has a value, if it was not set before."""
    if name in os.environ:
        yield
        return
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name, None)
