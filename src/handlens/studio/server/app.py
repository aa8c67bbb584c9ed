"""The application: the API, the page and the documentation behind one guard."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from handlens import __version__
from handlens.serving.api_page import add_api_page
from handlens.serving.guard import Guard
from handlens.serving.problems import explain_errors
from handlens.studio.server import schemas
from handlens.studio.server.deps import ServerState
from handlens.studio.server.registry import CollectionRegistry, NoSuchCollection
from handlens.studio.server.routes import auditing, export, home, labelling, learning, pictures, preparing
from handlens.studio.server.scratch import Scratch
from handlens.studio.server.uploads import NoSuchUpload
from handlens.studio.server.webpage import Page
from handlens.studio.server.zips import TooLarge

DESCRIPTION = (
    "All that the page of handlens Studio does. JSON, except where another type is named; arrays are base64 of "
    'little-endian bytes. A failed request answers {"error": "a sentence"}.'
)
LOCAL_HOSTS = ("127.0.0.1:8600", "localhost:8600", "[::1]:8600")


def create_app(
    home_folder: Path, *, token: str | None = None, hosts: Iterable[str] = LOCAL_HOSTS, page: Page | None = None
) -> FastAPI:
    """Studio's server as an ASGI app, with its collections below `home_folder`.

    `hosts` are the Host headers it answers to, each "name:port" ("*:port" for any numeric address);
    with a `token` every request has to carry it. StorageError when the folder cannot be written.
    """
    scratch = Scratch(home_folder / "scratch")
    state = ServerState(scratch, CollectionRegistry(home_folder, scratch))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        threading.Thread(target=_warm, name="handlens-warm", daemon=True).start()
        yield
        state.feed.close()
        state.finished = await run_in_threadpool(state.registry.close)
        await run_in_threadpool(scratch.close)

    app = FastAPI(
        title="handlens Studio",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        responses={"4XX": {"model": schemas.Error}, "5XX": {"model": schemas.Error}},
        # Newer FastAPIs report to OpenTelemetry where that is set up; nothing leaves this server.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.server = state
    app.add_middleware(Guard, hosts=frozenset(hosts), token=token, private="/api/collections/", uploads="/api/uploads/")
    explain_errors(app, (NoSuchCollection, 404), (NoSuchUpload, 404), (TooLarge, 413))
    for module in (home, preparing, pictures, labelling, learning, auditing, export):
        app.include_router(module.router)
    _add_pages(app, page or Page())
    return app


def _add_pages(app: FastAPI, page: Page) -> None:
    add_api_page(app)

    @app.get("/", include_in_schema=False)
    @app.get("/c/{id}", include_in_schema=False)
    @app.get("/kernel", include_in_schema=False)
    def index(request: Request) -> Response:
        return page.index(request)

    @app.get("/{name:path}", include_in_schema=False)
    def file(name: str, request: Request) -> Response:
        found = page.get(name, request)
        if found is None:
            raise HTTPException(404, "There is nothing at this address.")
        return found


def _warm() -> None:
    """Import what the first collection needs while the person still looks at the home screen."""
    import torch

    torch.get_num_threads()
