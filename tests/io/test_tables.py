"""Tables from files: what a CSV's columns hold, rows of another width, and files that are not tables."""

from __future__ import annotations

import csv
import gzip
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from handlens.errors import TableError
from handlens.io import tables
from handlens.io.tables import csv_columns, read_csv, read_table, read_text_rows
from handlens.tabular.levels import Levels

TEXT = pd.Index([], dtype="str")
NUMBER = pd.Index([], dtype="float64")


def read(folder: Path, content: str | bytes, **levels: pd.Index) -> pd.DataFrame:
    file = folder / "rows.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(file, levels=levels)


ROWS = pd.DataFrame({"price": [1.5, 2.0], "colour": ["red", "blue"]})


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz", "rows.parquet", "ROWS.CSV"])
def test_each_kind_holds_the_same_rows(tmp_path: Path, name: str) -> None:
    ROWS.to_parquet(tmp_path / name) if name.endswith(".parquet") else ROWS.to_csv(tmp_path / name, index=False)
    pd.testing.assert_frame_equal(read_table(str(tmp_path / name)), ROWS)


def test_a_columns_type_does_not_depend_on_where_a_large_file_is_cut(tmp_path: Path) -> None:
    count = 300_000
    (tmp_path / "rows.csv").write_text("x\n" + "1\n" * count + "end\n")
    assert set(map(type, read_table(tmp_path / "rows.csv")["x"])) == {str}


def test_without_levels_what_a_column_holds_is_guessed(tmp_path: Path) -> None:
    table = read(tmp_path, "a,b,c,,d\n01,NA,x,,True\n2,,y,,False\n")
    assert table.columns.tolist() == ["a", "b", "c", "Unnamed: 3", "d"]
    assert table["a"].tolist() == [1, 2]
    assert table["b"].isna().tolist() == [True, True]
    assert table["c"].tolist() == ["x", "y"]
    assert table["d"].tolist() == [True, False]


def test_text_stays_text(tmp_path: Path) -> None:
    table = read(tmp_path, 'a,b\n01234,NA\n"0",\n,null\n', a=TEXT, b=TEXT, other=TEXT)
    assert table["a"].tolist()[:2] == ["01234", "0"]
    assert table["b"].tolist()[::2] == ["NA", "null"]
    assert table.isna().to_numpy().tolist() == [[False, False], [False, True], [True, False]]


def test_numbers_and_booleans(tmp_path: Path) -> None:
    assert read(tmp_path, "b\nfalse\n1\n", b=pd.Index([True]))["b"].tolist() == [False, True]
    table = read(tmp_path, "a,b,c\n1,True,0.1\nNA,,1e3\n", a=pd.Index([1, 2]), b=pd.Index([True, False]), c=NUMBER)
    assert table["a"].tolist()[0] == 1
    assert math.isnan(table["a"].tolist()[1])
    assert table["b"].tolist()[0] is True
    assert table["c"].tolist() == [0.1, 1000.0]
    assert read(tmp_path, "c\nNA\n", c=NUMBER)["c"].isna().tolist() == [True]


def test_timestamps(tmp_path: Path) -> None:
    plain, zoned = (pd.date_range("2015-07-31", periods=1, tz=tz) for tz in (None, "Europe/Berlin"))
    table = read(tmp_path, "a,b\n2015-07-31,2015-07-31 00:00:00+02:00\n,2015-07-30T22:00Z\n", a=plain, b=zoned)
    assert table["a"].tolist()[0] == plain[0]
    assert pd.isna(table["a"].tolist()[1])
    assert table["b"].tolist() == [zoned[0], zoned[0]]


def test_columns_of_several_kinds(tmp_path: Path) -> None:
    levels = pd.Index(["0", 1, 2.5, True, pd.Timestamp("2015-07-31")], dtype=object)
    found = read(tmp_path, "a\n0\n1\n1.0\n2.5\n2015-07-31 00:00:00\n7\nx\n", a=levels)["a"].tolist()
    assert found == ["0", 1, 1, 2.5, pd.Timestamp("2015-07-31"), "7", "x"]
    assert isinstance(found[0], str)
    huge = pd.Index([2**64, 5], dtype=object)
    assert read(tmp_path, f"a\n{2**64}\n7\n", a=huge)["a"].tolist() == [2**64, 7]


