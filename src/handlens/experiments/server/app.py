"""The application: the API, the page and the documentation behind one guard."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.responses import RedirectResponse, Response
from starlette.middleware.gzip import GZipMiddleware

from handlens import __version__
from handlens.experiments.server import routes
from handlens.experiments.server.payloads import read_ahead
from handlens.experiments.server.records import NoSuchRun, NoSuchStudy, Records
from handlens.experiments.store import Place, RecordError
from handlens.serving.api_page import add_api_page
from handlens.serving.guard import Guard
from handlens.serving.problems import describe_errors, explain_errors
from handlens.serving.schemas import Error
from handlens.serving.semantics import Semantics
from handlens.serving.webpage import Page

DESCRIPTION = (
    "Everything that the page of experiments does. JSON; arrays are base64 of little-endian bytes. A failed request "
    'answers {"error": "a sentence"}.'
)
HOME = "/experiments"
SCREENS = rf"{HOME}(/.*)?"
_SMALL = 10_000  # bytes that are not worth compressing


def create_app(place: Place, *, token: str | None = None, hosts: Iterable[str], page: Page | None = None) -> FastAPI:
    """Make the server of the studies in one place as an ASGI app.

    Args:
        place: the folder and the database; nothing is made where there is none.
        token, hosts: see `Guard`.
        page: the page to serve; the built one unless given.
    """
    records = Records(place)
    state = routes.ExperimentsState(records)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        threading.Thread(target=read_ahead, args=(records,), name="handlens first reading", daemon=True).start()
        yield
        state.feed.close()
        with records.lock:
            records.close()

    app = FastAPI(
        title="handlens experiments",
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
    app.add_middleware(GZipMiddleware, minimum_size=_SMALL, compresslevel=1)
    app.add_middleware(Semantics)
    app.add_middleware(Guard, hosts=frozenset(hosts), token=token, private="/api/")
    explain_errors(app, (NoSuchStudy, 404), (NoSuchRun, 404), (RecordError, 503))
    app.include_router(routes.router)

    @app.get("/", include_in_schema=False)
    def home() -> Response:
        return RedirectResponse(HOME)

    describe_errors(app)
    add_api_page(app)
    app.mount("/", page or Page(SCREENS))  # last: it answers at every address that is left
    return app
