"""The map of a collection in a notebook; see `Collection.widget`. Importing this does not import anywidget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlens.errors import CollectionError
from handlens.io.problems import reason_of

if TYPE_CHECKING:
    from handlens.studio.collection import Collection
    from handlens.studio.widget.map_widget import MapWidget


def open_widget(collection: Collection) -> MapWidget:
    """The map of a prepared collection.

    Raises:
        CollectionError: anywidget is not installed, or no photo is prepared.
    """
    try:
        from handlens.studio.widget.map_widget import MapWidget
    except ImportError as error:
        raise CollectionError(
            f"a widget needs anywidget, which is not installed ({reason_of(error)}): pip install 'handlens[notebook]'."
        ) from error
    if not collection.layers:
        raise CollectionError("a widget shows photos that are prepared, and none is. Call prepare() first.")
    return MapWidget(collection)
