"""Tables from files."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from handlens.core.table_files import read_table
from handlens.errors import TableError

ROWS = pd.DataFrame({"price": [1.5, 2.0], "colour": ["red", "blue"]})


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz", "rows.parquet", "ROWS.CSV"])
def test_each_kind_holds_the_same_rows(tmp_path: Path, name: str) -> None:
    ROWS.to_parquet(tmp_path / name) if name.endswith(".parquet") else ROWS.to_csv(tmp_path / name, index=False)
    pd.testing.assert_frame_equal(read_table(str(tmp_path / name)), ROWS)


def test_a_columns_type_does_not_depend_on_where_a_large_file_is_cut(tmp_path: Path) -> None:
    count = 300_000
    (tmp_path / "rows.csv").write_text("x\n" + "1\n" * count + "end\n")
    assert set(map(type, read_table(tmp_path / "rows.csv")["x"])) == {str}


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz", "rows.parquet"])
@pytest.mark.parametrize("data", [b"", b"\xff\xfe\xfd\0,\n1,2,3\n"])
def test_files_that_cannot_be_read(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(TableError, match=rf"{name} cannot be read as a table"):
        read_table(tmp_path / name)


def test_a_damaged_archive(tmp_path: Path) -> None:
    whole = gzip.compress("\n".join(map(str, range(2000))).encode())
    for damaged in (whole[:-100], whole[:30] + b"\xff" * 30 + whole[60:]):
        (tmp_path / "rows.csv.gz").write_bytes(damaged)
        with pytest.raises(TableError, match=r"rows\.csv\.gz cannot be read as a table"):
            read_table(tmp_path / "rows.csv.gz")


def test_no_file_and_no_table(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="there is no file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(TableError, match=r"must be a \.csv, \.csv\.gz or \.parquet file; rows\.xlsx arrived"):
        read_table(tmp_path / "rows.xlsx")