@pytest.mark.parametrize(
    ("content", "levels", "message"),
    [
        ("a\n1\n\n1 m\n", NUMBER, r"column 'a' of .*rows\.csv must hold numbers; line 4 holds '1 m'\. Correct it"),
        ("a\nTrue\n1\n", NUMBER, "must hold numbers; line 2 holds 'True'"),
        ("a\nTrue\nyes\n", pd.Index([True, False]), "must hold True or False; line 3 holds 'yes'"),
        (
            "a\n31.07.2015\n",
            pd.date_range("2015", periods=1),
            "must hold timestamps such as .* line 2 holds '31.07.2015'",
        ),
        ("a\nnow\n", pd.date_range("2015", periods=1), "line 2 holds 'now'"),
        ("a\n2015-07-31T00Z\n", pd.date_range("2015", periods=1), "without a time zone; line 2 holds"),
        ("a\n2015-07-31\n", pd.date_range("2015", periods=1, tz="UTC"), "timestamps with a time zone.*line 2 holds"),
    ],
)
def test_values_of_another_kind_are_named(tmp_path: Path, content: str, levels: pd.Index, message: str) -> None:
    with pytest.raises(TableError, match=message):
        read(tmp_path, content, a=levels)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("k,x,z\n9,1,2,3\n", "must have 3 fields.*line 2 has 4. Correct that line"),
        ("k,x,z\n9,1,2,\n", "line 2 has 4"),
        ("k,x,z\n1,1,1\n9,1\n", "line 3 has 2"),
        ("k,x,z\r\n1,1,1\r\n\r\n9\r\n", "line 4 has 1"),
        ('k,x,z\n"a\nb",1,1\n"a,b",1\n', "line 4 has 2"),
        ("k,x\n1,1\n  \n", "line 3 has 1"),
        ("k\na\n  \nb\n", "has 3 rows, but only 2 can be told apart from blank lines"),
        ("", "must begin with a line of column names; it is empty"),
        ("\n\n", "must begin with a line of column names; it is empty"),
        ('k,x\n1,"2\n', "cannot be read as a table"),
        (b"k,x\n1,\xff\n", "must be UTF-8 text; the byte 0xff, which is not UTF-8, arrived"),
        ("k\n1\n".encode("utf-16"), "must be UTF-8 text"),
        (b"k,x\n1,1\n1,\x00\n", "a NUL byte arrived in line 3"),
    ],
)
def test_what_is_no_csv_is_named(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(TableError, match=message):
        read(tmp_path, content)


def test_quotes_blank_lines_and_a_mark_at_the_start(tmp_path: Path) -> None:
    content = '\ufeffa,"b, c"\n\n"1, 2","line\nand ""line"""\r\n\n5" pipe,\n'
    table = read(tmp_path, content)
    assert table.columns.tolist() == ["a", "b, c"]
    assert table["a"].tolist() == ["1, 2", '5" pipe']
    assert table["b, c"].tolist()[0] == 'line\nand "line"'
    long = "x" * 200_000
    assert read(tmp_path, f'a\n"{long}"\n')["a"].tolist() == [long]
    assert read(tmp_path, "a,b\n").columns.tolist() == ["a", "b"]


def _parquet(folder: Path) -> bytes:
    pd.DataFrame({"a": range(1000)}).to_parquet(folder / "whole.parquet")
    return (folder / "whole.parquet").read_bytes()


@pytest.mark.parametrize("name", ["rows.csv.gz", "rows.CSV.GZ", "rows.parquet"])
@pytest.mark.parametrize("damage", ["cut", "other bytes", "empty", "another file"])
def test_damaged_files_are_errors(tmp_path: Path, name: str, damage: str) -> None:
    lines = "".join(f"{i}\n" for i in range(1000))
    whole = _parquet(tmp_path) if name.endswith("parquet") else gzip.compress(f"a\n{lines}".encode())
    middle = len(whole) // 2
    content = {
        "cut": whole[:middle],
        "other bytes": whole[:middle] + b"\xff" * 50 + whole[middle + 50 :],
        "empty": b"",
        "another file": b"a,b\n1,2\n",
    }[damage]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError, match=r"cannot be read as a table"):
        read_table(tmp_path / name)


def test_files_that_are_not_there_or_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="there is no file"):
        read_table(tmp_path / "rows.csv")
    with pytest.raises(TableError, match=r"must be a \.csv, \.csv\.gz or \.parquet file; rows\.xlsx arrived"):
        read_table(tmp_path / "rows.xlsx")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(TableError, match="cannot be read as a table"):
        read_table(tmp_path / "folder.csv")


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1).filter(str.strip)
moments = st.datetimes(pd.Timestamp("1700-01-01"), pd.Timestamp("2250-01-01"))
kinds = {
    "text": texts | st.sampled_from(["NA", "null", "01234", "0", "True", "1.50", "2015-07-31", 'a"b', "a,b"]),
    "whole numbers": st.integers(-(2**53), 2**53),
    "numbers": st.floats(-1e30, 1e30),
    "booleans": st.booleans(),
    "timestamps": moments.map(pd.Timestamp),
    "timestamps with a time zone": moments.map(lambda moment: pd.Timestamp(moment, tz="UTC")),
    "text and numbers": st.sampled_from(["a", "b", 5, 2.5, "0", True]),
}


