"""PostgreSQL of Debian's package."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
from pathlib import Path

import psycopg2

from tests.system.local_server import LocalServer

__all__ = ["Postgres", "programs"]

_USER = "postgres"


def programs() -> Path | None:
    """Return the folder of PostgreSQL's newest programs, None if there are none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda each: int(each.parts[-3]))
    return found[-1].parent if found else None


class Postgres(LocalServer):
    """
    A server with a database ``airflow``.

    PostgreSQL refuses to run as root: then it runs as the user that its package brings.
    """

    def __init__(self) -> None:
        found = programs()
        if found is None:
            raise RuntimeError("PostgreSQL is not installed; Debian's package is postgresql")
        self._programs = found
        super().__init__("postgres", _USER if os.getuid() == 0 else None)
        if self.user is not None:
            account = pwd.getpwnam(self.user)
            os.chown(self.home, account.pw_uid, account.pw_gid)

    @property
    def url(self) -> str:
        """The database, as SQLAlchemy has it."""
        return f"postgresql+psycopg2://airflow@127.0.0.1:{self.port}/airflow"

    def set_up(self) -> None:
        """Make the database."""
        self._run("initdb", "--auth=trust", "--no-sync", "--username=airflow", "--encoding=UTF8", self._data)
        self.start()
        self._run("createdb", "--host=127.0.0.1", f"--port={self.port}", "--username=airflow", "airflow")

    def command(self) -> list[str]:
        """Return what starts the server."""
        return [
            str(self._programs / "postgres"),
            *("-D", self._data, "-p", str(self.port), "-h", "127.0.0.1"),
            *("-k", str(self.home), "-c", "max_connections=200"),
        ]

    def answers(self) -> bool:
        """Tell whether it takes connections."""
        try:
            self._connect("postgres").close()
        except psycopg2.OperationalError:
            return False
        return True

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """
        Stop the server.

        :param how: SIGINT is PostgreSQL's fast way, which breaks connections off; SIGQUIT its immediate one,
            after which it recovers as from a crash.
        """
        super().stop(how)

    def connect(self) -> psycopg2.extensions.connection:
        """Return a connection to the database."""
        return self._connect("airflow")

    @property
    def _data(self) -> str:
        return str(self.home / "data")

    def _connect(self, database: str) -> psycopg2.extensions.connection:
        return psycopg2.connect(host="127.0.0.1", port=self.port, user="airflow", dbname=database)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            cwd=self.home,
            user=self.user,
            group=self.user,
            extra_groups=[] if self.user else None,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr}")
