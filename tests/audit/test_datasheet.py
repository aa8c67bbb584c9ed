from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from handlens.audit.datasheet import Datasheet
from handlens.audit.questionnaire import UNANSWERED, Document, read, write
from handlens.audit.questions import DATASHEET, EARLIER_LINES
from handlens.audit.table_facts import table_hash
from handlens.core.description import DataDescription, picture_files
from handlens.errors import AuditError, HandlensError

KEYS = [key for questions in DATASHEET.values() for key in questions]


def people() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": [30, 40, None, 30],
            "born": ["1990-01-02", "1980-05-06", None, "1990-01-02"],
            "name": ["Ada", "Bo", "Cy", "Ada"],
            "member": [True, False, True, True],
            "paid": ["yes", "no", "yes", "yes"],
        }
    )


# --- tables


def test_the_facts_of_a_small_table() -> None:
    facts = Datasheet.from_data(people(), target="paid").facts
    assert facts["kind"] == "table"
    assert facts["rows"] == 4
    assert facts["repeated_rows"] == 1
    assert facts["columns"] == {
        "age": {"type": "number", "missing": 1, "distinct": 2, "least": 30, "greatest": 40},
        "born": {"type": "date", "missing": 1, "distinct": 2, "first": "1980-05-06", "last": "1990-01-02"},
        "name": {"type": "text", "missing": 0, "distinct": 3},
        "member": {"type": "yes/no", "missing": 0, "distinct": 2},
        "paid": {"type": "text", "missing": 0, "distinct": 2},
    }
    assert facts["classes"] == {"yes": 3, "no": 1}
    assert facts["unlabelled"] == 0
    assert facts["parts"] == {"data": {"rows": 4, "sha256": table_hash(people())}}


def test_levels_are_listed_where_they_are_few_and_no_name_is() -> None:
    df = pd.DataFrame({"side": ["left", "right"] * 20, "name": [f"person {i}" for i in range(40)]})
    columns = Datasheet.from_data(df).facts["columns"]
    assert columns["side"]["levels"] == {"left": 20, "right": 20}
    assert "levels" not in columns["name"]
    assert "person 7" not in Datasheet.from_data(df).to_markdown()


def test_infinite_values_are_counted_and_left_out_of_the_range() -> None:
    column = Datasheet.from_data(pd.DataFrame({"x": [1.5, np.inf, -np.inf, 2.0, None]})).facts["columns"]["x"]
    assert column == {"type": "number", "missing": 1, "distinct": 4, "infinite": 2, "least": 1.5, "greatest": 2}


def test_parts_and_the_rows_in_both() -> None:
    train = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"], "label": ["p", "q", "p"]})
    valid = pd.DataFrame({"a": [2.0, 4.0, 1.0, 2.0], "b": ["y", "y", "z", "y"], "label": ["p", "p", "p", None]})
    sheet = Datasheet.from_data({"train": train, "valid": valid}, target="label")
    # (2, y) is in both, twice in the second; that its label differs makes it no other row.
    assert sheet.facts["overlap"] == {"train & valid": 2}
    assert [part["rows"] for part in sheet.facts["parts"].values()] == [3, 4]
    assert sheet.facts["classes"] == {"p": 5, "q": 1}
    assert sheet.facts["classes_by_part"] == {"train": {"p": 2, "q": 1}, "valid": {"p": 3}}
    assert sheet.facts["unlabelled"] == 1
    assert "| in both train and valid | 2 |" in sheet.to_markdown()


def test_the_hash_is_of_what_the_table_says() -> None:
    df = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    same = pd.DataFrame({"a": [1.0, 2.0], "b": pd.Series(["x", None], dtype="category")})
    assert table_hash(df) == table_hash(same) == table_hash(df.set_axis([5, 6]))
    others = [df[::-1], df[["b", "a"]], df.rename(columns={"a": "c"}), df.assign(a=[1, 3]), df.assign(b=["x", "None"])]
    assert len({table_hash(other) for other in [df, *others]}) == 6
    assert table_hash(pd.DataFrame({"b": ["ab", "c"]})) != table_hash(pd.DataFrame({"b": ["a", "bc"]}))
    big = 2**60
    assert table_hash(pd.DataFrame({"a": [big]})) != table_hash(pd.DataFrame({"a": [big + 1]}))


