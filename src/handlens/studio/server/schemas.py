"""What the HTTP API takes and gives. Arrays are base64 of little-endian bytes; a selection is a base64 bitmask."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Int16s = Annotated[str, Field(description="base64 of little-endian int16")]
Int32s = Annotated[str, Field(description="base64 of little-endian int32")]
Float32s = Annotated[str, Field(description="base64 of little-endian float32")]
Selection = Annotated[
    str,
    Field(
        max_length=4_000_000,
        description="base64 of a bitmask over the ids: bit i % 8 (least significant first) of byte i // 8 is photo i",
    ),
]
LabelText = Annotated[str, Field(max_length=1000, description="the name of a label")]
LabelTexts = Annotated[list[LabelText], Field(max_length=10_000)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
ModelKind = Literal["quick", "fine-tuned"]


FILE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""For routes that read the request as a stream, which FastAPI cannot see: the body is the file itself."""


class Body(BaseModel):
    """A request body: a field that is not known is an error, not ignored."""

    model_config = ConfigDict(extra="forbid")


class Error(BaseModel):
    """Every failed request: one sentence for the person."""

    error: str


# --- home ------------------------------------------------------------------------------------------


class CollectionSummary(BaseModel):
    """One collection on the home screen."""

    id: str
    name: str
    images: str = Field(description="the folder with the photos")
    count: int
    labelled: int
    prepared: int
    opened_at: str | None = Field(description="ISO 8601, UTC")
    copied: bool = Field(description="the photos are copies that Studio made, and go when it is deleted")


class BuiltinSummary(BaseModel):
    """A collection that comes with Studio."""

    name: str
    title: str
    description: str
    count: int


class BackboneSummary(BaseModel):
    """A pretrained network the page suggests."""

    name: str
    title: str
    megabytes: float
    cached: bool


class StudioInfo(BaseModel):
    """What the home screen shows."""

    version: str
    collections: list[CollectionSummary]
    builtin: list[BuiltinSummary]
    backbones: list[BackboneSummary]


class UploadStarted(BaseModel):
    """The id that further files of this upload are sent to."""

    upload: str


class PhotoReceived(BaseModel):
    """The path the photo was kept under."""

    path: str


class LeftOutFile(BaseModel):
    """A file that is not used, and why."""

    path: str
    reason: str


class ZipReceived(BaseModel):
    """How many files came out of the zip, and which did not."""

    count: int
    left_out: list[LeftOutFile]


class FromPath(Body):
    """A folder on the machine that runs Studio; its photos stay where they are."""

    kind: Literal["path"]
    path: Annotated[str, Field(min_length=1, max_length=4096)]


class FromUpload(Body):
    """The files of a finished upload."""

    kind: Literal["upload"]
    upload: str


class FromBuiltin(Body):
    """A collection that comes with Studio."""

    kind: Literal["builtin"]
    name: str


class NewCollection(Body):
    """How to make a collection; preparing starts at once."""

    name: Name | None = None
    source: Annotated[FromPath | FromUpload | FromBuiltin, Field(discriminator="kind")]
    backbones: Annotated[list[Name], Field(max_length=20)] = Field(
        default=[], description="pretrained networks; none means features learned on these photos"
    )
    own_features: bool = Field(default=False, description="features learned on these photos beside the networks'")


class CollectionId(BaseModel):
    """The collection that was made, or reopened where the folder had one."""

    id: str


# --- one collection ----------------------------------------------------------------------------------


class Preparation(BaseModel):
    """How far preparing has come."""

    running: bool
    phase: Literal["idle", "reading", "fitting", "features", "predicting", "done", "cancelled", "failed"]
    done: int
    total: int
    rate: float | None = Field(description="photos a second")
    seconds_left: float | None
    error: str | None
    current_sources: list[str] = Field(description="names of the sources whose features are being computed")


class SourceState(BaseModel):
    """A network, or learning on these photos, that layers come from."""

    name: str
    title: str
    state: Literal["ready", "preparing", "waiting", "failed"]
    message: str | None


class LayerInfo(BaseModel):
    """A layer the map can show."""

    id: str
    source: str
    stage: str
    pooling: Literal["what", "where"]
    title: str


class ProjectionInfo(BaseModel):
    """A projection, the same for each layer."""

    id: str
    title: str


class Notice(BaseModel):
    """A sentence the page shows until it is put away."""

    id: str
    text: str


class ClassReport(BaseModel):
    """One class of a training report; `recall` is null where nothing was tested."""

    name: str
    count: int
    correct: int
    recall: float | None
    thin: bool


class Confusion(BaseModel):
    """True classes (rows) against predicted ones (columns)."""

    names: list[str]
    counts: list[list[int]]


