"""CSV: which column is which, exact text, encodings, and what is wrong with a file."""

from __future__ import annotations

import pytest

from handlens.errors import ImportProblem
from handlens.studio.formats.matching import PhotoNames
from handlens.studio.formats.readers.csv import CsvImporter

PHOTOS = PhotoNames(["a.jpg", "b.jpg", "c.jpg", "x/d.jpg"])


@pytest.fixture
def read(tmp_path):
    def read(data, name="labels.csv", **choices):
        file = tmp_path / name
        file.write_bytes(data.encode() if isinstance(data, str) else data)
        return CsvImporter().read(file, PHOTOS, **choices)

    return read


def rows(found):
    return found.labels[["photo", "label", "where"]].values.tolist()


def test_lines_and_columns_by_hand(read):
    found = read("file,label\na.jpg,cat\n\nb.jpg,dog\n")
    assert rows(found) == [["a.jpg", "cat", "line 2"], ["b.jpg", "dog", "line 4"]]
    assert (found.title, found.name) == ("CSV", "labels.csv")
    assert found.choices == {
        "photo_column": ["file", "label"],
        "label_column": ["label"],
        "separator": ["comma", "semicolon", "tab"],
        "encoding": ["utf-8", "utf-16", "cp1252"],
    }


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("file;label\na.jpg;x,y\n", "semicolon"),
        ("file\tlabel\na.jpg\tx,y\n", "tab"),
        ('file,label\na.jpg,"x,y"\n', "comma"),
        ("sep=;\nfile;label\na.jpg;x,y\n", "semicolon"),
        ("\n\nfile;label\na.jpg;x,y\n", "semicolon"),
    ],
)
def test_the_separator_is_found(read, text, separator):
    found = read(text)
    assert found.labels["label"].tolist() == ["x,y"]
    assert found.choices["separator"][0] == separator


def test_the_separator_can_be_chosen(read):
    found = read("file;a,label;b\na.jpg;1,cat;2\n", separator="comma", photo_column="file;a")
    assert rows(found) == [["a.jpg;1", "cat;2", "line 2"]]


def test_the_column_that_names_most_photos_names_them(read):
    found = read("label,other,name\nb.jpg,a.jpg,a\ncat,b.jpg,b\ncat,gone,c\n")
    assert found.choices["photo_column"] == ["name", "other", "label"]
    assert found.choices["label_column"][0] == "label"


def test_of_columns_that_name_as_many_photos_the_one_with_their_paths_names_them(read):
    found = read("image,path,label\nd.jpg,x/d.jpg,cat\n")
    assert found.labels["photo"].tolist() == ["x/d.jpg"]
    assert found.choices["photo_column"] == ["path", "image", "label"]


@pytest.mark.parametrize(
    ("heading", "best"),
    [
        ("file,note,label,class", "label"),
        ("file,note,Class,x", "Class"),
        ("file,x,note,SPECIES", "SPECIES"),
        ("file,x,Category Name,note", "Category Name"),
    ],
)
def test_the_column_that_is_called_so_holds_the_labels(read, heading, best):
    assert read(f"{heading}\na.jpg,1,2,3\nb.jpg,1,2,3\n").choices["label_column"][0] == best


def test_otherwise_the_column_with_the_fewest_values_that_repeat(read):
    text = "file,constant,split,number,kind,size\n"
    text += "a.jpg,1,train,1,cat,s\nb.jpg,1,test,2,dog,m\nc.jpg,1,train,3,cat,l\nx/d.jpg,1,test,4,cat,s\n"
    # kind has 2 values, size 3; number has one for each photo, constant only one, and split is not a label.
    assert read(text).choices["label_column"] == ["kind", "size", "constant", "split", "number"]


def test_numbers_of_rows_that_are_names_of_photos_too_are_not_taken_for_these(tmp_path):
    file = tmp_path / "labels.csv"
    file.write_text("id,image,label\n1,2.jpg,cat\n2,gone.jpg,dog\n")
    found = CsvImporter().read(file, PhotoNames(["1.jpg", "2.jpg"]))
    assert found.choices["photo_column"] == ["image", "label", "id"]