def test_a_file_has_the_facts_of_its_frame(tmp_path: Path) -> None:
    people().to_csv(tmp_path / "people.csv", index=False)
    people().to_parquet(tmp_path / "people.parquet")
    expected = Datasheet.from_data(people()).facts
    assert Datasheet.from_data(tmp_path / "people.csv").facts == expected
    assert Datasheet.from_data(str(tmp_path / "people.parquet")).facts == expected


def test_files_are_parts_by_their_names(tmp_path: Path) -> None:
    for name in ("one", "two"):
        people().to_csv(tmp_path / f"{name}.csv.gz", index=False)
    sheet = Datasheet.from_data([tmp_path / "one.csv.gz", tmp_path / "two.csv.gz"])
    assert list(sheet.facts["parts"]) == ["one", "two"]
    assert sheet.facts["overlap"] == {"one & two": 4}
    assert sheet.name == "one.csv.gz and two.csv.gz"


def test_columns_of_any_kind_are_described() -> None:
    df = pd.DataFrame(
        {
            1: pd.array([1, None, 3], "Int64"),
            "when": pd.to_datetime(["2020-01-01", "2021-01-01", None]),
            "lists": [[1], [1], None],
            "nothing": [None, None, None],
            "mixed": [1, "a", None],
        }
    )
    columns = Datasheet.from_data(df).facts["columns"]
    assert {name: column["type"] for name, column in columns.items()} == {
        "1": "number",
        "when": "date",
        "lists": "mixed",
        "nothing": "empty",
        "mixed": "mixed",
    }
    assert (columns["when"]["first"], columns["when"]["last"]) == ("2020-01-01", "2021-01-01")
    assert columns["lists"]["distinct"] == 1
    assert yaml.safe_load(yaml.safe_dump(columns)) == columns


def test_a_databunch_of_a_table_knows_its_parts_classes_and_target() -> None:
    from handlens.tabular import Categorify, Normalize, TabularList

    df = pd.DataFrame({"c": ["u", "v"] * 6, "x": np.arange(12.0), "y": ["n", "y", "y"] * 4})
    rows = TabularList.from_df(df, cat_names=["c"], cont_names=["x"], procs=[Categorify, Normalize])
    data = rows.split_by_idx([0, 1, 2]).label_from_df("y").databunch(bs=4)
    facts = Datasheet.from_data(data).facts
    assert facts["target"] == "y"
    assert facts["classes"] == {"y": 8, "n": 4}
    assert {name: part["rows"] for name, part in facts["parts"].items()} == {"train": 9, "valid": 3}
    assert facts["overlap"] == {"train & valid": 0}
    assert facts["columns"]["c"]["distinct"] == 2


# --- pictures


def picture(path: Path, colour: str = "red", size: tuple[int, int] = (4, 3), **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, **options)
    return path


def with_exif(day: str, camera: str, *, placed: bool) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Maker", camera
    exif[ExifTags.Base.DateTime] = day
    if placed:
        place = exif.get_ifd(ExifTags.IFD.GPSInfo)
        place[ExifTags.GPS.GPSLatitude], place[ExifTags.GPS.GPSLongitude] = (48.0, 8.0, 15.0), (11.0, 34.0, 30.0)
        exif[ExifTags.IFD.GPSInfo] = place
    return exif


