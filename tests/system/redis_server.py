"""Redis of Debian's package, on loopback, in a folder of its own: the broker of Celery's workers."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.system.airflow_processes import free_port

__all__ = ["Redis", "program"]

_READY_WITHIN = 60.0


def program() -> str | None:
    """Return the path of the server's program, None if there is none."""
    return shutil.which("redis-server")


class Redis:
    """A server that keeps what it was told, as a context manager; leaving it removes everything."""

    def __init__(self) -> None:
        found = program()
        if found is None:
            raise RuntimeError("Redis is not installed; Debian's package is redis-server")
        self._program = found
        self._home = Path(tempfile.mkdtemp(prefix="snowball-redis-"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The broker, as Celery has it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        log = self._home / "server.log"
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [
                    self._program,
                    *("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self._home)),
                    # Each command is on the disk before it is answered.
                    *("--save", "", "--appendonly", "yes", "--appendfsync", "always"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + _READY_WITHIN
        while "Ready to accept connections" not in log.read_text().rpartition("Redis is starting")[2]:
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(log.read_text()[-3000:])
            time.sleep(0.2)

    def kill(self) -> None:
        """End the server at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _end(self) -> None:
        self.kill()
        shutil.rmtree(self._home, ignore_errors=True)
