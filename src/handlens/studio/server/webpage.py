"""The built page: files known by name, so that no address can reach another one."""

from __future__ import annotations

import gzip
import hashlib
import threading
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

FOLDER = Path(__file__).parent / "page"

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
_COMPRESSED = {".css", ".html", ".js", ".json", ".svg", ".txt", ".webmanifest"}

_NOT_BUILT = """<!doctype html><meta charset=utf-8><title>handlens Studio</title>
<p>The page is not built, which happens in a working copy of the code:
run <code>make page</code>, then load this again.</p>"""


class Page:
    """The files below a folder, served compressed; new ones are found when one is asked for that is not known."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._files: dict[str, Path] = {}
        self._packed: dict[tuple[Path, int, int], tuple[bytes, bytes, str]] = {}

    def index(self, request: Request) -> Response:
        """The page itself, the same at every address; a word on how to build it where it is not built."""
        return self.get("index.html", request) or HTMLResponse(_NOT_BUILT, status_code=503)

    def get(self, name: str, request: Request) -> Response | None:
        """One file by its path below the folder; None when there is none of that name."""
        if name not in self._files or not self._files[name].is_file():
            self._files = {
                file.relative_to(self._folder).as_posix(): file
                for file in self._folder.rglob("*")
                if file.suffix in _TYPES and file.is_file() and not file.is_symlink()
            }
        file = self._files.get(name)
        if file is None:
            return None
        plain, packed, tag = self._read(file)
        # Names below assets/ change with their content; all others are asked for again.
        cache = "public, max-age=31536000, immutable" if name.startswith("assets/") else "no-cache"
        headers = {"ETag": tag, "Cache-Control": cache, "Vary": "Accept-Encoding"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        if packed and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(packed, media_type=_TYPES[file.suffix], headers={**headers, "Content-Encoding": "gzip"})
        return Response(plain, media_type=_TYPES[file.suffix], headers=headers)

    def _read(self, file: Path) -> tuple[bytes, bytes, str]:
        about = file.stat()
        key = (file, about.st_mtime_ns, about.st_size)
        with self._lock:
            if key not in self._packed:
                data = file.read_bytes()
                packed = gzip.compress(data, 9, mtime=0) if file.suffix in _COMPRESSED else b""
                self._packed[key] = (data, packed, f'"{hashlib.sha256(data).hexdigest()[:20]}"')
            return self._packed[key]