def test_the_facts_of_a_folder_of_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "pets"
    picture(folder / "train" / "cat" / "a.png")
    picture(folder / "train" / "cat" / "b.png")
    picture(folder / "train" / "dog" / "c.png", "blue", (8, 6))
    picture(folder / "valid" / "cat" / "d.png")
    picture(folder / ".hidden" / "e.png")
    (folder / "train" / "dog" / "f.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("passed over")
    facts = Datasheet.from_data(folder).facts
    assert facts["pictures"] == 5
    assert facts["unreadable"] == {"not a picture that can be read": 1}
    assert facts["identical_files"] == 1
    assert facts["overlap"] == {"train & valid": 1}
    assert facts["formats"] == {"PNG": 4}
    assert facts["colours"] == {"RGB": 4}
    assert facts["sizes"] == {
        "width": {"least": 4, "median": 4, "greatest": 8},
        "height": {"least": 3, "median": 3, "greatest": 6},
        "different": 2,
        "most_common": {"4×3": 3, "8×6": 1},
    }
    assert facts["classes"] == {"cat": 3, "dog": 2}
    assert facts["classes_by_part"] == {"train": {"cat": 2, "dog": 2}, "valid": {"cat": 1}}
    assert {name: part["pictures"] for name, part in facts["parts"].items()} == {"train": 4, "valid": 1}


def test_a_single_folder_is_not_a_class(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    assert "classes" not in Datasheet.from_data(tmp_path).facts


def test_exif_is_given_as_counts_and_never_says_where_or_with_what(tmp_path: Path) -> None:
    folder = tmp_path / "pets"
    picture(folder / "a.jpg", exif=with_exif("2020:05:06 07:08:09", "Camera 500", placed=True))
    picture(folder / "b.jpg", exif=with_exif("2019:01:02 07:08:09", "Camera 600", placed=False))
    picture(folder / "c.jpg")
    sheet = Datasheet.from_data(folder)
    assert sheet.facts["exif"] == {
        "naming_a_camera": 2,
        "different_cameras": 2,
        "naming_a_place": 1,
        "dated": 2,
        "first": "2019-01-02",
        "last": "2020-05-06",
    }
    text = sheet.to_markdown().replace(sheet.facts["parts"]["data"]["sha256"], "").replace(sheet.hash, "")
    assert not re.search(r"Camera 500|Maker|\b48\b|07:08", text)


def test_an_object_that_describes_itself_has_a_name_and_labels(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        picture(tmp_path / name)

    class Pets:
        def describe(self) -> DataDescription:
            return DataDescription(
                parts={"data": picture_files(["a.png", "b.png"], tmp_path, ["cat", None])}, name="pets"
            )

    sheet = Datasheet.from_data(Pets())
    assert sheet.name == "pets"
    assert sheet.facts["classes"] == {"cat": 1}
    assert sheet.facts["unlabelled"] == 1
    with pytest.raises(AuditError, match=r"data must be a data frame.*type arrived"):
        Datasheet.from_data(Pets)
    with pytest.raises(AuditError, match=r"data must be a data frame.*Series arrived"):
        Datasheet.from_data(pd.Series([1, 2]))


def test_a_databunch_of_pictures_is_described_by_its_files(tmp_path: Path) -> None:
    from handlens.vision import ImageItemList

    for name, colour in {"warm/a": "red", "warm/b": "orange", "cold/c": "blue"}.items():
        picture(tmp_path / f"{name}.png", colour)
    items = ImageItemList.from_folder(tmp_path)
    data = items.split_by_idx([1]).label_from_folder().databunch(bs=1, num_workers=0)
    facts = Datasheet.from_data(data).facts
    assert facts["classes_by_part"] == {"train": {"cold": 1, "warm": 1}, "valid": {"warm": 1}}
    assert {name: part["pictures"] for name, part in facts["parts"].items()} == {"train": 2, "valid": 1}
    assert Datasheet.from_data(items).facts["parts"]["data"]["pictures"] == 3


def test_items_of_a_table_are_described_by_their_frame() -> None:
    from handlens.tabular import TabularList

    rows = TabularList.from_df(people(), cont_names=["age"])
    assert Datasheet.from_data(rows, target="paid").facts == Datasheet.from_data(people(), target="paid").facts


def test_labels_that_are_missing_or_several_are_columns_of_text() -> None:
    from handlens.core.labels import CategoryList, MultiCategoryList

    classes = CategoryList(pd.Series(["b", "a"], name="kind"))
    assert classes.columns() == {"kind": ["b", "a"]}
    assert classes.blank(2).columns() == {"kind": [None, None]}
    several = MultiCategoryList(pd.Series(["a b", ""], name="tags"), label_delim=" ")
    assert several.columns() == {"tags": ["a b", ""]}
    assert several.blank(1).columns() == {"tags": [None]}
    assert MultiCategoryList(pd.DataFrame({"x": [1, 0], "y": [1, 1]})).columns() == {"label": ["x y", "y"]}


# --- questions and answers


def test_every_question_is_open_and_said_to_be() -> None:
    sheet = Datasheet.from_data(people())
    assert sheet.unanswered == KEYS
    assert sheet.to_markdown().count(UNANSWERED) == len(KEYS)
    assert len({key.split(".")[0] for key in KEYS}) == len(DATASHEET) == 7


def test_an_answer_is_kept_and_can_be_taken_back() -> None:
    sheet = Datasheet.from_data(people())
    sheet.answer("uses.never", "\n  To hire people.\r\n\n")
    assert sheet.answers == {"uses.never": "  To hire people."}
    assert "uses.never" not in Datasheet.from_markdown(sheet.to_markdown()).unanswered
    sheet.answer("uses.never", " ")
    assert sheet.unanswered == KEYS


LINES = st.sampled_from(
    [
        "# Title",
        "---",
        "<!-- a comment -->",
        "<!-- answer uses.never -->",
        "<!-- /answer -->",
        "\\<!-- /answer -->",
        "<!-- computed -->",
        "<!-- /computed -->  ",
        "<!-- open",
        "## Uses",
        UNANSWERED,
        "",
        "```",
    ]
)
TEXTS = st.one_of(
    st.lists(st.one_of(LINES, st.text()), max_size=6).map("\n".join), st.text(), st.lists(LINES).map("\r\n".join)
)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from([*KEYS, "notes"]), TEXTS, max_size=4))
def test_any_answers_come_back_as_they_were(answers: dict[str, str]) -> None:
    sheet = Datasheet("data", Datasheet.from_data(people()).facts)
    for key, text in answers.items():
        try:
            sheet.answer(key, text)
        except AuditError:
            continue  # half a character, which no file can hold
    back = Datasheet.from_markdown(sheet.to_markdown())
    assert back.answers == sheet.answers
    assert back.facts == sheet.facts
    assert back.to_markdown() == sheet.to_markdown()


NAMES = st.text(st.characters(exclude_categories=["Cs"]))


@settings(max_examples=50)
@given(NAMES, st.dictionaries(NAMES, st.one_of(NAMES, st.integers(), st.floats(allow_nan=False), st.booleans())))
def test_any_facts_come_back_as_they_were(title: str, facts: dict[str, object]) -> None:
    about = {"format": title, "facts": facts}
    text = write(Document("x", about, "computed"), DATASHEET)
    back = read(text, DATASHEET)
    assert back.front_matter == about
    assert write(back, DATASHEET) == text


def test_what_people_write_elsewhere_becomes_notes() -> None:
    sheet = Datasheet.from_data(people())
    sheet.answer("uses.never", "Hiring.")
    text = sheet.to_markdown()
    text = text.replace("## Uses\n", "## Uses\n\nWe talked about this at length.\n\n## A heading of ours\n")
    text = text.replace("<!-- computed -->\n", "<!-- computed -->\nthis is written again\n")
    back = Datasheet.from_markdown(text)
    assert back.answers == {"uses.never": "Hiring.", "notes": "We talked about this at length.\n\n## A heading of ours"}
    assert Datasheet.from_markdown(back.to_markdown()).answers == back.answers


def test_answers_to_questions_of_another_version_are_kept() -> None:
    text = Datasheet.from_data(people()).to_markdown().replace("uses.never", "uses.old")
    text = text.replace("answer uses.old -->\n_Not answered yet._", "answer uses.old -->\nHiring.")
    back = Datasheet.from_markdown(text)
    assert back.answers["uses.old"] == "Hiring."
    assert "uses.never" in back.unanswered
    assert Datasheet.from_markdown(back.to_markdown()).answers == back.answers


# --- keeping and checking


def answered(data: object, **options: str) -> Datasheet:
    sheet = Datasheet.from_data(data, **options)
    for key in sheet.questions:
        sheet.answer(key, f"About {key}.")
    return sheet


def test_a_saved_sheet_remembers_where_its_data_are_relative_to_itself(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    people().to_csv(tmp_path / "raw" / "people.csv", index=False)
    answered(tmp_path / "raw" / "people.csv").save(tmp_path / "docs" / "SHEET.md")
    assert "- ../raw/people.csv\n" in (tmp_path / "docs" / "SHEET.md").read_text()
    (tmp_path / "docs").rename(tmp_path / "elsewhere")
    assert Datasheet.load(tmp_path / "elsewhere" / "SHEET.md").check() == []


def test_check_lists_what_is_open_and_what_has_changed(tmp_path: Path) -> None:
    sheet = answered(people(), target="paid")
    assert sheet.check(people()) == []
    sheet.answer("uses.never", "")
    found = sheet.check(people().assign(age=[30, 41, None, 30]).drop(columns="member"))
    assert found[0] == "not answered: What must they not be used for? (uses.never)"
    assert "columns, age, greatest: 40 in the sheet, 41 in the data" in found
    assert "columns, member: in the sheet, and no longer in the data" in found
    assert any(line.startswith("parts, data, sha256: ") for line in found)
    assert len(found) == 4


def test_check_without_the_data_says_so(tmp_path: Path) -> None:
    assert answered(people()).check() == [
        "the facts cannot be compared: data must be given, because this datasheet was made from data in memory."
    ]
    people().to_csv(tmp_path / "people.csv", index=False)
    sheet = answered(tmp_path / "people.csv")
    (tmp_path / "people.csv").unlink()
    assert sheet.check() == [
        f"the facts cannot be compared: data must be given, because they are no longer at {tmp_path / 'people.csv'}."
    ]


def test_refreshing_keeps_every_answer() -> None:
    sheet = answered(people(), target="paid")
    before = dict(sheet.answers)
    sheet.refresh(people().head(2))
    assert sheet.facts["rows"] == 2
    assert sheet.facts["target"] == "paid"
    assert sheet.answers == before


def test_the_hash_tells_the_data_apart() -> None:
    one, other = Datasheet.from_data(people()), Datasheet.from_data(people().head(3))
    assert one.hash == Datasheet.from_data(people(), target="paid").hash != other.hash
    assert len(one.hash) == len(hashlib.sha256().hexdigest())


# --- bad input


@pytest.mark.parametrize(
    ("data", "options", "says"),
    [
        (3, {}, "data must be a data frame"),
        (None, {}, "data must be a data frame"),
        ({}, {}, "data must be a data frame"),
        (pd.DataFrame({"a": []}), {}, "data must have rows"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), {}, "distinct names"),
        (people(), {"target": "salary"}, "target must be a column"),
        (people(), {"target": 3}, "target must be the name of a column"),
        (people(), {"name": 3}, "name must be text"),
        ("/no/such/table.csv", {}, "no file"),
        ("/no/such/table.xlsx", {}, "must be a .csv"),
        (["a/x.csv", "b/x.csv"], {}, "distinct names"),
    ],
)
def test_bad_data_get_a_sentence(data: object, options: dict[str, object], says: str) -> None:
    with pytest.raises(HandlensError, match=says):
        Datasheet.from_data(data, **options)  # type: ignore[arg-type]


def test_pictures_and_tables_make_no_one_sheet(tmp_path: Path) -> None:
    picture(tmp_path / "pictures" / "a.png")
    people().to_csv(tmp_path / "people.csv")
    with pytest.raises(AuditError, match="parts of both"):
        Datasheet.from_data([tmp_path / "pictures", tmp_path / "people.csv"])
    with pytest.raises(AuditError, match="target must be left out"):
        Datasheet.from_data(tmp_path / "pictures", target="x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(AuditError, match="holds no picture"):
        Datasheet.from_data(tmp_path / "empty")


def test_answers_are_checked() -> None:
    sheet = Datasheet.from_data(people())
    with pytest.raises(AuditError, match="key must be one of motivation"):
        sheet.answer("purpose", "x")
    with pytest.raises(AuditError, match="text must be text; int arrived"):
        sheet.answer("uses.never", 3)  # type: ignore[arg-type]
    with pytest.raises(AuditError, match="valid Unicode"):
        sheet.answer("uses.never", "\ud800")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: "", "does not begin with YAML"),
        (lambda text: text.replace("---", "===", 1), "does not begin with YAML"),
        (lambda text: text.replace("handlens-datasheet", "recipe"), "not a datasheet"),
        (lambda text: text.replace("format_version: 1", "format_version: 2"), "format 2"),
        (lambda text: text.replace("name: data", "name: [a"), "front matter is not"),
        (lambda text: text.replace("name: data", "name: 3"), "damaged"),
        (lambda text: text.replace("name: data", "name: !!python/name:os.system x"), "front matter is not"),
        (lambda text: text.replace("<!-- /answer -->", "", 1), "has no end before <!-- answer motivation.makers"),
        (lambda text: text.replace("motivation.makers", "motivation.purpose"), "answered in two places"),
        (lambda text: text[: text.rindex("<!-- /answer -->")], "has no end"),
    ],
)
def test_a_damaged_sheet_is_refused(tmp_path: Path, change: object, says: str) -> None:
    text = Datasheet.from_data(people()).to_markdown()
    file = tmp_path / "SHEET.md"
    file.write_text(change(text))  # type: ignore[operator]
    with pytest.raises(AuditError, match=says):
        Datasheet.load(file)


