"""The lesson's Rossmann case as the benchmarks run it: its columns, its data, its learner and a plain model of it."""

from __future__ import annotations

import handlens.tabular  # noqa: F401 — before torch, as in the lesson: it says how torch's threads wait

# isort: split

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from handlens.tabular import (
    Categorify,
    FillMissing,
    FloatList,
    Normalize,
    TabularDataBunch,
    TabularLearner,
    TabularList,
    exp_rmspe,
    tabular_learner,
)

CATS = [
    "Store",
    "DayOfWeek",
    "Year",
    "Month",
    "Day",
    "StateHoliday",
    "CompetitionMonthsOpen",
    "Promo2Weeks",
    "StoreType",
    "Assortment",
    "PromoInterval",
    "CompetitionOpenSinceYear",
    "Promo2SinceYear",
    "State",
    "Week",
    "Events",
    "Promo_fw",
    "Promo_bw",
    "StateHoliday_fw",
    "StateHoliday_bw",
    "SchoolHoliday_fw",
    "SchoolHoliday_bw",
]
CONTS = [
    "CompetitionDistance",
    "Max_TemperatureC",
    "Mean_TemperatureC",
    "Min_TemperatureC",
    "Max_Humidity",
    "Mean_Humidity",
    "Min_Humidity",
    "Max_Wind_SpeedKm_h",
    "Mean_Wind_SpeedKm_h",
    "CloudCover",
    "trend",
    "trend_DE",
    "AfterStateHoliday",
    "BeforeStateHoliday",
    "Promo",
    "SchoolHoliday",
]
TARGET = "Sales"
VALID = 41_395
"""Rows held out: the newest, about as many as there are to predict; they come first."""


def data(rows: pd.DataFrame, path: Path, *, valid: Iterable[int] | None, bs: int = 64) -> TabularDataBunch:
    """The rows as the lesson's data block has them; `valid` are the positions held out."""
    items = TabularList.from_df(
        rows, path=path, cat_names=CATS, cont_names=CONTS, procs=[FillMissing, Categorify, Normalize]
    )
    parts = items.split_none() if valid is None else items.split_by_idx(valid)
    found: TabularDataBunch = parts.label_from_df(cols=TARGET, label_cls=FloatList, log=True).databunch(bs=bs)
    return found


LARGEST = 41_551
"""Sales of the best day of all, a validation row's."""


def learner(data: TabularDataBunch, *, seed: int, largest: float = LARGEST) -> TabularLearner:
    """The lesson's learner, whose predictions end a fifth above the largest sale."""
    return tabular_learner(
        data,
        layers=[1000, 500],
        ps=[0.001, 0.01],
        emb_drop=0.04,
        y_range=(0, float(np.log(largest * 1.2))),
        metrics=exp_rmspe,
        seed=seed,
    )


class PlainModel(nn.Module):
    """The lesson's model in PyTorch's own modules and nothing else: what a bare loop trains."""

    def __init__(self, n_levels: dict[str, int], n_cont: int) -> None:
        super().__init__()
        sizes = [(n, min(50, n // 2 + 1)) for n in n_levels.values()]
        self.embeds = nn.ModuleList(nn.Embedding(n, d) for n, d in sizes)
        for table in self.embeds:
            nn.init.trunc_normal_(table.weight, std=0.01)
        self.emb_drop = nn.Dropout(0.04)
        self.bn_cont = nn.BatchNorm1d(n_cont)
        self.layers = nn.Sequential(
            nn.Linear(sum(d for _, d in sizes) + n_cont, 1000),
            nn.ReLU(inplace=True),
            nn.BatchNorm1d(1000),
            nn.Dropout(0.001),
            nn.Linear(1000, 500),
            nn.ReLU(inplace=True),
            nn.BatchNorm1d(500),
            nn.Dropout(0.01),
            nn.Linear(500, 1),
        )
        self.high = float(np.log(LARGEST * 1.2))

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        x = torch.cat([table(codes[:, i]) for i, table in enumerate(self.embeds)], 1)
        x = torch.cat([self.emb_drop(x), self.bn_cont(numbers)], 1)
        return torch.sigmoid(self.layers(x)).squeeze(1) * self.high
