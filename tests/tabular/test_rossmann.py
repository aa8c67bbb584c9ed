"""The Rossmann tables: a small set joined by hand, all that can be wrong with them, and the real ones."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from handlens.cli import app
from handlens.errors import TableError
from handlens.tabular.rossmann import add_history, prepare

Tables = dict[str, pd.DataFrame]
Write = Callable[..., Path]

WEDNESDAY = {  # shop 1 on 2015-01-07, the first row of the training table
    "index": 0,
    "Store": 1,
    "Date": pd.Timestamp("2015-01-07"),
    "Sales": 1018,
    "StateHoliday": False,
    "Week": 2,
    "Dayofweek": 2,
    "StoreType": "c",
    "State": "HE",
    "StateName": "Hessen",
    "file": "Rossmann_DE_HE",
    "trend": 55,  # the week of ISO 8601 that the 7th lies in ends on the 11th, the sixth Sunday
    "trend_DE": 5,
    "Day_DE": 11,
    "Max_TemperatureC": 18,
    "CompetitionOpenSince": pd.Timestamp("2014-11-15"),
    "CompetitionDaysOpen": 53,
    "CompetitionMonthsOpen": 1,
    "Promo2Since": pd.Timestamp("2014-12-08"),
    "Promo2Days": 30,
    "Promo2Weeks": 4,
    "AfterSchoolHoliday": 2,
    "BeforeSchoolHoliday": 0,
    "AfterStateHoliday": 6,
    "BeforeStateHoliday": 0,
    "AfterPromo": 1,
    "BeforePromo": -3,  # the next one is on the 10th, among the test rows
    "SchoolHoliday_bw": 5,
    "StateHoliday_bw": 1,
    "Promo_bw": 3,
    "SchoolHoliday_fw": 0,
    "StateHoliday_fw": 0,
    "Promo_fw": 2,
}


def test_by_hand(rossmann_tables: Tables, write_tables: Write, tmp_path: Path) -> None:
    train, test = prepare(write_tables(rossmann_tables, tmp_path))
    assert train.shape == (32, 93)  # 38 rows, six of them without sales
    assert test.shape == (10, 92)
    row = train.iloc[0]
    assert {name: row.get(name) for name in WEDNESDAY} == WEDNESDAY
    assert train["Sales"].min() > 0
    assert train["index"].tolist()[:5] == [0, 1, 3, 4, 6]  # rows 2 and 5 of the raw table have no sales
    assert train.index.tolist() == list(range(32))
    other = train.iloc[1]
    assert (other["Store"], other["trend"], other["Max_TemperatureC"]) == (2, 75, 118)
    assert [other[name] for name in ("CompetitionDaysOpen", "CompetitionMonthsOpen", "Promo2Days", "Promo2Weeks")] == [
        0
    ] * 4
    assert other["Promo2Since"] == pd.Timestamp("1900-01-01")
    assert test["Id"].tolist() == list(range(1, 11))
    assert test.loc[test["Date"] == "2015-01-10", "AfterPromo"].tolist() == [0, 0]
    # The last days of 2014 are in week 1 of 2015, and the notebook looks for week 1 of 2014.
    silvester = train[train["Date"] == "2014-12-31"]
    assert silvester["trend"].isna().all()


def test_compressed_tables_other_columns_and_order_make_no_difference(
    rossmann_tables: Tables, write_tables: Write, tmp_path: Path
) -> None:
    plain = prepare(write_tables(rossmann_tables, tmp_path / "plain"))
    turned = {name: table[table.columns[::-1]].assign(file_y=1, index="x") for name, table in rossmann_tables.items()}
    packed = prepare(str(write_tables(turned, tmp_path / "packed", ".csv.gz")))
    for one, other in zip(plain, packed, strict=True):
        pd.testing.assert_frame_equal(one, other[one.columns])
        assert set(one.columns) == set(other.columns)


def without(table: str, column: str) -> Callable[[Tables], None]:
    return lambda tables: tables.update({table: tables[table].drop(columns=column)})


def doubled(table: str) -> Callable[[Tables], None]:
    return lambda tables: tables.update({table: pd.concat([tables[table], tables[table].iloc[[1]]])})


def changed(table: str, column: str, value: Any) -> Callable[[Tables], None]:
    def change(tables: Tables) -> None:
        tables[table] = tables[table].astype({column: object})
        tables[table].loc[1, column] = value

    return change


def lacking(table: str, column: str, value: Any) -> Callable[[Tables], None]:
    return lambda tables: tables.update({table: tables[table][tables[table][column] != value]})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda tables: tables.pop("weather"), r"there is no weather\.csv. The seven are train, test, store"),
        (lambda tables: tables.update(store=tables["store"].iloc[:0]), r"store\.csv must have at least one row"),
        (without("train", "Sales"), r"train\.csv must have the columns.*missing: \['Sales'\]"),
        (without("weather", "CloudCover"), r"weather\.csv must have the columns.*missing: \['CloudCover'\]"),
        (doubled("train"), r"train\.csv must have one row for each Store and Date;.*Store 2, Date 2015-01-07: keep"),
        (doubled("test"), r"test\.csv must have one row for each Store and Date"),
        (doubled("store"), r"store\.csv must have one row for each Store; there are several for Store 2"),
        (doubled("store_states"), r"store_states\.csv must have one row for each Store"),
        (doubled("state_names"), r"state_names\.csv must have one row for each State;.*HB,NI"),
        (doubled("googletrend"), r"googletrend\.csv must have one row for each file and week"),
        (doubled("weather"), r"weather\.csv must have one row for each file and Date"),
        (changed("train", "Sales", "many"), r"train\.csv: Sales must hold numbers; it holds 'many'"),
        (changed("weather", "CloudCover", "grey"), r"weather\.csv: CloudCover must hold numbers; it holds 'grey'"),
        (changed("train", "Promo", None), r"train\.csv: Promo must have a value in each row; 1 are missing"),
        (changed("train", "StateHoliday", None), r"train\.csv: StateHoliday must have a value in each row; 1 are"),
        (changed("test", "Date", None), r"test\.csv: Date must have a value in each row"),
        (
            changed("test", "Date", "01.09.2015"),
            "test: Date must be days such as 2015-07-31; '01.09.2015' arrived, in 1 rows",
        ),
        (changed("weather", "Date", "x"), "weather: Date must be days"),
        (changed("googletrend", "week", "x"), "googletrend: the first day of week must be days"),
        (changed("googletrend", "week", "2014-12-22 - x"), "googletrend must have one row for each file and Year"),
        (changed("train", "Store", 7), r"each Store of train must be in store; these are not: \[7\]\. Add a row"),
        (lacking("store", "Store", 2), r"each Store of train must be in store; these are not: \[2\]"),
        (lacking("store_states", "Store", 2), r"each Store of store must be in store_states; these are not: \[2\]"),
        (lacking("state_names", "State", "HE"), r"each State of store_states must be in state_names.*'HE'"),
        (lacking("weather", "file", "Hessen"), r"each State of store_states must be in weather.*'HE'"),
        (lacking("googletrend", "file", "Rossmann_DE_NI"), r"must be in googletrend.*'HB,NI'"),
        (lacking("googletrend", "file", "Rossmann_DE"), r"each file must be in googletrend.*'Rossmann_DE'"),
        (changed("store", "CompetitionOpenSinceMonth", 13), "Month must be between 1 and 12; it is 13"),
        (changed("store", "Promo2SinceWeek", 54), "store: Promo2SinceWeek must be between 1 and 53; it is 54"),
        (changed("store", "CompetitionOpenSinceYear", "inf"), "Year must be between 1900 and 2261; it is inf"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(
    rossmann_tables: Tables, write_tables: Write, tmp_path: Path, spoil: Callable[[Tables], None], message: str
) -> None:
    spoil(rossmann_tables)
    with pytest.raises(TableError, match=message):
        prepare(write_tables(rossmann_tables, tmp_path))


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b broken", b"\x00\xff\xfe"])
def test_files_that_are_no_tables(rossmann_tables: Tables, write_tables: Write, tmp_path: Path, content: bytes) -> None:
    folder = write_tables(rossmann_tables, tmp_path, ".csv.gz")
    (folder / "store.csv.gz").write_bytes(content)
    with pytest.raises(TableError, match=r"store\.csv\.gz cannot be read as a table"):
        prepare(folder)


def test_a_compressed_table_that_is_cut_off(rossmann_tables: Tables, write_tables: Write, tmp_path: Path) -> None:
    folder = write_tables(rossmann_tables, tmp_path, ".csv.gz")
    (folder / "train.csv.gz").write_bytes((folder / "train.csv.gz").read_bytes()[:-60])
    with pytest.raises(TableError, match=r"train\.csv\.gz cannot be read as a table"):
        prepare(folder)


def said(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.output


def test_the_command_writes_parquet(rossmann_tables: Tables, write_tables: Write, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    raw = write_tables(rossmann_tables, tmp_path / "raw", ".csv.gz")
    for _ in range(2):  # the second time over what is there
        code, output = said("prep", "rossmann", raw, tmp_path / "new" / "clean")
        assert code == 0
        assert "32 training rows × 93 columns:" in output
        assert "10 test rows × 92 columns:" in output
    assert sorted(p.name for p in (tmp_path / "new" / "clean").iterdir()) == [
        "test_clean.parquet",
        "train_clean.parquet",
    ]
    for expected, name in zip(prepare(raw), ("train_clean", "test_clean"), strict=True):
        found = pd.read_parquet(tmp_path / "new" / "clean" / f"{name}.parquet")
        full = expected.columns[expected.notna().all()]  # Parquet tells no None from NaN
        pd.testing.assert_frame_equal(found[full], expected[full], check_dtype=False)
        pd.testing.assert_frame_equal(found.isna(), expected.isna())


def test_the_command_says_what_is_wrong(rossmann_tables: Tables, write_tables: Write, tmp_path: Path) -> None:
    code, output = said("prep", "rossmann", tmp_path / "none", tmp_path / "out")
    assert code == 1
    assert output.startswith("Error: ")
    assert "there is no train.csv" in output
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("")
    code, output = said("prep", "rossmann", write_tables(rossmann_tables, tmp_path / "raw"), tmp_path / "file")
    assert code == 1
    assert "could not be written" in output


def test_the_real_tables_give_the_lessons_rows(shared_data: Path) -> None:
    tables, cells = shared_data / "rossmann", shared_data.parent / "lesson" / "run_cells.py"
    if not (tables.is_dir() and cells.is_file()):
        pytest.skip(f"needs the real tables in {tables} and the lesson's values in {cells}")
    train, test = prepare(tables)
    assert train.shape == (844338, 93)
    assert test.shape == (41088, 92)
    expected = runpy.run_path(str(cells))["FIRST_ROWS"]
    assert {name: train[name].head().tolist() for name in expected} == expected


def two_shops(days: int) -> pd.DataFrame:
    """Shop 2 sells e² times what shop 1 does on each of so many days, newest first."""
    dates = pd.date_range("2015-01-01", periods=days)[::-1]
    rows = pd.DataFrame({"Date": np.repeat(dates, 2), "Store": [1, 2] * days})
    rows["DayOfWeek"] = rows["Date"].dt.day_of_week + 1
    rows["Promo"] = rows["Date"].dt.day % 2
    rows["Sales"] = np.where(rows["Store"] == 2, np.e**2, 1.0) * rows["Date"].dt.day
    return rows


def test_history_by_hand() -> None:
    rows = two_shops(10)
    rows.loc[rows["Date"] == "2015-01-03", "Sales"] = [5.0, 5.0]  # the shops are equal on that day
    names = add_history(rows, gap=3)
    assert names == ["Past28", "Past91", "Past364", "PastWeekday", "PastPromo"]  # nothing is known of a year ago
    of = rows.set_index(["Store", "Date"])
    day = pd.Timestamp("2015-01-06")  # the latest that it is told of is the 3rd
    assert of.loc[(1, day), names].tolist() == pytest.approx([-2 / 3, -2 / 3, -2 / 3, np.nan, -1], nan_ok=True)
    assert of.loc[(2, day), "Past28"] == pytest.approx(2 / 3)
    assert of.loc[(1, pd.Timestamp("2015-01-07")), "PastPromo"] == pytest.approx(-0.5)  # the 1st and the 3rd
    assert of.loc[(1, pd.Timestamp("2015-01-08")), "PastWeekday"] == pytest.approx(-1)  # the 1st
    assert of.loc[(1, pd.Timestamp("2015-01-03")), names].isna().all()


def test_history_of_a_year_ago() -> None:
    rows = two_shops(500)
    assert add_history(rows, gap=48)[-2:] == ["PastYear", "PastChange"]
    newest = rows.iloc[0]
    assert newest[["Past28", "PastYear", "PastChange"]].tolist() == pytest.approx([-1, -1, 0])


def test_history_knows_nothing_of_what_is_to_be_predicted() -> None:
    rows = two_shops(100)
    others = rows.assign(Sales=rows["Sales"].where(rows["Date"] < "2015-03-01", 7 * rows["Store"]))
    unknown = rows.assign(Sales=rows["Sales"].where(rows["Date"] < "2015-03-01"))
    names = add_history(rows, gap=41)
    for table in (others, unknown):
        assert add_history(table, gap=41) == names
        pd.testing.assert_frame_equal(table[names], rows[names])  # the newest day is 41 days after the 28th


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop(columns="Promo"), "missing: ['Promo']"),
        (lambda rows: rows.assign(Sales=0), "Sales must be above 0, or missing where they are to be predicted"),
        (lambda rows: rows.assign(Sales="many"), "Sales"),
    ],
)
def test_history_of_rows_that_cannot_be(change: Callable[[pd.DataFrame], pd.DataFrame], message: str) -> None:
    with pytest.raises(TableError, match=re.escape(message)):
        add_history(change(two_shops(5)))


@pytest.mark.parametrize("gap", [0, -1, 1.5])
def test_history_without_a_gap_would_hold_the_target_itself(gap: Any) -> None:
    with pytest.raises(TableError, match=r"gap, the days .*, must be a whole number, 1 or more"):
        add_history(two_shops(5), gap=gap)
