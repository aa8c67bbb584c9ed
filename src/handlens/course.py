"""Names of fast.ai's course of 2019; the star imports of `handlens.tabular`, `vision` and `basics` have them.

Most are other names of things of this package, see `ALIASES`, or what the course's star imports brought along from
elsewhere, see `OTHERS`. Notebooks run with them; new code uses the true names, which `doc(name)` prints.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sized
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from handlens.core.events import Callback
from handlens.errors import TrainingError
from handlens.io.datasets import datasets_folder
from handlens.io.home import home_folder
from handlens.io.paths import Path
from handlens.io.walking import walk

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from handlens.core.callbacks import EarlyStopping, ReduceLROnPlateau, SaveBest
    from handlens.core.labels import Loss
    from handlens.core.learner import Learner
    from handlens.core.metrics import Metric

__all__ = [
    "ALIASES",
    "AUROC",
    "OTHERS",
    "BCEWithLogitsFlat",
    "Config",
    "CrossEntropyFlat",
    "DatasetType",
    "EarlyStoppingCallback",
    "FBeta",
    "KappaScore",
    "LearnerCallback",
    "MSELossFlat",
    "MatthewsCorreff",
    "Path",
    "Precision",
    "Recall",
    "ReduceLROnPlateauCallback",
    "SaveModelCallback",
    "get_image_files",
    "gpu_mem_get_free_no_cache",
    "lr_find",
    "range_of",
    "tensor",
    "to_np",
]

ALIASES = {
    "ClassificationInterpretation": "handlens.core.interpret:Interpretation",
    "ImageList": "handlens.vision.items:ImageItemList",
    "PointsLabelList": "handlens.vision.points:PointsList",
    "SegmentationLabelList": "handlens.vision.masks:MaskList",
    "accuracy_thresh": "handlens.core.metrics:accuracy_multi",
    **{
        name: f"handlens.core.metrics:{ours}"
        for name, ours in {
            "mean_absolute_error": "mae",
            "mean_squared_error": "mse",
            "r2_score": "r2",
            "root_mean_squared_error": "rmse",
        }.items()
    },
    "cnn_learner": "handlens.vision.learner:create_cnn",
    "get_tabular_learner": "handlens.tabular.learner:tabular_learner",
}
"""Names of the course, and what they are here, by module and name."""

OTHERS = {
    **{
        name: name
        for name in ("csv", "gc", "gzip", "io", "json", "math", "os", "pickle", "random", "re", "shutil", "sys")
    },
    **{"warnings": "warnings", "partial": "functools:partial", "reduce": "functools:reduce", "optim": "torch.optim"},
    **{name: f"collections:{name}" for name in ("Counter", "OrderedDict", "defaultdict", "namedtuple")},
    **{name: f"torch.utils.data:{name}" for name in ("DataLoader", "Dataset", "TensorDataset")},
    **{"Tensor": "torch:Tensor", "pd": "pandas", "plt": "matplotlib.pyplot"},
}
"""Modules and names of other packages that the course's star imports bring along."""

_METRICS = ("AUROC", "FBeta", "KappaScore", "MatthewsCorreff", "Precision", "Recall")

_OWN = (
    *_METRICS,
    "BCEWithLogitsFlat", "Config", "CrossEntropyFlat", "DatasetType", "EarlyStoppingCallback", "LearnerCallback",
    "MSELossFlat", "Path", "ReduceLROnPlateauCallback", "SaveModelCallback", "get_image_files",
    "gpu_mem_get_free_no_cache", "lr_find", "range_of", "tensor", "to_np",
)  # fmt: skip

_MONITORED = {"val_loss": "valid_loss", "trn_loss": "train_loss"}

NAMES = sorted([*ALIASES, *OTHERS, *_OWN])
"""What the star imports take from here."""


def __getattr__(name: str) -> Any:
    # Only when it is used: some take long to import, and what they name is in rooms after this one.
    where = ALIASES.get(name) or OTHERS.get(name)
    if where is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, inner = where.partition(":")
    found = importlib.import_module(module)
    return getattr(found, inner) if inner else found


class DatasetType(StrEnum):
    """The parts of the data, which `get_preds` and others also take as text.

    Example:
        >>> DatasetType.Test == "test", DatasetType.Fix is DatasetType.Train
        (True, True)
    """

    Train = "train"
    Valid = "valid"
    Test = "test"
    Fix = "train"
    """The training data as they are predicted: in order, and transformed as validation data."""


