"""The facts of a dataset as tables: the computed part of a datasheet."""

from __future__ import annotations

from typing import Any

from handlens.audit.report.markdown import table
from handlens.audit.table_facts import Facts

Table = tuple[list[str], list[list[Any]]]
"""The header of a table, and its rows."""


def facts_as_markdown(facts: Facts) -> str:
    """The facts as Markdown tables."""
    return "\n\n".join(table(heading, rows) for heading, rows in facts_as_tables(facts))


def facts_as_tables(facts: Facts) -> list[Table]:
    """The facts as tables: counts, parts, and classes and columns where there are any."""
    tables = [_counts(facts), _parts(facts)]
    if facts.get("classes"):
        tables.append(_classes(facts))
    if "columns" in facts:
        tables.append(_columns(facts["columns"]))
    return tables


def _counts(facts: Facts) -> Table:
    rows = _table_counts(facts) if facts.get("kind") == "table" else _picture_counts(facts)
    rows += [[f"in both {pair.replace('&', 'and')}", n] for pair, n in facts.get("overlap", {}).items()]
    if "target" in facts:
        rows.append(["target", facts["target"]])
    if "unlabelled" in facts:
        rows.append(["without a label", facts["unlabelled"]])
    if "classes_left_out" in facts:
        items = " – ".join(map(str, facts["items_of_a_class"].values()))
        rows += [
            [f"classes, left out: {facts['classes_left_out']}", facts["different_classes"]],
            ["items of a class, least – median – greatest", items],
        ]
    rows += [[what, fact] for what, fact in facts.get("about", {}).items()]
    return ["what", "how many"], rows


def _table_counts(facts: Facts) -> list[list[Any]]:
    return [
        ["rows", facts["rows"]],
        ["columns", len(facts["columns"])],
        ["rows that repeat an earlier one of their part", facts["repeated_rows"]],
    ]


def _picture_counts(facts: Facts) -> list[list[Any]]:
    rows: list[list[Any]] = [["pictures", facts["pictures"]], ["bytes", facts["bytes"]]]
    rows += [[f"cannot be used: {reason}", n] for reason, n in facts["unreadable"].items()]
    rows += [["files identical to an earlier one of their part", facts["identical_files"]]]
    rows += [["formats", _listed(facts["formats"])], ["colours", _listed(facts["colours"])]]
    if sizes := facts.get("sizes"):
        for side in ("width", "height"):
            rows.append([f"{side} in pixels, least – median – greatest", " – ".join(map(str, sizes[side].values()))])
        rows.append([f"most common of {sizes['different']:,} sizes", _listed(sizes["most_common"])])
    exif = facts["exif"]
    rows += [
        ["pictures that name a camera", exif["naming_a_camera"]],
        ["different cameras", exif["different_cameras"]],
        ["pictures that name a place", exif["naming_a_place"]],
        ["pictures with a date", exif["dated"]],
    ]
    if exif["dated"]:
        rows.append(["first and last day", f"{exif['first']} – {exif['last']}"])
    return rows


def _parts(facts: Facts) -> Table:
    unit = "rows" if facts.get("kind") == "table" else "pictures"
    rows: list[list[Any]] = [[name, part[unit], part["sha256"]] for name, part in facts["parts"].items()]
    return ["part", unit, "SHA-256"], rows


def _classes(facts: Facts) -> Table:
    """The count and share of each class, in total and by part."""
    by_part = facts.get("classes_by_part", {})
    total = sum(facts["classes"].values())
    rows: list[list[Any]] = [
        [name, n, f"{n / total:.1%}", *(counts.get(name, 0) for counts in by_part.values())]
        for name, n in facts["classes"].items()
    ]
    return ["class", "items", "share", *(f"in {name}" for name in by_part)], rows


def _columns(columns: Facts) -> Table:
    rows: list[list[Any]] = []
    for name, column in columns.items():
        low = column.get("least", column.get("first", ""))
        high = column.get("greatest", column.get("last", ""))
        levels = _listed(column.get("levels", {}))
        if "left_out" in column:
            levels = f"values left out: {column['left_out']}"
        rows.append([name, column["type"], column["missing"], column["distinct"], low, high, levels])
    return ["column", "holds", "missing", "distinct", "least or first", "greatest or last", "levels"], rows


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in counts.items())
