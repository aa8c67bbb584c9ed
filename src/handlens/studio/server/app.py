"""The application: the API, the page and the documentation behind one guard."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware.gzip import GZipMiddleware

from handlens import __version__
from handlens.errors import FolderGoneError
from handlens.io.zips import TooLarge
from handlens.serving.api_page import add_api_page
from handlens.serving.guard import Guard
from handlens.serving.problems import describe_errors, explain_errors
from handlens.serving.schemas import Error
from handlens.serving.semantics import Semantics
from handlens.serving.webpage import Page
from handlens.studio.server.collection_plans import NoSuchCollection
from handlens.studio.server.dependencies import ServerState
from handlens.studio.server.import_payloads import PlanChanged
from handlens.studio.server.registry import CollectionRegistry
from handlens.studio.server.routes import (
    auditing,
    checking,
    everywhere,
    export,
    filtering,
    home,
    importing,
    labelling,
    learning,
    pictures,
    preparing,
    reviewing,
)
from handlens.studio.server.running_exports import NoSuchExport
from handlens.studio.server.temporary_folders import TemporaryFolders
from handlens.studio.server.uploads import NoSuchUpload

DESCRIPTION = (
    "Everything that the page of handlens Studio does. JSON, except where another type is named; arrays are base64 of "
    'little-endian bytes. A failed request answers {"error": "a sentence"}.'
)
SCREENS = r"/(c/[^/]+|kernel)?/?"
LOCAL_HOSTS = ("127.0.0.1:8600", "localhost:8600", "[::1]:8600")


def create_app(
    home_folder: Path, *, token: str | None = None, hosts: Iterable[str] = LOCAL_HOSTS, page: Page | None = None
) -> FastAPI:
    """Make Studio's server as an ASGI app.

    Args:
        home_folder: Studio's own folder, with the collections; made if it does not exist.
        token: every request must carry it; None to ask for none.
        hosts: the Host headers it answers to, each "name:port" ("*:port" for any numeric address).
        page: the page to serve; the built one unless given.

    Raises:
        OSError: the folder cannot be written.
    """
    temporary = TemporaryFolders(home_folder / "scratch")
    state = ServerState(temporary, CollectionRegistry(home_folder, temporary))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        threading.Thread(target=_import_torch, name="handlens-import", daemon=True).start()
        yield
        state.feed.close()
        await run_in_threadpool(state.exports.close)
        state.finished = await run_in_threadpool(state.registry.close)
        await run_in_threadpool(temporary.close)

    app = FastAPI(
        title="handlens Studio",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        responses={"4XX": {"model": Error}, "5XX": {"model": Error}},
        # Newer FastAPIs report to OpenTelemetry where that is set up; nothing leaves this server.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.server = state
    app.add_middleware(Semantics)
    app.add_middleware(Guard, hosts=frozenset(hosts), token=token, private="/api/collections/", uploads="/api/uploads/")
    explain_errors(
        app,
        (NoSuchCollection, 404),
        (FolderGoneError, 410),
        (NoSuchUpload, 404),
        (NoSuchExport, 404),
        (TooLarge, 413),
        (PlanChanged, 409),
    )
    for module in (
        home,
        preparing,
        pictures,
        labelling,
        learning,
        everywhere,
        filtering,
        checking,
        reviewing,
        auditing,
        importing,
        export,
    ):
        app.include_router(module.router)
    describe_errors(app)
    add_api_page(app)
    app.mount("/", GZipMiddleware(page or Page(SCREENS)))  # last: it answers at every address that is left
    return app


def _import_torch() -> None:
    """Import what the first collection needs while the person still looks at the home screen."""
    import torch

    torch.get_num_threads()
