"""Errors as answers: a status, and one sentence for the person."""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from handlens.errors import Cancelled, DownloadError, HandlensError, PhotoError, StorageError, TrainingError
from handlens.io.problems import is_disk_full, reason_of
from handlens.serving.semantics import methods_at

_log = logging.getLogger(__name__)

# The first that fits; all other errors raised on purpose are the request's fault.
_STATUS: list[tuple[type[HandlensError], int]] = [
    (PhotoError, 404),
    (Cancelled, 409),
    (TrainingError, 409),
    (DownloadError, 502),
    (StorageError, 507),
    (HandlensError, 400),
]


def explain_errors(app: FastAPI, *own: tuple[type[HandlensError], int]) -> None:
    """Make every error of the app an answer {"error": "sentence"}; `own` are its own errors, each with its status."""

    @app.exception_handler(HandlensError)
    async def on_purpose(_: Request, error: HandlensError) -> JSONResponse:
        status = next(status for kind, status in (*own, *_STATUS) if isinstance(error, kind))
        return _answer(status, _sentence(str(error)))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        # A page that answers at every other address has not found what other methods are for.
        allowed = methods_at(app, request.scope) if error.status_code in (404, 405) else []
        if error.status_code == 405 or (allowed and request.method not in allowed):
            names = ", ".join(allowed or ["GET", "HEAD"])
            answer = _answer(405, f"This address takes {names}; {request.method[:20]} arrived.")
            answer.headers["Allow"] = names
            return answer
        if isinstance(error.__cause__, (ValueError, RecursionError)):  # FastAPI could not even look for the JSON
            return _answer(error.status_code, f"The request's body must be JSON in UTF-8: {error.__cause__}.")
        if error.status_code == 404 and error.detail == HTTPStatus.NOT_FOUND.phrase:  # no sentence of ours
            return _answer(404, "There is nothing at this address; /api/docs lists those there are.")
        return _answer(error.status_code, _sentence(str(error.detail)))

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            return _answer(422, _no_json(str(error.body), first["loc"][-1], first["ctx"]["error"]))
        kind = request.headers.get("content-type", "none")
        if first["loc"] == ("body",) and not re.match(r"application/([^;]+\+)?json\b|multipart/", kind):
            return _answer(
                422,
                "The request's body must be JSON and its header must say so, Content-Type: application/json; "
                f"{kind[:100]} arrived.",
            )
        where = ".".join(str(part) for part in first["loc"] if part != "body")
        return _answer(422, f"The request does not fit: {where or 'its body'}: {first['msg']}.")

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: ClientDisconnect) -> JSONResponse:
        return _answer(400, "The connection was closed before all had arrived.")

    @app.exception_handler(OSError)
    async def system(request: Request, error: OSError) -> JSONResponse:
        if is_disk_full(error):
            return _answer(507, "The disk is full. Make room, then try again; nothing saved so far is lost.")
        _log.error("%s %s", request.method, request.url.path, exc_info=error)
        return _answer(500, f"The system refused this: {reason_of(error)}. See the terminal for more.")

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> JSONResponse:
        return _answer(500, f"Something went wrong here ({type(error).__name__}). See the terminal for more.")


def describe_errors(app: FastAPI) -> None:
    """Let the app's description say that errors are JSON, also where an answer is a picture, a file or a stream."""
    describe = app.openapi

    def described() -> dict[str, Any]:
        api = describe()
        for call in (call for calls in api["paths"].values() for call in calls.values()):
            for status, answer in call["responses"].items():
                content = answer.get("content", {})
                if status in ("4XX", "5XX") and content:
                    answer["content"] = {"application/json": next(iter(content.values()))}
                stream = content.get("text/event-stream", {}).get("schema", {})
                if "oneOf" in stream:
                    stream.pop("type", None)  # it is one of these, and no text
        return api

    app.openapi = described  # type: ignore[method-assign]  # as FastAPI's documentation does it


def _no_json(body: str, position: int, reason: str) -> str:
    before = body[:position]
    line, column = before.count("\n") + 1, position - before.rfind("\n")
    return f"The request's body must be JSON; it is not from line {line}, column {column} on: {reason}."


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _answer(status: int, error: str) -> JSONResponse:
    return JSONResponse({"error": error}, status_code=status)
