"""What is exported comes back by importing it, in every format: any label, for photos with any names."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from handlens.errors import CollectionError
from handlens.studio import Collection
from handlens.studio.formats import exporters
from handlens.studio.labels import check_name

PHOTOS = [
    "1.png",
    "a/1.png",
    "a/b/1.png",
    "a/1.jpg",
    "train/1.png",
    "images/1.png",
    "labels/2.png",
    "labels.png",
    "=1+1.png",
    "a b/é #1%20?.png",
    "五/六, 七.png",
    "CON.png",
]
"""Names that several photos have, and names that programs take for something else."""

NASTY = [
    *("NA", "null", "007", "-1", "=1+1", "'=1+1", "a/b", "a:b", "..", "~", "no", "'"),
    *("con", "Con", "train", "test", 'a "b", c', "é", "五\u200d六", "👩‍🔬", "<b>&amp;"),
]
"""Labels that programs take for something else."""


def kept(text: str) -> str:
    """The text as a collection keeps it as a label; another one if it cannot be a label."""
    try:
        return check_name(text)
    except CollectionError:
        return "another"


any_label = st.one_of(st.sampled_from(NASTY), st.text(min_size=1, max_size=20)).map(kept)


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    """A collection of photos with such names."""
    folder = tmp_path_factory.mktemp("named")
    for i, path in enumerate(PHOTOS):
        file = folder / "photos" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4 + i, 3)).save(file)
    with Collection.create(folder / "collection", images=folder / "photos", backbone=None) as opened:
        assert sorted(opened.paths) == sorted(PHOTOS)
        yield opened


@pytest.mark.parametrize("format", exporters())
@settings(max_examples=12, deadline=None)
@given(labels=st.lists(st.none() | any_label, min_size=len(PHOTOS), max_size=len(PHOTOS)).filter(any))
@example(labels=NASTY[: len(PHOTOS)])
@example(labels=NASTY[-len(PHOTOS) :])
@example(labels=["cat"] * len(PHOTOS))
@example(labels=["test" if "/" in path else None for path in PHOTOS])
@example(labels=["Val" if "/" in path else "cat" for path in PHOTOS])
@example(labels=["cat" if path == "a/b/1.png" else None for path in PHOTOS])
def test_any_label_of_any_photo_comes_back(named: Collection, format: str, labels: list[str | None]) -> None:
    while named.undo():
        pass
    for label in dict.fromkeys(filter(None, labels)):
        named.label([photo for photo, other in enumerate(labels) if other == label], label)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / f"out{exporters()[format].ending}"
        named.export(place, format)
        while named.undo():
            pass
        plan = named.import_labels(place)
    assert plan.unmatched.values.tolist() == []
    assert plan.conflicting.values.tolist() == []
    assert named.labels.astype(object).where(named.labels.notna(), None).tolist() == labels
