"""The widget: what the notebook's page is sent, and what comes back. The page's part is map_widget.js.

It has a renderer of its own and talks over the notebook's own connection. Studio's page in a frame would need a second
server that the browser can reach, which a notebook on another machine, in VS Code or in Colab does not offer.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import NDArray

from handlens.errors import CollectionError, HandlensError
from handlens.studio.origins import Origin

if TYPE_CHECKING:
    from handlens.studio.collection import Collection

_HERE = Path(__file__).parent


def _packed(values: NDArray[Any], dtype: str) -> bytes:
    return np.ascontiguousarray(values, dtype).tobytes()


class Ids(traitlets.TraitType):
    """A trait that holds photos: sorted int64 ids, each once; what is set must be ids of the widget's photos.

    It crosses to the page as the bytes of little-endian int32.
    """

    default_value = np.zeros(0, np.int64)

    def __init__(self) -> None:
        super().__init__()
        self.tag(
            sync=True,
            to_json=lambda ids, _: _packed(ids, "<i4"),
            from_json=lambda data, _: np.frombuffer(data, "<i4"),
        )

    def validate(self, widget: MapWidget, value: Any) -> NDArray[np.int64]:
        """The ids that are set, as the trait holds them."""
        ids = np.asarray(value)
        if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
            raise traitlets.TraitError(f"selection must be a list of whole-number ids; {value!r:.100} arrived.")
        unique = np.unique(ids.astype(np.int64))
        if unique.size and not 0 <= unique[0] <= unique[-1] < widget.count:
            raise traitlets.TraitError(f"selection must be ids from 0 to {widget.count - 1}; {value!r:.100} arrived.")
        unique.setflags(write=False)
        return unique

    def set(self, widget: MapWidget, value: Any) -> None:
        """Set the ids; nothing is told if they are the same."""
        if not np.array_equal(self.get(widget), self.validate(widget, value)):
            super().set(widget, value)


class MapWidget(anywidget.AnyWidget):
    """The map of a collection in a notebook, with selection and labels; made by `Collection.widget`.

    What is selected on the map is in `selection` at once, and what is assigned to `selection` is selected on the map;
    `observe(function, "selection")` calls a function when it changes. Labels that are given on the map are the
    collection's, and labels that are given in Python are seen on the map.

    Attributes:
        selection: the selected photos, sorted ids, int64 [n]; can be set.
        layer, projection: what the map shows, as in `Collection.map`; can be set.
        problem: why what was asked for last could not be done, as a sentence; empty if it was.
    """

    _esm = _HERE / "map_widget.js"
    _css = _HERE / "map_widget.css"

    count = traitlets.Int(0).tag(sync=True)
    selection = Ids()
    layer = traitlets.Unicode().tag(sync=True)
    projection = traitlets.Unicode().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)
    _layers = traitlets.List(traitlets.Unicode()).tag(sync=True)
    _projections = traitlets.List(traitlets.Unicode()).tag(sync=True)
    _places = traitlets.Bytes().tag(sync=True)
    _order = traitlets.Bytes().tag(sync=True)
    _aspect = traitlets.Bytes().tag(sync=True)
    _codes = traitlets.Bytes().tag(sync=True)
    _labels = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(self, collection: Collection) -> None:
        self._unsubscribe: Callable[[], None] = lambda: None  # it is closed, too, if the rest fails
        self._collection = collection
        self._shown = (collection.layers[-1].id, "pca-1-2")
        super().__init__(count=len(collection.paths), layer=self._shown[0], projection=self._shown[1])
        self._read_photos()
        self._read_labels()
        self.observe(self._show, ["layer", "projection"])
        self.on_msg(self._heard)
        self._unsubscribe = collection.parts.listeners.subscribe(self._changed)

    def close(self) -> None:
        """Take the map off the notebook; the collection stays open."""
        self._unsubscribe()
        super().close()

    def _read_photos(self) -> None:
        """Send which photos are prepared, and where they are on the map."""
        collection, photos = self._collection, self._collection.parts.photos
        places = collection.map(*self._shown)  # which may take a while, or fail
        with self.hold_sync():
            self._layers = [layer.id for layer in collection.layers]
            self._projections = collection.projections(self._shown[0])
            self._order = _packed(photos.order[: photos.prepared], "<i4")
            self._aspect = _packed(photos.aspects, "<f4")
            self._places = _packed(places, "<f4")

    def _read_labels(self) -> None:
        state, table = self._collection.parts.labels.state, self._collection.parts.labels.table
        with self.hold_sync():
            self._labels = [{"name": info.name, "count": info.count, "colour": info.colour} for info in table]
            self._codes = _packed(state.codes, "<i2")
            self._projections = self._collection.projections(self.layer)

    def _show(self, _: Any) -> None:
        """Show the map that is asked for, or say why that cannot be and show the one before."""
        if (self.layer, self.projection) == self._shown:
            return
        before, self._shown = self._shown, (self.layer, self.projection)
        try:
            self._read_photos()
            self.problem = ""
        except HandlensError as error:
            self._shown = before
            with self.hold_trait_notifications():
                self.layer, self.projection = before
            self.problem = str(error)

    def _changed(self, kind: str, _: dict[str, Any]) -> None:
        """Follow what changes in the collection, also from elsewhere."""
        try:
            if kind == "labels":
                self._read_labels()
            elif kind == "maps":
                self._read_photos()
        except HandlensError as error:
            self.problem = str(error)

    def _heard(self, _: Any, wish: Any, __: Any) -> None:
        """Do what was asked for on the map."""
        kind = wish.get("kind") if isinstance(wish, dict) else None
        try:
            if kind == "sheet":
                self.send({"kind": "sheet", "number": wish["number"]}, [self._sheet(wish["number"])])
                return
            self.problem = ""
            if kind == "label":
                self._collection.parts.labels.assign(self.selection, wish["name"], origin=Origin("lasso", "by hand"))
            elif kind == "unlabel":
                self._collection.unlabel(self.selection)
            elif kind == "undo":
                self._collection.undo()
        except (HandlensError, KeyError) as error:
            self.problem = str(error)
        if kind == "label":
            self.send({"kind": "answered"})

    def _sheet(self, number: Any) -> bytes:
        if type(number) is not int:
            raise CollectionError(f"a sheet must be asked for by its number; {number!r:.40} arrived.")
        return self._collection.parts.photos.sheet(number)
