"""An endpoint of AWS's JSON protocol over HTTP, whose answers a subclass makes up."""

from __future__ import annotations

import json
import threading
from abc import abstractmethod
from typing import Any

from tests.fakes.local_server import LocalServer, QuietHandler


class JsonServer(LocalServer):
    """
    The server, as a context manager.

    ``requests`` are those that came so far: operation and body.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self._lock = threading.Lock()

    @abstractmethod
    def answer(self, operation: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return HTTP status and body; called by one thread at a time."""

    def handler(self) -> type[QuietHandler]:
        """Return what puts each request to :meth:`answer`."""
        script = self

        class Handler(QuietHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["Content-Length"]))
                if "X-Amz-Target" not in self.headers:
                    self.send_error(400, "Not a request of this protocol")
                    return
                body = json.loads(sent or b"{}")
                operation = self.headers["X-Amz-Target"].rpartition(".")[2]
                with script._lock:
                    script.requests.append((operation, body))
                    status, answer = script.answer(operation, body)
                self.reply(status, "application/x-amz-json-1.1", json.dumps(answer).encode())

        return Handler
