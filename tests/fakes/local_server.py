"""A server on loopback in a thread, whose handler a subclass makes."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class QuietHandler(BaseHTTPRequestHandler):
    """Answers without a word in the log."""

    # Headers and body in one packet, as kept connections otherwise have each answer wait 40 ms for the other
    # end's acknowledgement of the first.
    wbufsize = -1

    def reply(self, status: int, content_type: str, data: bytes) -> None:
        """Send a whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


class LocalServer(ABC):
    """The server, as a context manager."""

    @abstractmethod
    def handler(self) -> type[QuietHandler]:
        """Return the class that answers requests."""

    def server(self) -> ThreadingHTTPServer:
        """Return what serves, on a port of its own."""
        return ThreadingHTTPServer(("127.0.0.1", 0), self.handler())

    def __enter__(self) -> Self:
        self._server = self.server()
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def endpoint_url(self) -> str:
        """Where the server is."""
        return f"http://127.0.0.1:{self._server.server_port}"
