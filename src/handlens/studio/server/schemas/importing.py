"""Schemas of importing labels, and of labels that are kept aside to measure against."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from handlens.serving.schemas import RequestBody
from handlens.studio.server.schemas.home import FromPath, FromUpload

ChoiceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,50}$")]
ChoiceValue = Annotated[str, Field(max_length=1000)]


class ImportFormat(BaseModel):
    """A format that labels can be imported from; the ending “/” means folders."""

    name: str
    title: str
    endings: list[str]


class ImportSource(RequestBody):
    """A file or folder with labels; of an upload with one file that file is read, and otherwise its folder."""

    source: Annotated[FromPath | FromUpload, Field(discriminator="kind")]
    format: Annotated[str, Field(max_length=100)] | None = Field(
        default=None, description="the name of a format; recognised unless given"
    )
    choices: Annotated[dict[ChoiceName, ChoiceValue], Field(max_length=20)] = Field(
        default={}, description="values of the plan's choices"
    )
    name: Annotated[str, Field(max_length=255)] | None = Field(
        default=None,
        description="what messages call an upload that is not one file or one folder",
    )


class DoImport(ImportSource):
    """Import labels; photos that have another label keep it unless it is to be replaced."""

    replace: bool = False
    as_truth: bool = Field(default=False, description="keep the labels aside, and give no photo a label")
    digest: Annotated[str, Field(max_length=100)] | None = Field(
        default=None, description="of the plan that a person agreed to; refused with 409 if it would be another now"
    )


class ImportCounts(BaseModel):
    """How many photos get one label from the file, or several, and how many of its places are not used."""

    matched: int = Field(description="photos with one label in the file: new, changes and same")
    new: int = Field(description="photos without a label until now")
    changes: int = Field(description="photos that have another label")
    same: int = Field(description="photos that have the label already")
    conflicting: int = Field(description="photos to which the file gives several labels")
    unmatched: int = Field(description="places in the file that are not used")


class NewLabels(BaseModel):
    """How many photos without a label get one."""

    label: str
    count: int


class NotUsed(BaseModel):
    """A place in the file that is not used, and the reason."""

    where: str
    photo: str
    label: str | None
    reason: str


class Conflicting(BaseModel):
    """A photo to which the file gives several labels, and where."""

    photo: int
    labels: list[str]
    where: list[str]


class Changed(BaseModel):
    """A photo that has another label than the file gives it."""

    photo: int
    now: str
    label: str


class Respelled(BaseModel):
    """A label as the file has it, and as it is kept."""

    before: str
    after: str


class ImportPlanned(BaseModel):
    """What an import would do, or what it did; of long lists the first ones."""

    name: str
    format: str
    choices: dict[str, list[str]] = Field(description="what may be chosen; what was chosen comes first")
    counts: ImportCounts
    labels: list[NewLabels]
    new_labels: list[str] = Field(description="labels that the collection does not have yet")
    new_labels_count: int = Field(description="how many these are")
    respelled: list[Respelled]
    unmatched: list[NotUsed]
    conflicting: list[Conflicting]
    changes: list[Changed]
    boxes: int = Field(description="labels of a part of a photo, which can be cut out")
    digest: str = Field(description="the same as long as the same photos would get the same labels, and have the same")
    imported: int | None = Field(description="labels that were given, or kept aside; null before that")


class Uncut(BaseModel):
    """A box that was not cut out, and the reason."""

    where: str
    reason: str


class CropsMade(BaseModel):
    """The collection of the crops, how many there are, and of the boxes that were not cut out the first ones."""

    id: str
    name: str
    crops: int
    imported: int = Field(description="crops that got the label of their box")
    uncut: int = Field(description="boxes that were not cut out")
    problems: list[Uncut]


class TruthState(BaseModel):
    """Labels that are kept aside, and how the model in use does on them; null where there is no model or no photo."""

    name: str
    at: str
    labels: int
    accuracy: float | None
    low: float | None
    high: float | None
    sentence: str