class Config:
    """Where data sets and models are kept.

    Example:
        >>> Config.data_path().name
        'datasets'
    """

    @classmethod
    def data_path(cls) -> Path:
        """The folder of `untar_data`; it need not exist yet."""
        return Path(datasets_folder())

    @classmethod
    def model_path(cls) -> Path:
        """A folder for models; it need not exist yet."""
        return Path(home_folder()) / "models"


def get_image_files(path: Path | str, *, recurse: bool = False, extensions: Iterable[str] | None = None) -> list[Path]:
    """The paths of the files in a folder that are called as pictures are, sorted; none is opened.

    Args:
        path: the folder.
        recurse: also those in its subfolders.
        extensions: the endings of files that are pictures; those of `ImageItemList.from_folder` unless given.

    Raises:
        OSError: there is no such folder.

    Example:
        >>> for name in ("1.jpg", "2.PNG", "labels.csv"):
        ...     _ = Path(name).write_text("")
        >>> [file.name for file in get_image_files(".")]
        ['1.jpg', '2.PNG']
    """
    if extensions is None:
        extensions = importlib.import_module("handlens.vision.items").IMAGE_EXTENSIONS
    endings = tuple(ending.lower() for ending in extensions)
    root = Path(path)
    root.stat()
    found = [entry.path for entry in walk(root, recurse=recurse) if not entry.problem]
    return sorted(Path(root / file) for file in found if file.name.lower().endswith(endings))


def tensor(data: Any, *more: Any, **options: Any) -> Tensor:
    """`torch.tensor`, also of several numbers: tensor(3.0, 2) is tensor([3.0, 2.0]).

    Args:
        data: as of `torch.tensor`, or the first of several numbers or lists.
        more: the others.
        options: those of `torch.tensor`, such as `dtype`.

    Example:
        >>> tensor(3.0, 2), tensor([1, 2])
        (tensor([3., 2.]), tensor([1, 2]))
    """
    import torch

    return torch.tensor((data, *more) if more else data, **options)


def to_np(x: Tensor) -> NDArray[Any]:
    """A tensor as an array, on the CPU.

    Example:
        >>> to_np(tensor(1, 2))
        array([1, 2])
    """
    return x.detach().cpu().numpy()


def range_of(x: Sized) -> list[int]:
    """The positions of what has a length: [0, 1, …].

    Example:
        >>> range_of("abc")
        [0, 1, 2]
    """
    return list(range(len(x)))


def lr_find(
    learn: Learner,
    start_lr: Any = 1e-7,
    end_lr: Any = 10.0,
    num_it: int = 100,
    stop_div: bool = True,
    **options: Any,
) -> float:
    """Call `learn.lr_find`, with the same arguments.

    Example:
        >>> from types import SimpleNamespace as Namespace
        >>> lr_find(Namespace(lr_find=lambda start, end, num_it, stop_div: num_it), num_it=50)
        50
    """
    return learn.lr_find(start_lr, end_lr, num_it, stop_div, **options)


def SaveModelCallback(
    learn: Learner | None = None,  # noqa: ARG001
    monitor: str = "valid_loss",
    mode: str = "auto",
    every: str = "improvement",
    name: str = "bestmodel",
) -> SaveBest:
    """Make a `SaveBest`, of a learner that need not be named.

    Args:
        learn: not used: the learner is the one that is trained.
        monitor, mode, name: as in `SaveBest`; "val_loss" is another name of "valid_loss".
        every: "improvement", which is the only choice.

    Raises:
        TrainingError: `every` is something else.

    Example:
        >>> SaveModelCallback(monitor="accuracy", name="best").name
        'best'
    """
    if every != "improvement":
        raise TrainingError(f"every must be 'improvement'; {every!r} arrived: Checkpoint(name) keeps each epoch.")
    from handlens.core.callbacks import SaveBest

    return SaveBest(_MONITORED.get(monitor, monitor), name=name, mode=mode)


def EarlyStoppingCallback(
    learn: Learner | None = None,  # noqa: ARG001
    monitor: str = "valid_loss",
    mode: str = "auto",
    min_delta: float = 0.0,
    patience: int = 0,
) -> EarlyStopping:
    """Make an `EarlyStopping`, of a learner that need not be named; arguments as there.

    Example:
        >>> EarlyStoppingCallback(monitor="val_loss", patience=3).patience
        3
    """
    from handlens.core.callbacks import EarlyStopping

    return EarlyStopping(_MONITORED.get(monitor, monitor), min_delta=min_delta, patience=patience, mode=mode)


