"""One notion of equal: values that say the same are found in both parts, whatever type each part holds them in."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from handlens.audit import Datasheet
from handlens.audit.alike import alike, type_of

N = 6
DAYS = pd.date_range("2024-03-29", periods=N, freq="h", unit="us")  # Berlin has no 02:30 on the 31st


def rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": np.arange(2**53 + 1, 2**53 + 1 + N),
            "x": np.array([0.01, 0.11, 0.21, 0.31, 0.41, 0.51]),
            "day": DAYS,
            "who": [f"w{i}" for i in range(N)],
            "member": [True, False] * (N // 2),
        }
    )


def overlap_of(a: Any, b: Any) -> int:
    (count,) = Datasheet.from_data({"a": a, "b": b}).facts["overlap"].values()
    return int(count)


CHANGES: dict[str, Any] = {
    "date as text": lambda df: df.assign(day=df["day"].astype(str)),
    "date as text with T": lambda df: df.assign(day=df["day"].map(lambda day: day.isoformat())),
    "date as text with a zone": lambda df: df.assign(day=df["day"].map(lambda day: f"{day.isoformat()}+00:00")),
    "date as text with Z": lambda df: df.assign(day=df["day"].map(lambda day: f"{day.isoformat()}Z")),
    "date in UTC": lambda df: df.assign(day=df["day"].dt.tz_localize("UTC")),
    "date in Berlin, by the clock": lambda df: df.assign(day=df["day"].dt.tz_localize("Europe/Berlin")),
    "date in Berlin, the same moment": lambda df: df.assign(
        day=df["day"].dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin")
    ),
    "date in seconds": lambda df: df.assign(day=df["day"].astype("datetime64[s]")),
    "date in nanoseconds": lambda df: df.assign(day=df["day"].astype("datetime64[ns]")),
    "date of Arrow": lambda df: df.assign(day=df["day"].astype(pd.ArrowDtype(pa.timestamp("ms")))),
    "date as objects": lambda df: df.assign(day=pd.Series(list(df["day"]), dtype=object)),
    "date as Python's": lambda df: df.assign(day=pd.Series([d.to_pydatetime() for d in df["day"]], dtype=object)),
    "float32": lambda df: df.assign(x=df["x"].astype("float32")),
    "float32 of Arrow": lambda df: df.assign(x=df["x"].astype("float[pyarrow]")),
    "nullable float32": lambda df: df.assign(x=df["x"].astype("Float32")),
    "float16": lambda df: df.assign(x=df["x"].astype("float16")),
    "periods": lambda df: df.assign(day=df["day"].dt.to_period("us")),
    "decimals": lambda df: df.assign(x=[Decimal(f"{x:.2f}") for x in df["x"]]),
    "decimals of Arrow": lambda df: df.assign(
        x=pd.Series([Decimal(f"{x:.2f}") for x in df["x"]], dtype=pd.ArrowDtype(pa.decimal128(9, 2)))
    ),
    "numbers as text": lambda df: df.assign(x=df["x"].astype(str), id=df["id"].astype(str)),
    "float32 as text": lambda df: df.assign(x=df["x"].astype("float32").astype(str)),
    "Int64": lambda df: df.assign(id=df["id"].astype("Int64")),
    "uint64": lambda df: df.assign(id=df["id"].astype("uint64")),
    "whole numbers of Arrow": lambda df: df.assign(id=df["id"].astype("int64[pyarrow]")),
    "objects": lambda df: df.astype(object),
    "categories": lambda df: df.astype("category"),
    "text of Arrow": lambda df: df.assign(who=df["who"].astype("string[pyarrow]")),
    "booleans as text": lambda df: df.assign(member=df["member"].astype(str)),
    "booleans as numbers": lambda df: df.assign(member=df["member"].astype(int)),
    "nullable booleans": lambda df: df.assign(member=df["member"].astype("boolean")),
    "other order of columns": lambda df: df[df.columns[::-1]],
    "everything as text": lambda df: df.astype(str),
    "nullable": lambda df: df.convert_dtypes(),
    "Arrow": lambda df: df.convert_dtypes(dtype_backend="pyarrow"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_t4_rows_in_both_parts_are_found_whatever_their_types(change: str) -> None:
    a = rows()
    b = CHANGES[change](a.copy())
    assert overlap_of(a, b[::-1]) == N
    assert overlap_of(b, a) == N
    assert overlap_of(b, b) == N
    other = rows().assign(id=rows()["id"] + N)
    assert overlap_of(other, b) == 0  # what differs stays different
    together = Datasheet.from_data({"a": a, "b": b}).facts
    assert {name: column["distinct"] for name, column in together["columns"].items()} == {
        **dict.fromkeys(["id", "x", "day", "who"], N),
        "member": 2,
    }
    assert together["repeated_rows"] == 0


def test_t4_a_csv_beside_a_parquet_file(tmp_path: Path) -> None:
    gaps = rows().astype({"x": "float32"})
    gaps["when"] = [day.date() for day in gaps["day"]]
    gaps["note"] = ["", "NA", "ok", "ok", None, "ok"]
    gaps["id"] = gaps["id"].astype("Int64").mask(gaps.index == 2)
    gaps.to_csv(tmp_path / "train.csv", index=False)
    gaps.to_parquet(tmp_path / "test.parquet")
    assert overlap_of(tmp_path / "train.csv", tmp_path / "test.parquet") == N
    assert overlap_of(tmp_path / "test.parquet", tmp_path / "train.csv") == N


def test_t4_durations_as_text() -> None:
    held = pd.DataFrame({"d": pd.to_timedelta(["1 days", "-1 days +02:00:00", "0 days 00:00:00.5", None])})
    assert overlap_of(held, pd.DataFrame({"d": held["d"].astype(str).replace("NaT", "")})) == 4
    assert overlap_of(pd.DataFrame({"d": held["d"].map(str)}), held.astype("timedelta64[ms]")) == 4
    assert overlap_of(held, pd.DataFrame({"d": ["1 day off", "2 days", "1"]})) == 0


def test_t4_within_a_part_a_text_is_not_a_number() -> None:
    facts = Datasheet.from_data(pd.DataFrame({"x": pd.Series([1, "1", 1.0, "1.0"], dtype=object)})).facts
    assert facts["columns"]["x"]["distinct"] == 3  # 1, "1" and "1.0"
    assert facts["repeated_rows"] == 1
    texts = Datasheet.from_data(pd.DataFrame({"x": ["1", "01", "1.0", "1"]})).facts
    assert texts["columns"]["x"]["distinct"] == 3
    assert texts["repeated_rows"] == 1


def test_t4_by_hand() -> None:
    whole, text = pd.DataFrame({"x": [1, 2, None]}), pd.DataFrame({"x": ["01", "2.0", "x", None]})
    assert alike({"a": whole, "b": text})["b"]["x"].tolist() == [1, 2, "x", None]
    assert overlap_of(whole, text) == 3  # the missing one too
    gaps = pd.DataFrame({"x": [0.5, None], "d": [DAYS[0], None]})
    assert overlap_of(gaps, gaps.astype(str)) == 2
    mixed = pd.DataFrame({"x": pd.Series([1, "x"], dtype=object)})
    assert overlap_of(mixed, pd.DataFrame({"x": ["1", "x"]})) == 2
    # float32 has 24 bits: fractions are compared as it has them, whole numbers exactly.
    narrow = pd.DataFrame({"x": np.array([0.1, 16777216.0], "float32")})
    assert overlap_of(narrow, pd.DataFrame({"x": [0.1, 0.1 + 1e-12, 0.2]})) == 2
    assert overlap_of(narrow, pd.DataFrame({"x": [16777216, 16777217]})) == 1
    assert overlap_of(pd.DataFrame({"x": [0.1]}), pd.DataFrame({"x": [0.1 + 1e-12]})) == 0
    far = pd.DataFrame({"d": pd.to_datetime(["9999-12-31"])})
    assert overlap_of(far, pd.DataFrame({"d": ["9999-12-31"]})) == 1
    assert overlap_of(pd.DataFrame({"d": ["2024-02-30"]}), pd.DataFrame({"d": ["2024-02-30"]})) == 1  # no such day
    lists = pd.DataFrame({"x": [[1], [2]]})
    assert overlap_of(lists, lists) == 2


def test_what_a_column_holds() -> None:
    assert type_of(pd.Series(pd.to_timedelta([1], "D"))) == "duration"
    assert type_of(pd.Series([Decimal("0.5")])) == "number"
    assert type_of(pd.Series([pd.Timestamp("2024"), 1], dtype=object)) == "mixed"
    assert type_of(pd.Series(["2024-02-30 10:00"])) == "date"
    facts = Datasheet.from_data(pd.DataFrame({"x": [Decimal("0.5"), Decimal(2)]})).facts["columns"]["x"]
    assert facts == {"type": "number", "missing": 0, "distinct": 2, "least": 0.5, "greatest": 2}
