"""The widget without a browser: what is sent to the notebook's page, and what comes back."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import traitlets
from PIL import Image

from handlens.errors import CollectionError
from handlens.studio.collection import Collection
from handlens.studio.widget.map_widget import MapWidget

LAYER = "patches/coarse/where"


@pytest.fixture
def widget(collection: Collection) -> Iterator[MapWidget]:
    made = collection.widget()
    yield made
    made.close()


def told(widget: MapWidget) -> list[np.ndarray]:
    """The selections that an observer is told of."""
    heard: list[np.ndarray] = []
    widget.observe(lambda change: heard.append(change["new"]), "selection")
    return heard


def received(widget: MapWidget, **state: Any) -> None:
    """Take a state that the page sends."""
    widget.set_state(state)


def heard(widget: MapWidget, monkeypatch: pytest.MonkeyPatch, **wish: Any) -> list[tuple[Any, Any]]:
    """Take a message of the page; returns the answers."""
    sent: list[tuple[Any, Any]] = []
    monkeypatch.setattr(MapWidget, "send", lambda _, content, buffers=None: sent.append((content, buffers)))
    widget._handle_custom_msg(wish, [])
    return sent


def test_what_the_page_is_sent(collection, widget):
    collection.label([3, 7], "circle")
    collection.label([25], "square")
    state = widget.get_state()
    places = np.frombuffer(state["_places"], "<f4").reshape(40, 2)
    np.testing.assert_array_equal(places, collection.map(LAYER, "pca-1-2"))
    assert (state["layer"], state["projection"], state["count"]) == (LAYER, "pca-1-2", 40)
    assert state["_layers"] == [layer.id for layer in collection.layers]
    assert state["_projections"] == collection.projections(LAYER)
    assert np.frombuffer(state["_order"], "<i4").tolist() == collection.parts.photos.order.tolist()
    assert np.frombuffer(state["_aspect"], "<f4") == pytest.approx([64 / 48] * 40)
    codes = np.frombuffer(state["_codes"], "<i2")
    assert np.flatnonzero(codes == 0).tolist() == [3, 7]
    assert np.flatnonzero(codes == 1).tolist() == [25]
    assert state["_labels"] == [
        {"name": "circle", "count": 2, "colour": 0},
        {"name": "square", "count": 1, "colour": 1},
    ]


def test_what_is_selected_on_the_map_is_in_python(widget):
    heard = told(widget)
    received(widget, selection=memoryview(np.array([31, 2, 5], "<i4").tobytes()))
    assert widget.selection.dtype == np.int64
    assert widget.selection.tolist() == [2, 5, 31]
    received(widget, selection=memoryview(np.array([5, 2, 31], "<i4").tobytes()))  # the same ones
    received(widget, selection=memoryview(b""))
    assert [ids.tolist() for ids in heard] == [[2, 5, 31], []]


def test_what_is_selected_in_python_is_sent_to_the_map(widget):
    widget.selection = [9, 4, 4]
    assert widget.selection.tolist() == [4, 9]
    assert np.frombuffer(widget.get_state()["selection"], "<i4").tolist() == [4, 9]
    widget.selection = np.array([], int)
    assert widget.selection.tolist() == []
    with pytest.raises(ValueError, match="read-only"):
        widget.selection[:] = 1


@pytest.mark.parametrize("ids", [[40], [-1], [0.5], [[1]], "a"])
def test_what_cannot_be_selected(widget, ids):
    widget.selection = [1]
    with pytest.raises(traitlets.TraitError, match=r"selection must be .*; .* arrived\."):
        widget.selection = ids
    assert widget.selection.tolist() == [1]


def test_labels_from_the_map(collection, widget, monkeypatch):
    widget.selection = [1, 2]
    sent = heard(widget, monkeypatch, kind="label", name="circle")
    assert sent == [({"kind": "answered"}, None)]
    assert collection.labels.dropna().to_dict() == {1: "circle", 2: "circle"}
    assert collection.origins.loc[1, ["gesture", "kind"]].tolist() == ["lasso", "by hand"]
    assert widget.get_state()["_labels"] == [{"name": "circle", "count": 2, "colour": 0}]
    widget.selection = [2]
    heard(widget, monkeypatch, kind="unlabel")
    assert collection.labels.dropna().to_dict() == {1: "circle"}
    heard(widget, monkeypatch, kind="undo")
    assert collection.labels.dropna().to_dict() == {1: "circle", 2: "circle"}
    heard(widget, monkeypatch, kind="label", name="a" * 101)
    assert "100" in widget.problem
    heard(widget, monkeypatch, kind="undo")
    assert widget.problem == ""


def test_pictures_are_sent_when_they_are_asked_for(widget, monkeypatch):
    ((content, (jpeg,)),) = heard(widget, monkeypatch, kind="sheet", number=0)
    assert content == {"kind": "sheet", "number": 0}
    assert Image.open(io.BytesIO(jpeg)).size == (1024, 1024)
    assert heard(widget, monkeypatch, kind="sheet", number=1) == []
    assert "there is no sheet 1" in widget.problem


@pytest.mark.parametrize("wish", [None, 3, {}, {"kind": "sheet"}, {"kind": "label"}, {"kind": "sheet", "number": "0"}])
def test_messages_that_are_none_of_the_pages_change_nothing(collection, widget, wish):
    widget._handle_custom_msg(wish, [])
    assert collection.labels.isna().all()


def test_another_map(collection, widget):
    widget.layer = "patches/fine/what"
    places = np.frombuffer(widget.get_state()["_places"], "<f4").reshape(40, 2)
    np.testing.assert_array_equal(places, collection.map("patches/fine/what", "pca-1-2"))
    widget.projection = "pca-3-4"
    places = np.frombuffer(widget.get_state()["_places"], "<f4").reshape(40, 2)
    np.testing.assert_array_equal(places, collection.map("patches/fine/what", "pca-3-4"))
    widget.projection = "labels"
    assert widget.problem == "there are no two labels to separate yet. Label photos of two kinds first."
    assert (widget.layer, widget.projection) == ("patches/fine/what", "pca-3-4")
    widget.layer = LAYER
    assert widget.problem == ""


def test_a_closed_widget_hears_no_more(collection):
    before = len(collection.parts.listeners)
    widget = collection.widget()
    assert len(collection.parts.listeners) == before + 1
    widget.close()
    assert len(collection.parts.listeners) == before


def test_photos_must_be_prepared(drawn, tmp_path):
    with (
        Collection.create(tmp_path / "new", images=drawn, backbone=None) as collection,
        pytest.raises(CollectionError, match="Call prepare"),
    ):
        collection.widget()


def test_without_the_extra(collection, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "handlens.studio.widget.map_widget")
    with pytest.raises(CollectionError, match=r"pip install 'handlens\[notebook\]'"):
        collection.widget()


def test_studio_does_not_import_it():
    code = "import sys, handlens.studio.collection; print({'anywidget', 'transformers', 'IPython'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"
