"""Redis of Debian's package: the broker of Celery's workers."""

from __future__ import annotations

import shutil
import socket

from tests.system.local_server import LocalServer

__all__ = ["Redis"]


class Redis(LocalServer):
    """A server that keeps what it was told."""

    def __init__(self) -> None:
        found = shutil.which("redis-server")
        if found is None:
            raise RuntimeError("Redis is not installed; Debian's package is redis-server")
        self._program = found
        super().__init__("redis")

    @property
    def url(self) -> str:
        """The broker, as Celery has it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        """Return what starts the server."""
        return [
            self._program,
            *("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.home)),
            # Each command is on the disk before it is answered.
            *("--save", "", "--appendonly", "yes", "--appendfsync", "always"),
        ]

    def answers(self) -> bool:
        """Tell whether it has read what it kept, too: until then it answers with an error."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
