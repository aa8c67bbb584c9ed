"""The server of one saved model: rows or photos in, predictions out, each input checked, and a page that says how."""

import re
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from fastapi import FastAPI
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, BeforeValidator, Field, create_model
from pydantic_core import PydanticCustomError

from handlens import __version__
from handlens.core.saved import load_learner
from handlens.serving.api_page import add_api_page
from handlens.serving.connections import Server
from handlens.serving.guard import Guard
from handlens.serving.listening import LOCAL, accepted_hosts, address, listen
from handlens.serving.photos import add_photo_routes
from handlens.serving.problems import describe_errors, explain_errors
from handlens.serving.schemas import Error
from handlens.serving.semantics import Semantics
from handlens.tabular.encoder import Encoder
from handlens.tabular.learner import TabularLearner

MOST_ROWS = 10_000
"""Rows that one request may ask predictions for."""

Value = str | bool | int | float | None


class Column(BaseModel):
    """A column that each row must have."""

    name: str
    kind: str = Field(description="categorical or continuous")
    levels: list[Value] | None = Field(
        None, description="what a categorical column held in training; anything else counts as missing"
    )


class ServedModel(BaseModel):
    """The model that is served."""

    name: str
    library_version: str
    inputs: list[Column]
    targets: list[str]
    classes: list[Value] | None = Field(None, description="the classes; null where numbers are predicted")


class Health(BaseModel):
    """The server answers."""

    status: Literal["ok"] = "ok"


class Predictions(BaseModel):
    """A prediction for each row, in the order of the rows."""

    predictions: list[dict[str, Any]] = Field(
        description="by target its class or number, and for classes “probability of …” for each"
    )


