"""A datasheet never repeats names, e-mail addresses, phone numbers, free text, or the ends of identifiers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from handlens.audit import Datasheet
from handlens.audit.personal import of_numbers, of_texts
from handlens.cli import app
from handlens.errors import AuditError

FIRST = ["Ada", "Alan", "Grace", "Edsger", "Barbara", "Donald", "Frances", "John", "Radia", "Tim"]
LAST = [
    *("Lovelace", "Turing", "Hopper", "Dijkstra", "Liskov", "Knuth", "Allen", "Backus", "Perlman", "Lee", "Hamilton"),
    *("Ritchie", "Thompson", "Kay", "Engelbart", "Minsky", "McCarthy", "Shannon", "Wirth", "Hoare", "Lamport", "Karp"),
    *("Cook", "Rivest", "Adleman", "Cerf", "Kahn", "Cocke", "Gray", "Codd"),
]
PEOPLE = [f"{first} {last}" for first in FIRST for last in LAST]


def texts_of(sheet: Datasheet, tmp_path: Path) -> str:
    """All that a datasheet says, also in its file."""
    sheet.save(tmp_path / "sheet.md")
    return f"{sheet.facts} {sheet.to_markdown()} {(tmp_path / 'sheet.md').read_text(encoding='utf-8')}"


PERSONAL = {
    "e-mail addresses": (
        ["ada@example.com", "alan@example.org"],
        ["write to ada@example.com", "none"],
        ["ada (at) example.com", "x"],
        ["@ada_l", "@alan"],
    ),
    "phone numbers": (
        ["+49 170 1234567", "0170/7654321"],
        ["(555) 010-0123", "555.010.0199"],
        ["5550100123", "unknown"],
        ["tel. 555-010-0123", "none"],
        ["555-010-0199 ext. 5", "+1 555 010 0100 x12"],
        ["0170 1234567 (home)", "none"],
    ),
    "names of people": (
        ["Ada Lovelace", "Alan Turing"],
        ["ADA LOVELACE", "JOHN BACKUS"],
        ["john backus", "anna schmidt"],
        ["Lovelace, Ada", "Turing, Alan"],
        ["Dr. Lovelace", "Mr Turing"],
        ["Ludwig van Beethoven", "Charles de Gaulle"],
        ["Jean-Luc O'Neill", "Zoë Müller"],
        ["Мария Иванова", "Иван Петров"],
        ["George_W_Bush", "Aaron_Eckhart"],
        ["Anna", "Maria", "Peter"],
        ["other", "unknown", "staff", "John Smith", "nobody"],
        ["John Smith 2", '"Jane Doe"'],
        ["ada.lovelace", "john-hall"],
        ["AdaLovelace", "Ada/Turing"],
        ["Turing;Alan", "Doe;Jane"],
        ["Siobhán", "Müller", "García"],
        ["王伟", "李娜", "张敏"],
        ["김철수", "이영희"],
        ["محمد علي", "فاطمة حسن"],
        ["राम कुमार", "सीता देवी"],
        ["Emma Stone", "John Hall", "Ann Price"],
    ),
    "free text": (
        ["Patient complains of severe pain", "no"],
        ["Where are you?", "no"],
        ["first line\nsecond", "no"],
        ["x" * 61, "no"],
    ),
    "web addresses": (["https://example.com/ada", "no"], ["www.example.com", "no"], ["example.com/ada", "no"]),
}


@pytest.mark.parametrize(
    ("shape", "values"), [(shape, values) for shape, lists in PERSONAL.items() for values in lists], ids=str
)
@pytest.mark.parametrize("dtype", ["str", "object", "category", "string[pyarrow]"])
def test_t6_levels_that_look_personal_are_left_out_and_said_to_be(
    shape: str, values: list[str], dtype: str, tmp_path: Path
) -> None:
    df = pd.DataFrame({"x": pd.Series(values * 20, dtype=dtype), "side": ["left", "right"] * 10 * len(values)})
    sheet = Datasheet.from_data(df, target="x")
    column = {"type": "text", "missing": 0, "distinct": len(values), "left_out": shape}
    assert sheet.facts["columns"]["x"] == column
    assert sheet.facts["columns"]["side"]["levels"] == {"left": 10 * len(values), "right": 10 * len(values)}
    assert sheet.facts["classes_left_out"] == shape
    assert sheet.facts["different_classes"] == len(values)
    assert sheet.facts["items_of_a_class"] == {"least": 20, "median": 20, "greatest": 20}
    assert "classes" not in sheet.facts
    said = texts_of(sheet, tmp_path)
    assert f"values left out: {shape}" in said
    assert f"classes, left out: {shape}" in said
    odd = [value for value in values if value not in ("no", "none", "x", "unknown", "other", "staff", "nobody")]
    assert not any(value in said for value in odd)


@pytest.mark.parametrize("repeats", [1, 20])
def test_t6_three_hundred_names_as_target(repeats: int, tmp_path: Path) -> None:
    assert len(set(PEOPLE)) == 300
    df = pd.DataFrame({"x": np.arange(300 * repeats) / 7, "who": PEOPLE * repeats})
    sheet = Datasheet.from_data({"train": df[::2], "test": df[1::2]}, target="who")
    said = texts_of(sheet, tmp_path)
    assert not any(name in said for name in [*PEOPLE, "Lovelace", "Turing"])
    assert sheet.facts["different_classes"] == 300
    assert sheet.facts["classes_left_out"] == "names of people"
    assert "classes_by_part" not in sheet.facts
    surnames = Datasheet.from_data(df.assign(who=[name.split()[1] for name in df["who"]]), target="who")
    assert "Lovelace" not in texts_of(surnames, tmp_path)


def test_t6_pictures_in_folders_of_people(tmp_path: Path) -> None:
    for name in ("Ada_Lovelace", "Alan_Turing", "Grace_Hopper"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (4, 4), (len(name), 0, 0)).save(tmp_path / "photos" / name / "1.png")
    sheet = Datasheet.from_data(tmp_path / "photos")
    assert sheet.facts["classes_left_out"] == "names of people"
    assert "Lovelace" not in texts_of(sheet, tmp_path)
    (tmp_path / "photos" / "Ada_Lovelace").rename(tmp_path / "photos" / "cat")
    (tmp_path / "photos" / "Alan_Turing").rename(tmp_path / "photos" / "dog")
    (tmp_path / "photos" / "Grace_Hopper").rename(tmp_path / "photos" / "cow")
    assert Datasheet.from_data(tmp_path / "photos").facts["classes"] == {"cat": 1, "cow": 1, "dog": 1}
    hidden = Datasheet.from_data(tmp_path / "photos", hide=["label"])
    assert hidden.facts["classes_left_out"] == "hidden"
    assert "cow" not in texts_of(hidden, tmp_path)
    with pytest.raises(AuditError, match="hide must name columns of the data; 'x' arrived, and the columns are: label"):
        Datasheet.from_data(tmp_path / "photos", hide=["x"])


NUMBERS = np.random.default_rng(0).integers(1_500_000_000, 1_999_999_999, 40)


@pytest.mark.parametrize(
    "dtype", ["int64", "float64", "Int64", "uint64", "object", "category", "int64[pyarrow]"], ids=str
)
@pytest.mark.parametrize("repeats", [1, 20])
def test_t6_phone_numbers_as_whole_numbers(dtype: str, repeats: int, tmp_path: Path) -> None:
    column = pd.Series(list(NUMBERS) * repeats).astype(dtype)
    sheet = Datasheet.from_data(pd.DataFrame({"line": column}), target="line")
    assert sheet.facts["columns"]["line"]["left_out"] == "phone numbers or identifiers"
    assert not any(str(number) in texts_of(sheet, tmp_path) for number in NUMBERS)
    gaps = Datasheet.from_data(pd.DataFrame({"line": [*map(float, NUMBERS), None, 0.0]}))  # 0 for an unknown one
    assert not any(str(number) in texts_of(gaps, tmp_path) for number in NUMBERS)
    few = Datasheet.from_data(pd.DataFrame({"line": list(NUMBERS[:3]) * 20}), target="line")
    assert not any(str(number) in texts_of(few, tmp_path) for number in NUMBERS)


@pytest.mark.parametrize(
    ("name", "values", "look"),
    [
        ("n", np.arange(1, 892), "identifiers"),
        ("n", NUMBERS[:25] % 89_999 + 10_000, "identifiers"),
        ("PassengerId", [1, 2, 2], "identifiers"),
        ("patient_id", [7, 7], "identifiers"),
        ("mobile", [1234, 5678], "phone numbers"),
        ("phone number", [1234, 5678], "phone numbers"),
        ("mobile_price", [10.0, 20.0], ""),
        ("has_phone", [0, 1], ""),
        ("age", [38, 53, 28], ""),
        ("age", np.arange(20, 60), "identifiers"),  # each once, one after the other
        ("year", np.arange(1950, 2000), ""),
        ("day", np.arange(20200101, 20200130), ""),
        ("price", NUMBERS[:40] % 900 * 1000, ""),
        ("weight", [12285, 1484705, 77053] * 20, ""),
        ("share", NUMBERS / 7, ""),
        ("population", [1_234_567, 98_765_432, 1_234, 567] * 9, ""),
        ("seconds", np.arange(1420070400, 1420070400 + 40 * 86400, 86400), ""),
        ("valid", [1, 0], ""),
        ("x", [], ""),
    ],
    ids=str,
)
def test_t6_numbers_that_identify_have_no_least_and_greatest(name: str, values: list[float], look: str) -> None:
    assert of_numbers(name, np.asarray(values, np.float64)) == look
    if len(values):
        column = Datasheet.from_data(pd.DataFrame({name: values})).facts["columns"][name]
        assert column.get("left_out", "") == look
        assert ("least" in column) == ("greatest" in column) == (not look)


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("education", ["HS-grad", "Some-college", "Some college, no degree"]),
        ("city", ["New York", "Boston", "Chicago"]),
        ("breed", ["Golden Retriever", "Poodle", "Beagle"]),
        ("species", ["Parus major", "Homo sapiens"]),
        ("synset", ["n01440764", "n02102040"]),
        ("income", ["<=50K", ">50K"]),
        ("month", ["April", "May", "June"]),
        ("season", ["2015-2016", "2016-2017"]),
        ("tags", ["clear primary road", "clear primary road water haze", "haze water", "clear road", "water road"]),
        ("shop_name", ["north", "south"]),
        ("answer", ["Very good", "Good", "Bad"]),
        ("size", ["<1H OCEAN", "NEAR BAY"]),
        ("group", ["Rossmann_DE_BW", "Rossmann_DE_BE"]),
        ("make", ["Alfa Romeo", "Aston Martin", "Land Rover", "Audi"]),
        ("model", ["Toyota Corolla", "Honda Civic", "Ford Focus"]),
        ("city", ["Los Angeles", "San Diego", "San Jose", "New York", "Chicago"]),
        ("breed", ["Golden Retriever", "Siberian Husky", "Border Collie", "Great Dane"]),
        ("job", ["Software Engineer", "Data Scientist", "Product Manager", "Sales Executive"]),
        ("field", ["Life Sciences", "Medical", "Marketing", "Human Resources"]),
        ("mode", ["First Class", "Second Class", "Standard Class", "Same Day"]),
        ("product", ["Apple Juice", "Green Tea", "Dark Chocolate"]),
        ("country", ["United States", "South Korea", "New Zealand"]),
        ("wine", ["Pinot Noir", "Cabernet Sauvignon"]),
        ("seller", ["Private Seller", "Car Dealer"]),
        ("payment", ["Credit Card", "Bank Transfer"]),
        ("PhoneService", ["Yes", "No"]),
        ("has_email", ["yes", "no", "unknown"]),
        ("mobile_os", ["android", "ios"]),
        ("mail_order", ["a", "b"]),
        ("provider", ["gmail.com", "example.org"]),
    ],
)
def test_t6_ordinary_levels_are_listed(name: str, texts: list[str]) -> None:
    assert of_texts(name, texts) == ""
    facts = Datasheet.from_data(pd.DataFrame({name: texts * 20}), target=name).facts
    assert set(facts["columns"][name]["levels"]) == set(facts["classes"]) == set(texts)


@pytest.mark.parametrize(
    "name",
    ["name", "Name", "full_name", "LastName", "user name", "email", "E-Mail", "Phone", "email address", "Doctor name"],
)
def test_t6_a_columns_name_says_it_too(name: str) -> None:
    assert of_texts(name, ["a", "b"]) in ("names of people", "e-mail addresses", "phone numbers")


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        ([b"ada@example.com", b"alan@example.org"], "e-mail addresses"),
        ([("Ada Lovelace", 1), ("Alan Turing", 2)], "names of people"),
        ([["Ada Lovelace"], ["Alan Turing"]], "names of people"),
        ([491701234567, "unknown"], "phone numbers or identifiers"),
        (["Maria Garcia", True], "names of people"),
        ([Path("Ada Lovelace"), Path("Alan Turing")], "names of people"),
    ],
    ids=str,
)
def test_t6_classes_of_any_kind_are_looked_at(values: list[object], shape: str) -> None:
    df = pd.DataFrame({"x": pd.Series(values * 20, dtype=object)})
    facts = Datasheet.from_data(df, target="x").facts
    assert facts["classes_left_out"] == shape
    assert "classes" not in facts


def test_t6_a_role_says_that_single_words_are_names() -> None:
    words = ["Aurelius", "Boniface", "Cassius"]
    assert of_texts("seller", words) == "names of people"
    assert of_texts("ship", words) == ""


def test_t6_many_single_words_are_names_unless_some_are_not() -> None:
    makes = (
        "Toyota Honda Audi Mazda Kia Hyundai Nissan Subaru Volvo Jeep Dodge Tesla Fiat Opel Skoda Seat Renault Acura"
    )
    assert of_texts("make", [*makes.split(), "Alpine", "Lancia", "Lotus", "Morgan"]) == ""
    assert of_texts("make", LAST) == "names of people"


def test_t6_hidden_columns_stay_hidden(tmp_path: Path) -> None:
    df = pd.DataFrame({"team": ["crimson", "turquoise"] * 20, "age": [38.5, 53.5] * 20, "ok": [True, False] * 20})
    df["born"] = "1990-01-02"
    df.to_csv(tmp_path / "team.csv", index=False)
    sheet = Datasheet.from_data(tmp_path / "team.csv", target="team", hide=["team", "age", "ok", "born"])
    for name, kind, distinct in [("team", "text", 2), ("age", "number", 2), ("ok", "yes/no", 2), ("born", "date", 1)]:
        assert sheet.facts["columns"][name] == {
            **{"type": kind, "missing": 0, "distinct": distinct},
            "left_out": "hidden",
        }
    said = texts_of(sheet, tmp_path)
    assert not any(value in said for value in ("crimson", "turquoise", "53.5", "1990"))
    again = Datasheet.load(tmp_path / "sheet.md")
    assert not [line for line in again.check() if not line.startswith("not answered")]
    again.refresh()
    assert again.facts == sheet.facts
    df.drop(columns="ok").to_csv(tmp_path / "team.csv", index=False)
    again.refresh()
    assert again.facts["hidden"] == ["team", "age", "born"]
    with pytest.raises(AuditError, match="hide must name columns of the data; 'teem' arrived"):
        Datasheet.from_data(df, hide=["teem"])
    with pytest.raises(AuditError, match="hide must be a list"):
        Datasheet.from_data(df, hide="team")


def test_t6_the_command_line_hides_too(tmp_path: Path) -> None:
    pd.DataFrame({"team": ["crimson", "turquoise"] * 20, "x": [1.5, 2.5] * 20}).to_csv(
        tmp_path / "team.csv", index=False
    )
    arguments = ["audit", "datasheet", str(tmp_path / "team.csv"), "--out", str(tmp_path / "sheet.md")]
    assert CliRunner().invoke(app, [*arguments, "--hide", "team"]).exit_code == 0
    assert CliRunner().invoke(app, [*arguments, "--hide", "x"]).exit_code == 0  # again, and one more
    assert Datasheet.load(tmp_path / "sheet.md").facts["hidden"] == ["team", "x"]
    assert "crimson" not in (tmp_path / "sheet.md").read_text(encoding="utf-8")
    assert CliRunner().invoke(app, [*arguments, "--hide", "teem"]).exit_code == 1