class Report(BaseModel):
    """What a training run gave; `low` and `high` bound the accuracy with 95 % confidence."""

    accuracy: float | None
    low: float | None
    high: float | None
    n_labelled: int
    n_photos: int
    method: str
    layers: list[str]
    per_class: list[ClassReport]
    confusion: Confusion
    warnings: list[str]
    labels_version: int
    seconds: float
    network: str | None = Field(description="the network that was fine-tuned; null for the quick model")


class FineTuning(BaseModel):
    """How far fine-tuning is; `share` (0–1) and `seconds_left` are of training, or of predicting the photos."""

    running: bool
    phase: Literal["idle", "loading", "head", "whole", "predicting", "done", "cancelled", "failed"]
    network: str | None
    epoch: int
    epochs: int
    share: float
    seconds_left: float | None
    loss: float | None
    accuracy: float | None = Field(description="on the photos held out, after the latest epoch")
    error: str | None


class Model(BaseModel):
    """A model that can be used, with what its report says of it."""

    kind: ModelKind
    network: str | None
    accuracy: float | None
    labels_version: int


class State(BaseModel):
    """Everything about a collection but its photos and labels."""

    id: str
    name: str
    images: str
    count: int
    left_out: int
    preparation: Preparation
    sources: list[SourceState]
    layers: list[LayerInfo]
    projections: list[ProjectionInfo]
    separating: list[str] | None
    notices: list[Notice]
    view: dict[str, Any] | None
    maps_version: int
    labels_version: int
    report: Report | None
    model: ModelKind | None = Field(description="the model in use, which the report is of")
    models: list[Model]
    networks: list[str] = Field(description="the sources that fine-tuning can start from")
    fine_tuning: FineTuning


class NewSource(Body):
    """A network by its name in timm or torchvision; null for features learned on these photos."""

    backbone: Name | None


class Photos(BaseModel):
    """The photos by id; `order[row]` is an id, in the order of preparing; aspect is width over height, 0 unknown."""

    paths: list[str]
    order: Int32s
    aspect: Float32s
    prepared: int
    left_out: list[LeftOutFile]


# --- labels ------------------------------------------------------------------------------------------


class LabelCount(BaseModel):
    """A label with its count and the number of its colour."""

    name: str
    count: int
    colour: int


class Labels(BaseModel):
    """All labels of one moment; `codes` are positions in `names` by id, −1 for none."""

    version: int
    names: list[LabelCount]
    codes: Int16s
    undo: str | None
    redo: str | None


class Assign(Body):
    """Give the photos a label, which is made if it is new."""

    selection: Selection
    name: LabelText


class Remove(Body):
    """Take the labels off the photos."""

    selection: Selection


class Rename(Body):
    """Give a label another name."""

    name: LabelText
    to: LabelText


class Merge(Body):
    """Give all photos of some labels the label `into`."""

    names: LabelTexts
    into: LabelText


class Delete(Body):
    """Delete a label; its photos become unlabelled."""

    name: LabelText


# --- finding and training --------------------------------------------------------------------------------


class Near(Body):
    """Photos, and the map in which distances are meant; without a projection the layer's features alone."""

    selection: Selection
    layer: str
    projection: str | None = None


class Ranked(BaseModel):
    """Photos in order, each with its distance."""

    ids: Int32s
    distances: Float32s


class Separate(Body):
    """Labels to pull apart."""

    names: LabelTexts


class Separated(BaseModel):
    """The map that separates them best; `score` is the layer's cross-validated accuracy on all labels, if known."""

    layer: str
    projection: str
    score: float | None


class Scores(BaseModel):
    """How well each layer and each map separates the labels, 0–1, null where it cannot be said."""

    labels_version: int
    layers: dict[str, float | None]
    maps: dict[str, dict[str, float | None]]


class FineTune(Body):
    """Fine-tune a network, the collection's first unless named, for so many minutes at most."""

    backbone: Name | None = None
    minutes: Annotated[float, Field(gt=0, le=24 * 60)] = 5.0
    epochs: Annotated[int, Field(ge=1, le=10_000)] | None = None


class UseModel(Body):
    """The model to use."""

    kind: ModelKind


class HeatMap(BaseModel):
    """Which places of a photo speak for a label: a PNG to lay over it, black where nothing does; null if none does."""

    label: str
    method: str
    rows: int
    columns: int
    png: str | None = Field(description="base64")


class Predictions(BaseModel):
    """The model's word on each photo by id; code −1 where there is none."""

    version: str = Field(description="names the model; another one has another version")
    names: list[str]
    codes: Int16s
    probability: Float32s
