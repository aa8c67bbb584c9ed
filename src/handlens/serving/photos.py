"""The server of a saved model for photos: a photo in, its prediction out."""

# Without `from __future__ import annotations`: FastAPI reads the types of the functions inside `add_photo_routes`.

import tempfile
import threading
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from handlens import __version__
from handlens.core.predictions import PATH, PREDICTED, REASON
from handlens.core.saved import PhotoModel
from handlens.errors import DataError

LARGEST = 64 * 2**20
"""Bytes of a photo at most."""

_PHOTO: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class ServedPhotoModel(BaseModel):
    """The model that is served."""

    name: str
    library_version: str
    classes: list[str] | None = Field(None, description="the classes; null where numbers are predicted")


class PhotoPrediction(BaseModel):
    """The prediction of one photo."""

    prediction: dict[str, Any] = Field(
        description="its class or number, and for classes “probability” and “probability of …” for each"
    )


def add_photo_routes(app: FastAPI, model: PhotoModel, name: str) -> None:
    """Give the app the routes /api/model and /api/predict of a model for photos."""
    predicting = threading.Lock()
    columns = model.predict_files([]).columns
    classes = [column.removeprefix("probability of ") for column in columns if column.startswith("probability of ")]

    def predicted(photo: bytes) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder, predicting:
            file = Path(folder) / "photo"
            file.write_bytes(photo)
            table = model.predict_files([file])
        reason = table[REASON][0]
        if reason:
            raise DataError(f"the body must be a photo, its file as it is; what arrived is not: {reason}.")
        # As objects: numbers of NumPy are not JSON.
        (row,) = table.drop(columns=[PATH, REASON]).astype(object).to_dict("records")
        return {str(column): value for column, value in row.items()}

    @app.get("/api/model", tags=["model"])
    def served() -> ServedPhotoModel:
        """The model's classes."""
        known = classes if PREDICTED in columns and classes else None
        return ServedPhotoModel(name=name, library_version=__version__, classes=known)

    @app.post("/api/predict", tags=["model"], openapi_extra=_PHOTO)
    async def predict(request: Request) -> PhotoPrediction:
        """The prediction of one photo; the body is its file, of any format that handlens reads."""
        photo = bytearray()
        async for chunk in request.stream():
            photo += chunk
            if len(photo) > LARGEST:
                raise HTTPException(413, f"A photo must have at most {LARGEST // 2**20} MB.")
        return PhotoPrediction(prediction=await run_in_threadpool(predicted, bytes(photo)))
