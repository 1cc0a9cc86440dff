"""An endpoint of AWS's JSON protocol over HTTP, whose answers a subclass makes up."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class JsonServer(ABC):
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

    def __enter__(self) -> Self:
        script = self

        class Handler(BaseHTTPRequestHandler):
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
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
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