@pytest.mark.parametrize("kind", kinds)
@given(data=st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_csv_and_parquet_give_the_same_codes(kind: str, tmp_path: Path, data: Any) -> None:
    column = pd.Series(data.draw(st.lists(kinds[kind], min_size=1, max_size=8)))
    mixed = kind == "text and numbers"  # of these, a kind never seen is an error, and Parquet holds none
    levels = Levels.of(column[: 8 if mixed else data.draw(st.integers(1, 8))], "c")
    kept = data.draw(st.lists(st.booleans(), min_size=len(column), max_size=len(column)))
    for values in (column, column.where(np.array(kept))):
        table = pd.DataFrame({"c": values, "other": 0})
        table.to_csv(tmp_path / "rows.csv", index=False)
        found = [read_table(tmp_path / "rows.csv", levels={"c": levels.index})]
        if not mixed:
            table.to_parquet(tmp_path / "rows.parquet")
            found.append(read_table(tmp_path / "rows.parquet"))
        for rows in found:
            assert levels.codes(rows["c"]).tolist() == levels.codes(table["c"]).tolist()


class TestShape:
    """Widths of rows are counted in whole blocks where that is safe, and line by line elsewhere."""

    @staticmethod
    def starts(file: Path, width: int) -> list[int] | None:
        try:
            return list(tables._any_starts(file, width))
        except (TableError, csv.Error, StopIteration):
            return None

    PARTS = st.sampled_from(["a", ",", '"', "\n", "\r\n", "\r", " ", "é", '""', '",', ',"', "a,b\n", '"a","b"\n'])

    @given(st.lists(PARTS, max_size=12))
    @example(['"a\n', 'b"', ",c"])  # a text over two lines
    @example(['5" pipe', ",", "x"])  # a quote inside a field is an ordinary character
    @example(['"a,""b"', ",c"])
    def test_both_ways_agree(self, parts: list[str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "table.csv"
            file.write_bytes(("x,y\n" + "".join(parts)).encode())
            for block in (1, 5, 1 << 24):
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(tables, "_BLOCK", block)
                    quick = tables._plain_starts(file, 2)
                if quick is not None:
                    assert list(quick) == self.starts(file, 2)

    @pytest.mark.parametrize("text", ["x,y\n1,2\n\n3,4", 'x,y\r\n"1,5",2\r\n\r\n"a ""b"" c",4\r\n'])
    def test_plain_files_are_counted_in_blocks(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "table.csv").write_bytes(text.encode())
        quick = tables._plain_starts(tmp_path / "table.csv", 2)
        assert quick is not None
        assert list(quick) == [2, 4]

    @pytest.mark.parametrize("text", ['x,y\n"1\n",2\n', 'x,y\n5" pipe,2\n', "x,y\n1\r2,3\n", "x,y\n1,2,3\n"])
    def test_others_take_a_closer_look(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "table.csv").write_bytes(text.encode())
        assert tables._plain_starts(tmp_path / "table.csv", 2) is None


def test_the_ending_of_a_csv_says_how_it_is_compressed(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "NA"]})
    for name in ("list.txt", "list.csv.gz", "list.csv.bz2", "list.csv.xz"):
        frame.to_csv(tmp_path / name, index=False)
        found = read_csv(tmp_path / name, levels={"b": pd.Index([], dtype="str")})
        pd.testing.assert_frame_equal(found, frame, check_dtype=False)
        assert csv_columns(tmp_path / name) == ["a", "b"]


class TestTextRows:
    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_separators_and_encodings_of_spreadsheets(self, separator: str, encoding: str) -> None:
        text = f"photo{separator}café\n\n a.jpg {separator} 007 \n"
        found = read_text_rows(text.encode(encoding), "list.csv")
        assert found == (["photo", "café"], [(3, ["a.jpg", "007"])])

    @pytest.mark.parametrize(
        ("data", "says"),
        [
            (b"\x89PNG\r\n", "must be a CSV file, text in UTF-8"),
            (b"a,b\n", "at least one row below it; 1 lines arrived"),
            (b"a,a\n1,2\n", "“a” is there twice"),
            (b"a,b\n1,2\n3\n", "must have 2 values as its heading has; line 3 has 1"),
            (b'a,b\n1,"2\n', "line 2 of list.csv cannot be read as CSV"),
        ],
    )
    def test_what_cannot_be_read(self, data: bytes, says: str) -> None:
        with pytest.raises(TableError, match=says) as caught:
            read_text_rows(data, "list.csv")
        assert str(caught.value).endswith(".")

    def test_a_column_without_a_name_gets_one(self) -> None:
        assert read_text_rows(b"a,\n1,2\n", "list.csv").columns == ["a", "column 2"]


@pytest.mark.parametrize("dtype", ["int64", "uint64", "guessed"])
def test_t3_whole_numbers_are_exact_beside_an_empty_field(tmp_path: Path, dtype: str) -> None:
    levels = {} if dtype == "guessed" else {"id": pd.Index([1], dtype=dtype)}
    table = read(tmp_path, "id,x\n9007199254740993,1\n,2\n9007199254740992,3\nNA,4\n", **levels)
    assert table["id"].dtype == "Int64"
    assert table["id"].dropna().tolist() == [2**53 + 1, 2**53]
    assert table["id"].isna().tolist() == [False, True, False, True]
    huge = read(tmp_path, "id\n18446744073709551615\n\nNA\n", **levels)["id"]
    assert huge.dropna().tolist() == [2**64 - 1]


def test_t3_text_and_levels_of_several_kinds_are_exact_too(tmp_path: Path) -> None:
    known = pd.Index([2**53, 2**53 + 1, "a"], dtype=object)
    for text, value in [(f"{2**53}", 2**53), (f"{2**53 + 1}", 2**53 + 1), (f"{2**53 + 1}.0", 2**53 + 1)]:
        assert read(tmp_path, f"id\n{text}\n", id=known)["id"].tolist() == [value]
    beyond = read(tmp_path, f"id\n{2**80}\n{2**53 + 1}\n", id=pd.Index([1]))["id"]
    assert beyond.tolist() == [2**80, 2**53 + 1]
    fractions = read(tmp_path, "x\n1e300\n0.5\n", x=NUMBER)["x"]
    assert fractions.tolist() == [1e300, 0.5]
    assert read(tmp_path, "x\n1e300\n\n0.5\n")["x"].tolist()[0] == 1e300


@pytest.mark.parametrize(
    ("content", "seems", "options"),
    [
        ("a;b\n1;2\n", "separated by semicolons", {"sep": ";"}),
        (
            "a;b\n1,5;2,25\n3,5;4,0\n",
            "separated by semicolons, and numbers to have decimal commas",
            {"sep": ";", "decimal": ","},
        ),
        ("a\tb\n1\t2\n", "separated by tabs", {"sep": "\t"}),
        ("a\tb\n1,5\t2\n", "separated by tabs, and numbers to have decimal commas", {"sep": "\t", "decimal": ","}),
        ("a|b|c\n1|2|3\n", "separated by vertical bars", {"sep": "|"}),
        ("sep=;\na;b\n1,5;2\n", "first line is sep=;, and numbers", {"sep": ";", "decimal": ",", "skiprows": 1}),
        ("sep=,\na,b\n1,2\n", "its first line is sep=,", {"sep": ",", "skiprows": 1}),
        ('"a";"b, c"\n"x, y";2\n', "separated by semicolons", {"sep": ";"}),
        ("\ufeffa;b\r\n1;2\r\n", "separated by semicolons", {"sep": ";"}),
    ],
    ids=str,
)
def test_t13_the_separator_is_named(tmp_path: Path, content: str, seems: str, options: dict[str, Any]) -> None:
    with pytest.raises(TableError) as error:
        read(tmp_path, content)
    assert seems in str(error.value)
    written = "".join(f", {name}={value!r}" for name, value in options.items())
    assert f"pd.read_csv('rows.csv'{written})" in str(error.value)
    with pytest.raises(TableError, match="must have commas between its fields"):
        csv_columns(tmp_path / "rows.csv")
    fixed = pd.read_csv(tmp_path / "rows.csv", **options)
    fixed.to_csv(tmp_path / "rows.csv", index=False)  # as it advises
    assert read_table(tmp_path / "rows.csv").shape == fixed.shape
    assert fixed.shape[1] >= 2


def test_t13_a_comma_is_the_separator_where_it_can_be(tmp_path: Path) -> None:
    assert read(tmp_path, "a;b,c\n1;2,3\n").columns.tolist() == ["a;b", "c"]
    assert read(tmp_path, "full name; short\n")["full name; short"].tolist() == []
    assert read(tmp_path, "a;b\nno\n")["a;b"].tolist() == ["no"]
    with pytest.raises(TableError, match=r"must hold numbers; line 2 holds '1,5'\. Write it with a point"):
        read(tmp_path, 'a,b\n"1,5",2\n', a=NUMBER)


def test_t13_a_spreadsheets_first_line_says_the_separator() -> None:
    assert read_text_rows(b"sep=;\r\nphoto;place\r\na.jpg;Rome, Italy\r\n", "l.csv").rows == [
        (3, ["a.jpg", "Rome, Italy"])
    ]


def test_t17_a_name_that_is_there_twice_is_no_matter_of_the_reader(tmp_path: Path) -> None:
    table = read(tmp_path, "a,z,z\n1,2,3\n", a=NUMBER, z=NUMBER)
    assert table.columns.tolist() == ["a", "z", "z"]
    assert table.to_numpy().tolist() == [[1, 2, 3]]
