"""The built page, served from its folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parents[1] / "studio/server/page"

_INDEX = "index.html"
# Written out, since what the system says of an ending can be wrong, and a script of another type does not run.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_NOT_BUILT = """<!doctype html><meta charset=utf-8><title>handlens</title>
<p>The page is not built, which happens in a working copy of the code:
run <code>make page</code>, then load this again.</p>"""


class Page(StaticFiles):
    """The files of the page, as an ASGI app; index.html is the page itself, the same at the address of every screen.

    Args:
        screens: a regular expression of the addresses that have a screen; the script on the page shows it.
        folder: what the build wrote; without it, the page says how to build it.
    """

    def __init__(self, screens: str, folder: Path = FOLDER) -> None:
        self._screens = re.compile(screens)
        super().__init__(directory=folder, check_dir=False)
        self.config_checked = True  # a missing folder is not an error: see get_response

    def get_path(self, scope: Scope) -> str:
        """The file that an address stands for."""
        return _INDEX if self._screens.fullmatch(scope["path"]) else super().get_path(scope)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file; 404 for anything but files of the known types inside the folder, 405 for other methods than GET."""
        try:
            if Path(path).suffix not in _TYPES:
                raise HTTPException(404)
            found = await super().get_response(path, {**scope, "method": "GET"})
            if scope["method"] not in ("GET", "HEAD"):
                raise HTTPException(405)
            return found
        except HTTPException as error:
            if error.status_code == 405:
                raise
            if path == _INDEX:
                return HTMLResponse(_NOT_BUILT, status_code=503)
            raise HTTPException(404, "There is nothing at this address.") from None

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file with its type, and for how long it may be kept."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        if isinstance(response, FileResponse):
            response.headers["Content-Type"] = _TYPES[Path(full_path).suffix]
        # Names below assets/ change with their content. Other files are always sent: where packages are installed with
        # one fixed date for all files, a new index.html of the same size would have the old one's ETag.
        lasting = scope["path"].startswith("/assets/")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if lasting else "no-store"
        return response