def test_numbers_are_not_taken_for_names_where_pictures_have_other_names(tmp_path):
    file = tmp_path / "labels.csv"
    file.write_text(
        "annotation_id,image,choice\n1,/data/upload/1/0a1b2c3d-x.png,cat\n2,/data/upload/1/4e5f6a7b-y.png,dog\n"
    )
    photos = PhotoNames(["1.jpg", "2.jpg"])
    with pytest.raises(
        ImportProblem, match=r"none of its columns does: .* in “annotation_id” do if you choose it as photo_column"
    ):
        CsvImporter().read(file, photos)
    found = CsvImporter().read(file, photos, photo_column="annotation_id", label_column="choice")
    assert rows(found) == [["1", "cat", "line 2"], ["2", "dog", "line 3"]]


def test_a_column_that_says_what_photos_are_for_holds_no_labels(read):
    found = read("TRAIN,a.jpg,cat\nTEST,b.jpg,dog\nTEST,c.jpg,dog\n")
    assert found.choices["label_column"] == ["column 3", "column 1"]


def test_columns_can_be_chosen(read):
    text = "file,label,other\na.jpg,cat,b.jpg\nc.jpg,dog,gone.jpg\n"
    found = read(text, photo_column="other", label_column="file")
    assert rows(found) == [["b.jpg", "a.jpg", "line 2"], ["gone.jpg", "c.jpg", "line 3"]]
    with pytest.raises(ImportProblem, match="label_column must be one of label, other; 'file' arrived"):
        read(text, label_column="file")
    with pytest.raises(ImportProblem, match="photo_column must be one of file, other, label; 'x' arrived"):
        read(text, photo_column="x")
    with pytest.raises(ImportProblem, match="photo_column, label_column, separator, encoding; colour arrived"):
        read(text, colour="x")


def test_a_file_without_a_row_of_names(read):
    found = read("a.jpg,cat\nb.jpg,dog\n")
    assert rows(found) == [["a.jpg", "cat", "line 1"], ["b.jpg", "dog", "line 2"]]
    assert found.choices["photo_column"] == ["column 1", "column 2"]


def test_names_of_columns_that_are_missing_or_there_twice(read):
    found = read("file,,label,label\na.jpg,1,cat,x\n")
    assert found.choices["label_column"] == ["label", "column 2", "label (column 4)"]


def test_names_of_columns_never_meet(read):
    found = read("a,a (column 3),a,label\n1,2,3,x\n1,2,a.jpg,y\n")
    assert found.choices["photo_column"] == ["a (column 3) (column 3)", "label", "a", "a (column 3)"]
    assert rows(found) == [["3", "x", "line 2"], ["a.jpg", "y", "line 3"]]


def test_a_file_of_too_many_columns_is_refused(read):
    line = ",".join(f"c{i}" for i in range(1001))
    with pytest.raises(ImportProblem, match=r"labels.csv must have at most 1,000 columns; it has 1,001\."):
        read(f"{line}\n{line}\n")


def test_a_row_of_names_that_are_names_of_photos_too(read):
    assert rows(read("path,a\nb.jpg,cat\n")) == [["b.jpg", "cat", "line 2"]]


def test_any_text_is_exact(read):
    nasty = ["NA", "007", " spaced ", "=1+1", "'=1+1", "🦓", "a\nb", 'say "x"', "1.0", "None", "﻿x", "é", "e\u0301"]
    lines = ["file,label", *('a.jpg,"' + label.replace('"', '""') + '"' for label in nasty)]
    assert read("\n".join(lines)).labels["label"].tolist() == nasty


def test_the_line_of_a_row_is_where_it_begins(read):
    found = read('file,label\na.jpg,"x\ny"\n\nb.jpg,z\n')
    assert found.labels["where"].tolist() == ["line 2", "line 5"]


