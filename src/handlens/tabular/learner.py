"""tabular_learner: a learner for a table, that can be exported, loaded, and asked for predictions of new rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from handlens.core.artifact import load_artifact, load_weights, part_of, save_artifact
from handlens.core.callbacks import Callback, PreciseBatchNorm
from handlens.core.checks import listed
from handlens.core.learner import Learner
from handlens.core.predictions import predictions_frame
from handlens.errors import ArtifactError, DataError, TrainingError
from handlens.tabular.data import TabularDataBunch
from handlens.tabular.embeddings import embedding_sizes
from handlens.tabular.ensemble import Ensemble
from handlens.tabular.model import Dropouts, TabularModel
from handlens.tabular.procs import TabularProc

KIND = "tabular-learner"


class TabularLearner(Learner):
    """A learner for a table; `predict(row)` takes a row as a mapping by column name, a Series, or a frame of one."""

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
                "learn.data takes data with the columns and levels that the model was made for, in their order; other "
                f"levels in {other[:5]}; the columns are {[*theirs[0], *theirs[1]]}. Use data.hold_out(…) to split the "
                "same rows otherwise, or make a new learner"
            )

    def predict_frame(self, df: pd.DataFrame) -> pd.DataFrame:
        """Predictions for every row of a frame, which is left as it is; its target columns are not looked at.

        Returns a row for each of its rows, with its index: a column a target, and for classes, a column
        `probability of …` for each.
        """
        y, dl = self.data.y, self.data.unlabelled(df)
        predictions = self.get_preds(dl=dl)[0] if len(dl) else y.activate(torch.empty(0, y.c))
        return predictions_frame(y, predictions, index=df.index)

    def export(self, name: str = "learner") -> Path:
        """Write all it takes to predict new rows: model, preprocessing and labels; `load_learner` reads it.

        It is a folder of safetensors and JSON below the learner's path, with a model card, README.md, whose metrics
        are measured on the validation data and whose answers stay when it is exported again. Raises TrainingError if
        the model is not the TabularModel that it was made as: one of one's own cannot be made again from numbers
        alone.
        """
        members = self._members()
        if not all(isinstance(one, TabularModel) and repr(TabularModel(**one.config)) == repr(one) for one in members):
            raise TrainingError(
                "export writes an unchanged TabularModel; parts of this one were replaced: use learn.save(name), and "
                "learn.load(name) on a learner that is made the same way"
            )
        from handlens.audit.model_card import ModelCard  # the audit looks at learners, so it is no part of this module

        folder = self.path / name
        config: dict[str, Any] = {"data": self.data.state(), "model": members[0].config}
        if isinstance(self.model, Ensemble):
            config["members"] = len(members)
        card = ModelCard.from_learner(self, name=folder.name).for_export(folder)
        save_artifact(folder, KIND, config, self.model.state_dict(), card=card)
        return folder

    def ensemble(self, names: Sequence[str]) -> TabularLearner:
        """A learner whose model is all those together that `save` wrote under these names, see `Ensemble`.

        They are of one kind: trained with this learner, or with others that were made as this one was. It predicts,
        validates and exports as any other; this learner stays as it is.

        Raises:
            TrainingError: no names, or this learner's model is an ensemble itself.
            ArtifactError, WeightsError: as `load`.
        """
        names = listed(names, "names", "['first', 'second']", TrainingError)
        if not names or not isinstance(self.model, TabularModel):
            raise TrainingError("an ensemble takes the names of one saved TabularModel or more")
        members = [TabularModel(**self.model.config) for _ in names]
        learn = TabularLearner(
            self.data,
            Ensemble(members),
            loss_func=self.loss_func,
            metrics=self.metrics,
            precision=self.precision,
            path=self.path,
        )
        for name, member in zip(names, members, strict=True):
            load_weights(member, self.model_path(name))
        learn.model.eval()
        return learn

    def _members(self) -> list[TabularModel]:
        return list(self.model) if isinstance(self.model, Ensemble) else [self.model]  # type: ignore[arg-type]

    def _about(self) -> dict[str, Any]:
        return self.data.state()


def tabular_learner(
    data: TabularDataBunch,
    *,
    layers: Sequence[int],
    ps: Dropouts = 0.0,
    emb_drop: float = 0.0,
    emb_szs: Mapping[str, int] | None = None,
    y_range: Sequence[float] | Tensor | None = None,
    seed: int | None = None,
    callbacks: Sequence[Callback] = (),
    **options: Any,
) -> TabularLearner:
    """A learner with a TabularModel that fits the data.

    Args:
        data: made by `TabularList.…databunch()`.
        layers, ps, emb_drop, y_range: as in TabularModel.
        emb_szs: vector lengths by column, where they should differ from the lesson's rule, see `embedding_sizes`.
        seed: makes the first weights repeatable, without touching torch's random numbers.
        callbacks: take part in every fit, after a `PreciseBatchNorm` that comes first in `learn.callbacks`.
        options: as in Learner: metrics, wd, ….

    Raises:
        TableError, TrainingError: arguments that do not fit the data or each other.
    """
    given = listed(callbacks, "callbacks", "[EarlyStopping()]", TrainingError)
    sizes = embedding_sizes(data.encoder.n_levels, emb_szs)
    with torch.random.fork_rng([], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        model = TabularModel(sizes, len(data.cont_names), data.c, layers, ps=ps, emb_drop=emb_drop, y_range=y_range)
    return TabularLearner(data, model, callbacks=[PreciseBatchNorm(), *given], **options)


def load_tabular_learner(folder: Path | str, *, own_procs: Iterable[type[TabularProc]] = ()) -> TabularLearner:
    """What `load_learner` does for a model of a table, which `TabularLearner.export` wrote."""
    config, tensors = load_artifact(folder, KIND)
    try:
        data = TabularDataBunch.from_state(config["data"], path=Path(folder).parent, own_procs=own_procs)
        shape, members = config["model"], config.get("members")
        if members is None:
            _check_sizes(shape, tensors)
            model: TabularModel | Ensemble = TabularModel(**shape)
        else:
            if members < 1:
                raise ValueError("an ensemble of no models")
            for i in range(members):
                _check_sizes(shape, part_of(tensors, f"{i}."))
            model = Ensemble(TabularModel(**shape) for _ in range(members))
        model.load_state_dict(tensors)
        fits = [n for n, _ in shape["emb_szs"]] == list(data.encoder.n_levels.values())
        if not fits or shape["n_cont"] != len(data.cont_names) or shape["out_sz"] != data.c:
            raise ArtifactError(f"{folder} is damaged: its model does not fit its columns and labels")
    except (KeyError, TypeError, ValueError, RuntimeError, OverflowError, TrainingError) as error:
        raise ArtifactError(f"{folder} is damaged or not a saved learner: {error}") from error
    learn = TabularLearner(data, model)
    learn.model.eval()
    return learn


def _check_sizes(config: dict[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Raise ValueError unless a model of this config has tensors of these shapes; takes no memory for its own."""
    tables = [list(tensors[f"embeds.{i}.weight"].shape) for i in range(len(config["emb_szs"]))]
    if tables != config["emb_szs"]:
        raise ValueError(f"emb_szs {config['emb_szs']} do not fit vectors of shapes {tables}")
    with torch.device("meta"):
        made = {name: value.shape for name, value in TabularModel(**config).state_dict().items()}
    if made != {name: tensor.shape for name, tensor in tensors.items()}:
        raise ValueError("model.json describes a model of other sizes")
