"""Servers of Debian packages that tests start: on loopback, in a folder of their own."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.system.airflow_processes import free_port

__all__ = ["LocalServer"]

_READY_WITHIN = 120.0


class LocalServer(ABC):
    """
    A server, as a context manager; leaving it removes everything.

    :param name: what the folder is called by.
    :param user: who the server runs as, None for whoever runs the tests.
    """

    def __init__(self, name: str, user: str | None = None) -> None:
        self.home = Path(tempfile.mkdtemp(prefix=f"snowball-{name}-"))
        self.user = user
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the server that runs."""
        if self._process is None:
            raise RuntimeError(f"{type(self).__name__} is not running")
        return self._process.pid

    @abstractmethod
    def command(self) -> list[str]:
        """Return what starts the server."""

    @abstractmethod
    def answers(self) -> bool:
        """Tell whether the server that was started takes connections."""

    def __enter__(self) -> Self:
        try:
            self.set_up()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def set_up(self) -> None:
        """Start the server for the first time."""
        self.start()

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        with (self.home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.home,
                user=self.user,
                group=self.user,
                extra_groups=[] if self.user else None,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + _READY_WITHIN
        while not self.answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError((self.home / "server.log").read_text()[-3000:])
            time.sleep(0.2)

    def stop(self, how: signal.Signals) -> None:
        """Stop the server."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def _end(self) -> None:
        # At once, which PostgreSQL has SIGQUIT for: it ends its own processes then.
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.home, ignore_errors=True)
