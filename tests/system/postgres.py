"""PostgreSQL of Debian's package, on loopback, in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg2

from tests.system.airflow_processes import free_port

__all__ = ["Postgres", "programs"]

_USER = "postgres"
_READY_WITHIN = 120.0


def programs() -> Path | None:
    """Return the folder of PostgreSQL's newest programs, None if there are none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda each: int(each.parts[-3]))
    return found[-1].parent if found else None


class Postgres:
    """
    A server with a database ``airflow``, as a context manager; leaving it removes everything.

    PostgreSQL refuses to run as root: then it runs as the user that its package brings.
    """

    def __init__(self) -> None:
        found = programs()
        if found is None:
            raise RuntimeError("PostgreSQL is not installed; Debian's package is postgresql")
        self._programs = found
        self._home = Path(tempfile.mkdtemp(prefix="snowball-postgres-"))
        self._user = _USER if os.getuid() == 0 else None
        if self._user is not None:
            account = pwd.getpwnam(self._user)
            os.chown(self._home, account.pw_uid, account.pw_gid)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The database, as SQLAlchemy has it."""
        return f"postgresql+psycopg2://airflow@127.0.0.1:{self.port}/airflow"

    def __enter__(self) -> Self:
        try:
            self._run(
                "initdb", "--auth=trust", "--no-sync", "--username=airflow", "--encoding=UTF8", self._data
            )
            self.start()
            self._run("createdb", "--host=127.0.0.1", f"--port={self.port}", "--username=airflow", "airflow")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        with (self._home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._programs / "postgres",
                    *("-D", self._data, "-p", str(self.port), "-h", "127.0.0.1"),
                    *("-k", str(self._home), "-c", "max_connections=200"),
                ],
                cwd=self._home,
                user=self._user,
                group=self._user,
                extra_groups=[] if self._user else None,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + _READY_WITHIN
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError((self._home / "server.log").read_text()[-3000:])
            time.sleep(0.2)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """
        Stop the server.

        :param how: SIGINT is PostgreSQL's fast way, which breaks connections off; SIGQUIT its immediate one,
            after which it recovers as from a crash.
        """
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def connect(self) -> psycopg2.extensions.connection:
        """Return a connection to the database."""
        return psycopg2.connect(host="127.0.0.1", port=self.port, user="airflow", dbname="airflow")

    @property
    def _data(self) -> str:
        return str(self._home / "data")

    def _answers(self) -> bool:
        try:
            psycopg2.connect(host="127.0.0.1", port=self.port, user="airflow", dbname="postgres").close()
        except psycopg2.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            cwd=self._home,
            user=self._user,
            group=self._user,
            extra_groups=[] if self._user else None,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr}")

    def _end(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._home, ignore_errors=True)
