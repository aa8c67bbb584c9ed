"""Where a server listens: a free port, the names it answers to, and the address for the person."""

from __future__ import annotations

import os
import socket
import sys

from handlens.errors import HandlensError
from handlens.io.problems import reason_of
from handlens.serving.connections import WAITING

DEFAULT_PORT = 8600
_TRIED = 100
LOCAL = ("127.0.0.1", "localhost", "::1")


class AddressError(HandlensError):
    """The address asked for cannot be listened on."""


def listen(host: str, port: int | None) -> socket.socket:
    """A socket bound to the port; without one to the first free one from DEFAULT_PORT on. AddressError otherwise."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise AddressError(
            f"--host must be an address of this machine; “{host}” is not known ({reason_of(error)})."
        ) from error
    last: OSError | None = None
    for candidate in range(DEFAULT_PORT, DEFAULT_PORT + _TRIED) if port is None else [port]:
        # Named, because asyncio turns off the delay of small packets (Nagle) only for sockets that say they are TCP.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if os.name == "posix":  # elsewhere it would let two servers share the port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((address[0], candidate))
            bound.listen(WAITING)
        except (OSError, OverflowError) as error:
            bound.close()
            if isinstance(error, OverflowError):
                raise AddressError(f"--port must be between 0 and 65535; {port} arrived.") from error
            last = error
            continue
        bound.set_inheritable(False)
        return bound
    what = (
        f"port {port} on {host}"
        if port is not None
        else f"each port from {DEFAULT_PORT} to {DEFAULT_PORT + _TRIED - 1}"
    )
    raise AddressError(f"{what} cannot be listened on ({last}). Choose another with --port.")


def accepted_hosts(host: str, port: int) -> list[str]:
    """The Host headers that mean this server."""
    local = [f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}"]
    if host in LOCAL:
        return local
    if host in ("0.0.0.0", "::"):
        return [*local, f"{socket.gethostname()}:{port}", f"{socket.getfqdn()}:{port}", f"*:{port}"]
    return [*local, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]


def address(host: str, port: int, path: str, token: str | None) -> str:
    """What to open in a browser."""
    name = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname(), "localhost": "127.0.0.1"}.get(host, host)
    name = f"[{name}]" if ":" in name else name
    return f"http://{name}:{port}{path}" + (f"?token={token}" if token else "")


def has_display() -> bool:
    """Whether a browser opened here would be seen."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