def create_app(model: Path | str, *, token: str | None = None, hosts: Iterable[str]) -> FastAPI:
    """Make the server of one saved model, as an ASGI app.

    Args:
        model: the folder that `learn.export()` or `Collection.export_model()` wrote.
        token, hosts: see `Guard`.

    Returns:
        The app, with the routes /api/model, /api/predict and /health.

    Raises:
        ArtifactError: `load_learner` cannot open the model.
    """
    learn = load_learner(model)
    name = Path(model).resolve().name
    takes = "rows" if isinstance(learn, TabularLearner) else "photos"
    app = FastAPI(
        title=f"handlens model {name}",
        version=__version__,
        description=f"Predictions of one saved model: POST {takes} to /api/predict.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        responses={"4XX": {"model": Error}, "5XX": {"model": Error}},
        # Newer FastAPIs report to OpenTelemetry where that is set up; nothing leaves this server.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.add_middleware(Semantics)
    uploads = None if isinstance(learn, TabularLearner) else "/api/predict"  # a photo may be larger than rows
    app.add_middleware(Guard, hosts=frozenset(hosts), token=token, private="/api/predict", uploads=uploads)
    explain_errors(app)
    if isinstance(learn, TabularLearner):
        _add_table_routes(app, learn, name)
    else:
        add_photo_routes(app, learn, name)

    @app.get("/health", tags=["server"])
    async def health() -> Health:
        """That the model is open and the server answers."""
        return Health()

    @app.get("/", include_in_schema=False)
    def home() -> Response:
        return RedirectResponse("/api/docs")

    describe_errors(app)
    add_api_page(app)

    return app


def _add_table_routes(app: FastAPI, learn: TabularLearner, name: str) -> None:
    """Give the app the routes /api/model and /api/predict of a model for the rows of a table."""
    description = _describe(name, learn)
    Rows = _request_schema(learn)

    @app.get("/api/model", tags=["model"])
    def served() -> ServedModel:
        """The model's inputs, targets and classes."""
        return description

    @app.post("/api/predict", tags=["model"])
    def predict(rows: Rows) -> Predictions:  # type: ignore[valid-type]  # made for this model's columns
        """A prediction for each row; columns that the model does not use are ignored."""
        given = [row.model_dump(by_alias=True) for row in rows.rows]  # type: ignore[attr-defined]
        # As objects: a missing value in one row would make floats of the whole numbers in all others.
        found = learn.predict_frame(pd.DataFrame(given, dtype=object))
        # As objects, because a whole number in a column with probabilities would become a float.
        values = found.astype(object).to_numpy().tolist()
        return Predictions(predictions=[dict(zip(found.columns, row, strict=True)) for row in values])


def _describe(name: str, learn: TabularLearner) -> ServedModel:
    """What GET /api/model answers."""
    encoder = learn.data.encoder
    columns = [_column(column, encoder) for column in encoder.inputs]
    return ServedModel(
        name=name, library_version=__version__, inputs=columns, targets=learn.data.y.names, classes=learn.data.classes
    )


def _column(name: str, encoder: Encoder) -> Column:
    if name not in encoder.levels:
        return Column(name=name, kind="continuous", levels=None)
    levels = [level.isoformat() if isinstance(level, datetime) else level for level in encoder.levels[name].index]
    return Column(name=name, kind="categorical", levels=levels)


def _request_schema(learn: TabularLearner) -> type[BaseModel]:
    """What a request must hold: rows with a value for each column, of the type that it had in training."""
    encoder = learn.data.encoder
    fields: dict[str, Any] = {}
    for i, name in enumerate(encoder.inputs):
        kind = "continuous" if name not in encoder.levels else f"one of {len(encoder.levels[name])} levels"
        # Columns may be called anything, the fields of a class may not.
        fields[f"column_{i}"] = (_type(name, encoder), Field(alias=name, description=f"{kind}; null where missing"))
    row = create_model("Row", __doc__="A value for each column of the model.", **fields)
    return create_model(
        "Rows",
        __doc__="What to predict.",
        rows=(list[row], Field(min_length=1, max_length=MOST_ROWS)),  # type: ignore[valid-type]
    )


def _type(name: str, encoder: Encoder) -> Any:
    if name not in encoder.levels:
        return _Float | None
    kinds = {"b": _Bool, "i": _Int, "u": _Int, "f": _Float, "M": _Moment}
    dtype = encoder.levels[name].index.dtype
    return (_Text if dtype == "str" else kinds.get(dtype.kind, _Any)) | None


def _refuse(odd: Callable[[Any], bool], required: str) -> BeforeValidator:
    """Refuse what pydantic would convert and the learner would not, or cannot take."""

    def check(value: Any) -> Any:
        if odd(value):
            raise PydanticCustomError("kind", "Input should be " + required)
        return value

    return BeforeValidator(check)


def _is_broken(value: Any) -> bool:
    """Whether it is text with half of a character, which JSON can write as \\ud800 and UTF-8 cannot."""
    return isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value)


_number = _refuse(lambda value: isinstance(value, (str, bool)), "a number, and no text or boolean")
_whole = _refuse(_is_broken, "Unicode text; half of a character, a lone surrogate, arrived")
_date = _refuse(
    # pydantic would take a number for seconds since 1970.
    lambda value: not (isinstance(value, str) and re.match(r"\d{4}-", value)),
    'a date in ISO 8601, such as "2015-07-31" or "2015-07-31T12:00:00"',
)
_Float = Annotated[float, _number]
_Int = Annotated[int, _number]
_Bool = Annotated[bool, _refuse(lambda value: isinstance(value, str), "a boolean, true or false, and no text")]
_Text = Annotated[str, _whole]
_Moment = Annotated[datetime, _date]
_Any = Annotated[Value, _whole]


def serve(model: Path | str, *, host: str = "127.0.0.1", port: int | None = None) -> None:
    """Serve a saved model until Ctrl+C, printing its address.

    Args:
        model: the folder of the saved model.
        host: the address to listen at; any but this machine's own gets a token, which each request must have.
        port: the port; unless given, the first free one from `DEFAULT_PORT` on.

    Raises:
        AddressError: the address or the port cannot be used.
        ArtifactError: as `load_learner`.
    """
    token = None if host in LOCAL else secrets.token_urlsafe(24)
    bound = listen(host, port)
    try:
        actual = int(bound.getsockname()[1])
        app = create_app(model, token=token, hosts=accepted_hosts(host, actual))
        print(f"handlens model: {address(host, actual, '/api/docs', token)}", flush=True)
        Server(app).run(sockets=[bound])
    finally:
        bound.close()