def ReduceLROnPlateauCallback(
    learn: Learner | None = None,  # noqa: ARG001
    monitor: str = "valid_loss",
    mode: str = "auto",
    patience: int = 0,
    factor: float = 0.2,
    min_delta: float = 0.0,
) -> ReduceLROnPlateau:
    """Make a `ReduceLROnPlateau`, of a learner that need not be named; arguments as there.

    Example:
        >>> ReduceLROnPlateauCallback(monitor="val_loss", patience=3).patience
        3
    """
    from handlens.core.callbacks import ReduceLROnPlateau

    monitor = _MONITORED.get(monitor, monitor)
    return ReduceLROnPlateau(monitor, min_delta=min_delta, patience=patience, factor=factor, mode=mode)


def Precision(average: str = "binary") -> Metric:
    """Make the metric `precision`, with its `average`.

    Example:
        >>> Precision().__name__
        'precision'
    """
    from handlens.core.metrics import precision

    return _named("precision", precision, average=average)


def Recall(average: str = "binary") -> Metric:
    """Make the metric `recall`, with its `average`.

    Example:
        >>> Recall(average="macro").__name__
        'recall'
    """
    from handlens.core.metrics import recall

    return _named("recall", recall, average=average)


def FBeta(average: str = "binary", beta: float = 2.0) -> Metric:
    """Make the metric `f_score`, with its `beta` and `average`; for several labels an item it is `fbeta`.

    Example:
        >>> FBeta(beta=1).__name__
        'f_beta'
    """
    from handlens.core.metrics import f_score

    return _named("f_beta", f_score, average=average, beta=beta)


def AUROC() -> Metric:
    """Make the metric `roc_auc`.

    Example:
        >>> AUROC().__name__
        'auroc'
    """
    from handlens.core.metrics import roc_auc

    return _named("auroc", roc_auc)


def KappaScore(weights: str | None = None) -> Metric:
    """Make the metric `kappa`, with its `weights`.

    Example:
        >>> KappaScore("quadratic").__name__
        'kappa_score'
    """
    from handlens.core.metrics import kappa

    return _named("kappa_score", kappa, weights=weights)


def MatthewsCorreff() -> Metric:
    """Make the metric `matthews`.

    Example:
        >>> MatthewsCorreff().__name__
        'matthews_correff'
    """
    from handlens.core.metrics import matthews

    return _named("matthews_correff", matthews)


def _named(name: str, metric: Metric, **options: Any) -> Metric:
    """A metric with options, and with the name that its column has in the course."""
    made = partial(metric, **options)
    made.__name__ = name  # type: ignore[attr-defined]
    return made


def CrossEntropyFlat(axis: int = -1) -> Loss:
    """Make the cross-entropy of classes, or that of masks; both are the losses that labels have by themselves.

    Args:
        axis: 1 for masks, whose scores are [B, classes, H, W]; −1 for one class a picture, of [B, classes].

    Raises:
        TrainingError: `axis` is something else.

    Example:
        >>> import torch
        >>> round(float(CrossEntropyFlat()(torch.zeros(3, 4), torch.tensor([0, 1, 2])).exp()), 4)
        4.0
    """
    if axis not in (1, -1):
        raise TrainingError(f"axis must be 1, for masks, or -1; {axis} arrived.")
    if axis == 1:
        of_masks: Loss = importlib.import_module("handlens.vision.masks").MaskList.loss_func
        return of_masks
    from torch import nn

    return nn.CrossEntropyLoss()


def MSELossFlat() -> Loss:
    """Make torch's mean squared error; a learner gives each loss outputs of the shape of the targets.

    Example:
        >>> MSELossFlat()
        MSELoss()
    """
    from torch import nn

    return nn.MSELoss()


def BCEWithLogitsFlat() -> Loss:
    """Make torch's binary cross-entropy of scores; a learner gives each loss outputs of the shape of the targets.

    Example:
        >>> BCEWithLogitsFlat()
        BCEWithLogitsLoss()
    """
    from torch import nn

    return nn.BCEWithLogitsLoss()


class LearnerCallback(Callback):
    """A callback that is made with its learner; its events are those of `Callback`.

    Args:
        learn: the learner, which each event is given too.

    Example:
        >>> class Count(LearnerCallback):
        ...     def after_epoch(self, learn):
        ...         print(learn.run.epoch)
        >>> list(Count(None).handlers())
        ['after_epoch']
    """

    def __init__(self, learn: Learner | None) -> None:
        self.learn = learn


def gpu_mem_get_free_no_cache() -> int:
    """The free memory of the GPU in MB, what PyTorch keeps for later included; 0 without a GPU.

    Example:
        >>> gpu_mem_get_free_no_cache() >= 0
        True
    """
    import torch

    if not torch.cuda.is_available():
        return 0
    torch.cuda.empty_cache()
    return int(torch.cuda.mem_get_info()[0]) >> 20