def test_no_sheet_and_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="there is no datasheet"):
        Datasheet.load(tmp_path / "none.md")
    (tmp_path / "x.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AuditError, match="cannot be read"):
        Datasheet.load(tmp_path / "x.md")


def test_the_census(shared_data: Path) -> None:
    folder = shared_data / "adult"
    facts = Datasheet.from_data([folder / "adult.data.csv.gz", folder / "adult.test.csv.gz"], target=" Y").facts
    assert facts["rows"] == 32561 + 16281
    assert facts["columns"][" sex"]["levels"] == {" Male": 32650, " Female": 16192}
    assert facts["classes_by_part"]["adult.data"] == {" <=50K": 24720, " >50K": 7841}
    both = [pd.read_csv(folder / f"adult.{part}.csv.gz").drop(columns=" Y") for part in ("data", "test")]
    seen = set(both[0].itertuples(index=False, name=None))
    again = sum(row in seen for row in both[1].itertuples(index=False, name=None))
    assert facts["overlap"] == {"adult.data & adult.test": again}


def test_a_file_with_earlier_wording_has_no_notes_of_it() -> None:
    sheet = Datasheet.from_data(people())
    sheet.answer("motivation.makers", "Us.")
    text = sheet.to_markdown()
    question = sheet.questions["motivation.makers"]
    earlier = [line for line in EARLIER_LINES if line.startswith("### Who gathered them")]
    text = text.replace(f"### {question}", earlier[0]).replace("The part under “Computed” was", "My note: it was")
    again = Datasheet.from_markdown(text)
    assert again.answers["motivation.makers"] == "Us."
    assert again.answers["notes"].startswith("My note: it was computed")
    assert "gathered" not in again.answers["notes"]
    assert not {f"### {question}" for question in sheet.questions.values()} & EARLIER_LINES
