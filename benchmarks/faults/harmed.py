"""What is harmed, made once for all sections of a campaign."""

from __future__ import annotations

from pathlib import Path

from faults import made
from faults.campaign import Campaign
from faults.children import Child


def small_collection(campaign: Campaign) -> Path:
    """The folder of a prepared collection without labels; to be copied, and not to be changed."""
    folder = campaign.data / "small"
    if not folder.exists():
        with Child(made.make_small, folder) as child:
            child.answer()
    return folder


def whole_collection(campaign: Campaign) -> Path:
    """The folder of the collection that has everything; to be copied, and not to be changed."""
    folder = campaign.data / "whole" / "collection"
    if not folder.exists():
        with Child(made.make_whole, folder) as child:
            child.answer()
    return folder


def saved_models(campaign: Campaign) -> Path:
    """A folder with a saved model of each kind, named after it; to be copied, and not to be changed."""
    folder = campaign.data / "models"
    if not folder.exists():
        whole = whole_collection(campaign)
        folder.mkdir()
        with Child(made.make_models, folder, whole) as child:
            child.answer()
    return folder