def test_apostrophes_of_studios_own_file_for_spreadsheets_are_taken_off(read):
    heading = "path,label,origin,gesture,labelled_at,error_at_most,confidence"
    row = "a.jpg,'=1+1,by hand,lasso,2026-01-01T00:00:00Z,,"
    assert read(f"{heading}\r\n{row}\r\n").labels["label"].tolist() == ["=1+1"]
    assert read(f"{heading}\n{row}\n").labels["label"].tolist() == ["'=1+1"]
    assert read("path,label\r\na.jpg,'=1+1\r\n").labels["label"].tolist() == ["'=1+1"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings_that_say_what_they_are(read, encoding):
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    assert rows(read((mark + "file,label\na.jpg,五\n").encode(encoding))) == [["a.jpg", "五", "line 2"]]


def test_another_encoding_is_named_and_can_be_chosen(read):
    data = "file,label\na.jpg,caf\u00e9\n".encode("cp1252")
    with pytest.raises(ImportProblem, match=r"must be text in UTF-8; the byte 0xe9 in line 2 is not\. Choose its enc"):
        read(data)
    found = read(data, encoding="cp1252")
    assert found.labels["label"].tolist() == ["café"]
    assert found.choices["encoding"] == ["cp1252", "utf-8", "utf-16"]
    assert read("file,label\na.jpg,犬\n".encode("shift_jis"), encoding="shift_jis").labels["label"].tolist() == ["犬"]
    with pytest.raises(ImportProblem, match=r"must be one that Python knows.*; 'martian' arrived"):
        read(data, encoding="martian")
    with pytest.raises(ImportProblem, match=r"must be one that Python knows.*; 'zlib' arrived"):
        read(data, encoding="zlib")


def test_empty_cells_have_no_label_and_name_no_photo(read):
    assert rows(read("file,label\na.jpg,\n,cat\n")) == [["a.jpg", None, "line 2"], ["", "cat", "line 3"]]


def test_rows_of_another_width_are_listed(read):
    found = read("file,label\na.jpg,cat\nb.jpg\nc.jpg,dog,x\n")
    assert rows(found) == [["a.jpg", "cat", "line 2"]]
    assert found.problems.values.tolist() == [
        ["line 3", "has 1 value, and the first row 2"],
        ["line 4", "has 3 values, and the first row 2"],
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is empty"),
        (b"\n \n"[:1], "it is empty"),
        (b"file,label\n", "a row of names and rows of as many values below it"),
        (b"file,label\na.jpg\n", "a row of names and rows of as many values below it"),
        (b"file,label\nq.jpg,cat\n", "must name photos of this collection by path or name, such as a.jpg; none of its"),
        (b"file\na.jpg\n", "must have a column of labels beside “file”"),
        (b'file,label\na.jpg,"cat\nb.jpg,dog\n', "cannot be read as CSV from line 2 on"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "the byte 0x89 in line 1 is not. It seems not to be a text at all"),
        (b"file,label\na.jpg,c\0t\n", "a zero byte arrived in line 2"),
        (b"\xff\xfea", "must be text in UTF-16"),
    ],
)
def test_files_that_cannot_be_read_say_why(read, data, message):
    with pytest.raises(ImportProblem) as caught:
        read(data)
    assert message in str(caught.value)


def test_a_file_that_is_gone_or_too_large(tmp_path, monkeypatch):
    with pytest.raises(ImportProblem, match=r"gone.csv cannot be read: No such file"):
        CsvImporter().read(tmp_path / "gone.csv", PHOTOS)
    (tmp_path / "a.csv").write_text("file,label\na.jpg,cat\n")
    monkeypatch.setattr("handlens.studio.formats.readers.csv.LARGEST", 5)
    with pytest.raises(ImportProblem, match="must have at most"):
        CsvImporter().read(tmp_path / "a.csv", PHOTOS)


def test_few_photos_among_many_rows_are_found(read):
    lines = [f"gone{i}.jpg,x{i},cat" for i in range(3000)]
    lines[1234] = "gone.jpg,a.jpg,cat"
    found = read("\n".join(["p,q,kind", *lines]))
    assert found.choices["photo_column"][0] == "q"
