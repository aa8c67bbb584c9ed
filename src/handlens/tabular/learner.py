"""tabular_learner: a learner for a table, which can be exported and loaded, and predicts new rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from handlens.core.artifact import EXPORT, load_artifact, load_weights, part_of, refusing_damage, save_artifact
from handlens.core.callbacks import Callback, PreciseBatchNorm
from handlens.core.checks import listed, whole
from handlens.core.display import show_table
from handlens.core.events import listed_callbacks
from handlens.core.labels import FloatList, LabelList, Loss
from handlens.core.learner import Learner
from handlens.core.outputs import loss_named, saved_loss
from handlens.core.predictions import predictions_frame
from handlens.errors import ArtifactError, DataError, TrainingError
from handlens.tabular.data import TabularDataBunch
from handlens.tabular.default_network import effective_rows, network_for
from handlens.tabular.embeddings import embedding_sizes
from handlens.tabular.ensemble import Ensemble
from handlens.tabular.linear import LinearPart
from handlens.tabular.model import Dropouts, TabularModel
from handlens.tabular.procs import TabularProc

KIND = "tabular-learner"


class TabularLearner(Learner):
    """A learner for a table; made by `tabular_learner`, or by `load_learner` of a saved one.

    `predict(row)` takes a row as a mapping by column name, a Series, or a frame of one row.

    Example:
        >>> from handlens.tabular import Categorify, TabularList
        >>> df = pd.DataFrame({"shop": ["a", "b"] * 8, "sales": [1.0, 2.0] * 8})
        >>> items = TabularList.from_df(df, cat_names=["shop"], procs=[Categorify]).split_by_idx(range(4))
        >>> learn = tabular_learner(items.label_from_df("sales").databunch(bs=4), layers=[8], seed=0)
        >>> type(learn.predict({"shop": "a"}).label)
        <class 'float'>
        >>> learn.predict_frame(df.head(2)).columns.tolist()
        ['sales']
    """

    data: TabularDataBunch
    model: TabularModel | Ensemble

    @property
    def model_options(self) -> Mapping[str, Any]:
        options = self.model.config if isinstance(self.model, TabularModel) else {}
        return {name: value for name, value in options.items() if name != "emb_szs"}  # long, and known from the data

    def _check_data(self, data: TabularDataBunch) -> None:  # type: ignore[override]
        super()._check_data(data)
        ours, theirs = (
            ({name: levels.state() for name, levels in one.encoder.levels.items()}, one.cont_names)
            for one in (self.data, data)
        )
        if ours != theirs or list(ours[0]) != list(theirs[0]):
            other = [name for name in {**ours[0], **theirs[0]} if ours[0].get(name) != theirs[0].get(name)]
            raise DataError(
                "learn.data must have the columns and levels that the model was made for, in their order; the levels "
                f"of {other[:5]} differ, and the columns are {[*theirs[0], *theirs[1]]}. Use data.hold_out(…) to split "
                "the same rows in another way, or make a new learner."
            )

    def _orders(self) -> dict[str, list[str]]:
        levels = {
            f"levels of {name}": [str(value) for value in found.state()["values"]]
            for name, found in self.data.encoder.levels.items()
        }
        columns = {"categorical columns": list(levels), "continuous columns": list(self.data.cont_names)}
        return super()._orders() | columns | levels

    def predict_frame(self, df: pd.DataFrame) -> pd.DataFrame:
        """Predictions for every row of a frame.

        Args:
            df: rows with the model's columns; it is not changed. Target columns and other columns are ignored.

        Returns:
            A row for each row of `df`, with its index; columns as in `handlens.core.predictions.predictions_frame`: one
            for each target, and for classes a column `probability of NAME` for each.

        Raises:
            TableError: a column is missing, or holds values that cannot be used.
            DataError: two columns would have the same name.
        """
        y, dl = self.data.y, self.data.unlabelled(df)
        predictions = self.get_preds(dl=dl)[0] if len(dl) else y.activate(torch.empty(0, y.c))
        return predictions_frame(y, predictions, index=df.index)

    def show_results(self, ds_type: str = "valid", rows: int = 5) -> None:
        """Show the first rows of a part of the data, as the model gets them, with their targets and predictions.

        Args:
            ds_type: "train", "valid" or "test"; the last has no targets.
            rows: how many.

        Raises:
            DataError: there are no rows, or the data have no such part.
        """
        dataset = self.data.to_predict(ds_type).dataset
        shown = [dataset[i] for i in range(min(whole(rows, "rows", DataError), len(dataset)))]
        if not shown:
            raise DataError(f"the data have no rows in the part {str(ds_type)!r} to show: hold some out.")
        labels = {
            "target": [label for _, label in shown],
            "prediction": [self.predict(row).label for row, _ in shown],
        }
        columns = {
            name: [label if isinstance(label, float) else str(label) for label in found]
            for name, found in labels.items()
            if any(label is not None for label in found)
        }
        # Beside each other, and not in one mapping: a column of the rows may be called like one of these two.
        show_table(pd.concat([pd.DataFrame([row.values() for row, _ in shown]), pd.DataFrame(columns)], axis=1))

    def export(self, name: str = EXPORT) -> Path:
        """Write all that is needed to predict new rows: model, preprocessing and labels; `load_learner` reads it.

        The model card, README.md, has metrics that are measured on the validation data; the answers that people wrote
        into it stay when the model is exported again.

        Args:
            name: the folder's name.

        Returns:
            The folder, below the learner's path, of safetensors, JSON and the card.

        Raises:
            TrainingError: parts of the model were replaced: only a TabularModel can be created again from numbers
                alone.
        """
        members = self._members()
        if not all(isinstance(one, TabularModel) and repr(TabularModel(**one.config)) == repr(one) for one in members):
            raise TrainingError(
                "export needs an unchanged TabularModel; parts of this one were replaced: use learn.save(name), and "
                "learn.load(name) on a learner that is made the same way."
            )
        from handlens.audit.model_card import ModelCard  # the audit reads learners, so it is imported late

        folder = self.path / name
        config: dict[str, Any] = {"data": self.data.state(), "model": members[0].config}
        config |= saved_loss(self.loss_func, self.data.y)
        if isinstance(self.model, Ensemble):
            config["members"] = len(members)
        card = ModelCard.from_learner(self, name=folder.name).for_export(folder)
        with self.writing():
            state = self.model.state_dict()
            self.processes.first(lambda: save_artifact(folder, KIND, config, state, card=card))
        return folder

    def ensemble(self, names: Sequence[str]) -> TabularLearner:
        """A learner whose model averages several saved models, see `Ensemble`; this learner is not changed.

        Args:
            names: what the models were saved as, `learn.save(name)`, by this learner or by others that were made in the
                same way.

        Returns:
            A learner that predicts, validates and exports as any other.

        Raises:
            TrainingError: there are no names, or this learner's model is an ensemble itself.
            ArtifactError: a saved model is missing or damaged.
            WeightsError: a saved model has other sizes.
        """
        names = listed(names, "names", "['first', 'second']", TrainingError)
        if not names or not isinstance(self.model, TabularModel):
            raise TrainingError(
                "ensemble needs the names of one or more saved models of a learner with a single TabularModel."
            )
        members = [TabularModel(**self.model.config) for _ in names]
        learn = TabularLearner(
            self.data,
            Ensemble(members),
            loss_func=self.loss_func,
            metrics=self.metrics,
            precision=self.precision,
            path=self.path,
            model_dir=self.model_dir,
        )
        for name, member in zip(names, members, strict=True):
            load_weights(member, self.model_path(name), self._orders())
        learn.model.eval()
        return learn

    def _members(self) -> list[TabularModel]:
        return list(self.model) if isinstance(self.model, Ensemble) else [self.model]  # type: ignore[arg-type]

    def _onnx_metadata(self) -> dict[str, Any]:
        return self.data.state()


def tabular_learner(
    data: TabularDataBunch,
    layers: Sequence[int] | None = None,
    *,
    ps: Dropouts | None = None,
    emb_drop: float = 0.0,
    emb_szs: Mapping[str, int] | None = None,
    y_range: Sequence[float] | Tensor | None = None,
    bn_cont: bool = True,
    seed: int | None = None,
    callbacks: Callback | Sequence[Callback] | None = None,
    **options: Any,
) -> TabularLearner:
    """A learner with a TabularModel for the data.

    Without `layers` the network follows from the data, see `handlens.tabular.default_network`; with `layers` it is the
    lesson's. Without `y_range` a model of numbers begins as a linear model that is fitted to the training rows, and so
    does the default network of classes; the network learns what that leaves, and the loss is the squared error in units
    of the targets' variance: 1 is as good as the mean. Predictions and metrics are in the targets' own units.

    Args:
        data: made by `TabularList.…databunch()`.
        layers, emb_drop, y_range, bn_cont: as in `TabularModel`; the default network has bins instead of batch norm.
        ps: as in `TabularModel`; 0 with `layers` unless given, otherwise by the number of rows.
        emb_szs: vector lengths by column, for columns that should not follow the rule of `embedding_sizes`.
        seed: makes the initial weights repeatable, without changing the state of torch's random numbers.
        callbacks: one or several, used in every fit, after a `PreciseBatchNorm`, which is first in `learn.callbacks`.
        options: as in `Learner`: metrics, wd, ….

    Raises:
        TableError: `emb_szs` does not fit the data.
        TrainingError: the arguments do not fit each other.

    Example:
        >>> from handlens.tabular import Categorify, TabularList, rmse
        >>> df = pd.DataFrame({"shop": ["a", "b"] * 8, "sales": [1.0, 2.0] * 8})
        >>> items = TabularList.from_df(df, cat_names=["shop"], procs=[Categorify]).split_by_idx(range(4))
        >>> data = items.label_from_df("sales").databunch(bs=4)
        >>> learn = tabular_learner(data, layers=[8], emb_szs={"shop": 2}, metrics=rmse, seed=0)
        >>> learn.model.embeds[0]
        Embedding(3, 2)
    """
    sizes = embedding_sizes(data.encoder.n_levels, emb_szs)
    codes, numbers, _ = data.train_dl.tensors
    shape: dict[str, Any] = (
        {"layers": layers, "ps": 0.0} if layers is not None else asdict(network_for(effective_rows(data.y)))
    )
    shape |= {"emb_drop": emb_drop, "y_range": y_range, "bn_cont": bn_cont} | ({} if ps is None else {"ps": ps})
    linear = y_range is None and (layers is None or isinstance(data.y, FloatList))
    with torch.random.fork_rng([], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        model = TabularModel(sizes, len(data.cont_names), data.c, linear=linear, **shape)
    if len(codes):
        model.begin(codes, numbers, data.y)
    options = {"loss_func": _loss_of(model, data.y)} | options
    return TabularLearner(data, model, callbacks=[PreciseBatchNorm(), *listed_callbacks(callbacks)], **options)


class StandardisedMSE:
    """The mean squared error of numbers in units of their variance in the training rows: 1 is as good as the mean.

    Args:
        part: the linear part of the model, whose `spreads` are the targets' deviations.

    Example:
        >>> part = LinearPart([], 1, 1)
        >>> _ = part.spreads.fill_(10.0)
        >>> float(StandardisedMSE(part)(torch.tensor([105.0, 95.0]), torch.tensor([100.0, 100.0])))
        0.25
    """

    def __init__(self, part: LinearPart) -> None:
        self.part = part

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        spreads = self.part.spreads.to(targets.device)
        return ((outputs.view_as(targets) - targets) / spreads).square().mean()


def _loss_of(model: TabularModel | Ensemble, y: LabelList) -> Loss:
    """The loss that the model is trained with unless another one is given."""
    one: Any = model[0] if isinstance(model, Ensemble) else model
    return StandardisedMSE(one.linear) if isinstance(y, FloatList) and one.linear is not None else y.loss_func


def load_tabular_learner(folder: Path | str, *, own_procs: Iterable[type[TabularProc]] = ()) -> TabularLearner:
    """What `load_learner` does for a model of a table.

    Args:
        folder: what `TabularLearner.export` wrote.
        own_procs: the classes of preprocessors that are not part of this library.

    Raises:
        ArtifactError: it is damaged, of another kind, or from a newer version.
    """
    config, tensors = load_artifact(folder, KIND)
    with refusing_damage(folder, "a saved learner"):
        data = TabularDataBunch.from_state(config["data"], path=Path(folder).parent, own_procs=own_procs)
        shape, members = config["model"], config.get("members")
        if members is None:
            _check_sizes(shape, tensors)
            model: TabularModel | Ensemble = TabularModel(**shape)
        else:
            if members < 1:
                raise ValueError("an ensemble needs at least one model")
            for i in range(members):
                _check_sizes(shape, part_of(tensors, f"{i}."))
            model = Ensemble(TabularModel(**shape) for _ in range(members))
        model.load_state_dict(tensors)
        fits = [n for n, _ in shape["emb_szs"]] == list(data.encoder.n_levels.values())
        if not fits or shape["n_cont"] != len(data.cont_names) or shape["out_sz"] != data.c:
            raise ArtifactError(f"{folder} is damaged: its model does not fit its columns and labels.")
        loss_func = loss_named(config.get("loss"), _loss_of(model, data.y))
    learn = TabularLearner(data, model, loss_func=loss_func)
    learn.model.eval()
    return learn


def _check_sizes(config: dict[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Raise ValueError unless a model of this config has tensors of these shapes; allocates no memory for a model."""
    tables = [list(tensors[f"embeds.{i}.weight"].shape) for i in range(len(config["emb_szs"]))]
    if tables != config["emb_szs"]:
        raise ValueError(f"emb_szs {config['emb_szs']} do not fit vectors of shapes {tables}")
    with torch.device("meta"):
        made = {name: value.shape for name, value in TabularModel(**config).state_dict().items()}
    if made != {name: tensor.shape for name, tensor in tensors.items()}:
        raise ValueError("model.json describes a model of other sizes")
