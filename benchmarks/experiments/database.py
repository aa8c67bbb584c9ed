"""A PostgreSQL server of our own, in a temporary folder, that can be stopped and started again."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

USER = "postgres"

AS_USER = "import os, sys; os.setgroups([]); os.setgid({1}); os.setuid({0}); os.execv(sys.argv[1], sys.argv[1:])"
"""What becomes another program as another user. `subprocess` itself can do so only by a fork of this process, which
libraries with threads of their own, such as gRPC, do not always survive."""


def is_installed() -> bool:
    """Whether the programs of a PostgreSQL server are on PATH."""
    return all(shutil.which(program) for program in ("initdb", "postgres", "pg_ctl"))


class Server:
    """A server that only this machine reaches, at a port that was free.

    Attributes:
        url: of its one database, as SQLAlchemy writes it.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="handlens-postgresql-"))
        # PostgreSQL refuses to run as root.
        self._as: list[str] = []
        if os.getuid() == 0:
            user = pwd.getpwnam(USER)
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            self._as = [sys.executable, "-I", "-S", "-c", AS_USER.format(user.pw_uid, user.pw_gid)]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"postgresql+psycopg://{USER}@127.0.0.1:{self._port}/{USER}"
        self._data = self._folder / "data"
        self._run("initdb", "--pgdata", self._data, "--username", USER, "--auth", "trust", "--no-sync", "-E", "UTF8")
        self.start()

    def start(self) -> None:
        """Start it unless it runs, and wait until it answers."""
        if self.is_running():
            return
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -k {self._folder} -c fsync=off"
        self._run("pg_ctl", "start", "-w", "-D", self._data, "-l", self._folder / "log", "-o", options)

    def is_running(self) -> bool:
        return (self._data / "postmaster.pid").exists()

    def stop(self) -> None:
        """Stop it at once; all its connections break."""
        self._run("pg_ctl", "stop", "-w", "-D", self._data, "-m", "immediate")

    def drop_connections(self) -> int:
        """End every connection but the one that asks, as a firewall or a restart would; how many there were."""
        import psycopg

        others = "select count(pg_terminate_backend(pid)) from pg_stat_activity where pid <> pg_backend_pid()"
        with psycopg.connect(self.url.replace("+psycopg", "")) as connection:
            row = connection.execute(f"{others} and backend_type = 'client backend'").fetchone()
        return int(row[0]) if row else 0

    def _run(self, program: str, *arguments: Any) -> None:
        # It has no other place to write to: pg_ctl's server keeps the pipes of its starter open.
        with (self._folder / f"{program}.log").open("w") as said:
            command = [*self._as, str(shutil.which(program)), *map(str, arguments)]
            done = subprocess.run(command, stdout=said, stderr=said, cwd=self._folder, check=False)
        if done.returncode:
            log = (self._folder / f"{program}.log").read_text()
            raise RuntimeError(f"{program} ended with status {done.returncode}: {log or 'it said nothing'}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_running():
            self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
