"""Small tables that the pages of the documentation and the tests are executed on: Rossmann's seven, and a census."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]

EXECUTED = ("experiments", "label-a-folder", "tabular", "vision", "audit", "gallery")
"""The pages of docs/ that are executed when the site is built; those that take longest first."""

WEATHER = [
    *("Max_TemperatureC", "Mean_TemperatureC", "Min_TemperatureC", "Dew_PointC", "MeanDew_PointC", "Min_DewpointC"),
    *("Max_Humidity", "Mean_Humidity", "Min_Humidity"),
    *("Max_Sea_Level_PressurehPa", "Mean_Sea_Level_PressurehPa", "Min_Sea_Level_PressurehPa"),
    *("Max_VisibilityKm", "Mean_VisibilityKm", "Min_VisibilitykM"),
    *("Max_Wind_SpeedKm_h", "Mean_Wind_SpeedKm_h", "Max_Gust_SpeedKm_h", "Precipitationmm", "CloudCover"),
]
DAYS = pd.date_range("2014-12-20", "2015-01-12")  # the turn of a year, whose weeks are those of ISO 8601
MORE_DAYS = pd.date_range("2014-10-20", "2015-02-01")  # what docs/ are executed on has a past to look back to


def seven_tables(days: pd.DatetimeIndex = DAYS) -> dict[str, pd.DataFrame]:
    """Two shops in two states, the last five days to be predicted; every sixth day a shop is closed."""
    rows = [
        {
            "Store": store,
            "DayOfWeek": day.isoweekday(),
            "Date": day.strftime("%Y-%m-%d"),
            "Sales": 0 if (k + store) % 6 == 0 else 1000 * store + k,
            "Customers": 100,
            "Open": 1,
            "Promo": int(k % 5 in (1, 2)),
            "StateHoliday": {5: "c", 6: "c", 12: "a"}.get(k, "0"),
            "SchoolHoliday": int(store == 1 and 2 <= k <= 16),
        }
        for k, day in reversed(list(enumerate(days)))
        for store in (1, 2)
    ]
    everything = pd.DataFrame(rows)
    later = pd.to_datetime(everything["Date"]) >= days[-5]
    test = everything[later].drop(columns=["Sales", "Customers"]).astype({"Open": float}).reset_index(drop=True)
    test.insert(0, "Id", range(1, len(test) + 1))
    test.loc[0, "Open"] = None
    sundays = pd.date_range(days[0] - pd.Timedelta(13, "D"), days[-1] + pd.Timedelta(6, "D"), freq="W-SUN")
    return {
        "train": everything[~later].reset_index(drop=True),
        "test": test,
        "store": pd.DataFrame(
            {
                "Store": [1, 2],
                "StoreType": ["c", "a"],
                "Assortment": ["a", "b"],
                "CompetitionDistance": [1270.0, None],
                "CompetitionOpenSinceMonth": [11.0, None],
                "CompetitionOpenSinceYear": [2014.0, None],
                "Promo2": [1, 0],
                "Promo2SinceWeek": [50.0, None],
                "Promo2SinceYear": [2014.0, None],
                "PromoInterval": ["Jan,Apr,Jul,Oct", None],
            }
        ),
        "store_states": pd.DataFrame({"Store": [1, 2], "State": ["HE", "HB,NI"]}),
        "state_names": pd.DataFrame({"StateName": ["Hessen", "Niedersachsen"], "State": ["HE", "HB,NI"]}),
        "googletrend": pd.DataFrame(
            [
                {"file": file, "week": f"{day:%Y-%m-%d} - {day + pd.Timedelta(6, 'D'):%Y-%m-%d}", "trend": base + k}
                for file, base in (("Rossmann_DE", 0), ("Rossmann_DE_HE", 50), ("Rossmann_DE_NI", 70))
                for k, day in enumerate(sundays)
            ]
        ),
        "weather": pd.DataFrame(
            [
                {
                    "file": state,
                    "Date": day.strftime("%Y-%m-%d"),
                    **dict.fromkeys(WEATHER, base + k),
                    "Events": "Rain" if k % 2 else None,
                    "WindDirDegrees": 10 * k,
                }
                for state, base in (("Hessen", 0), ("Niedersachsen", 100))
                for k, day in enumerate(days)
            ]
        ),
    }


def census(n: int, seed: int) -> pd.DataFrame:
    """Made-up rows with the columns of the census data; income rises with schooling, age, hours and being married."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(["Female", "Male"], n, p=[0.33, 0.67])
    race = rng.choice(
        ["Amer-Indian-Eskimo", "Asian-Pac-Islander", "Black", "Other", "White"], n, p=[0.01, 0.03, 0.1, 0.01, 0.85]
    )
    married = rng.random(n) < np.where(sex == "Male", 0.6, 0.2)
    table = pd.DataFrame(
        {
            "age": rng.integers(17, 91, n),
            "workclass": rng.choice(["Private", "State-gov", None], n, p=[0.75, 0.2, 0.05]),
            "education-num": rng.integers(1, 17, n),
            "marital-status": np.where(married, "Married-civ-spouse", "Never-married"),
            "race": race,
            "sex": sex,
            "capital-gain": np.where(rng.random(n) < 0.1, rng.integers(100, 20_000, n), 0),
            "capital-loss": 0,
            "hours-per-week": rng.integers(10, 81, n),
        }
    )
    pull = 0.3 * (table["education-num"] - 9) + 0.04 * (table["hours-per-week"] - 45) + 2.5 * married - 2.5
    rich = rng.random(n) < 1 / (1 + np.exp(-pull))
    return table.assign(Y=np.where(rich, ">50K", "<=50K"))


def write_csv_files(tables: dict[str, pd.DataFrame], folder: Path, suffix: str = ".csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}{suffix}", index=False)
    return folder


def write_made_tables(folder: Path) -> None:
    """Write what a page of documentation reads: data/rossmann, data/adult and docs/data, in a working folder."""
    shutil.copytree(ROOT / "docs" / "data", folder / "docs" / "data")
    write_csv_files(seven_tables(MORE_DAYS), folder / "data" / "rossmann")
    people = {"adult.data": census(4000, 0), "adult.test": census(4000, 1)}
    people["adult.test"]["Y"] += "."  # as in the real file
    write_csv_files(
        {name: table.add_prefix(" ") for name, table in people.items()}, folder / "data" / "adult", ".csv.gz"
    )
