"""What stands between Airflow's workers and the API server, so that an answer can be kept back."""

from __future__ import annotations

import http.client
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

__all__ = ["ExecutionProxy", "Held"]

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


class Held:
    """
    An answer that is kept back.

    :param path: a pattern of the request's path; ``body`` likewise.
    """

    def __init__(self, path: str, body: str) -> None:
        self._path = re.compile(path)
        self._body = re.compile(body)
        #: Set once the API server has answered the request.
        self.reached = threading.Event()
        #: To be set, so that the answer goes on.
        self.released = threading.Event()

    def is_of(self, path: str, body: bytes) -> bool:
        """Tell whether a request is the one; it is one only."""
        return (
            not self.reached.is_set()
            and self._path.search(path) is not None
            and self._body.search(body.decode("utf-8", "replace")) is not None
        )


class ExecutionProxy:
    """
    The proxy, as a context manager.

    :param port: of the API server on loopback.
    """

    def __init__(self, port: int) -> None:
        self._held: list[Held] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {
                    name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP
                }
                server = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                try:
                    server.request(self.command, self.path, body, headers)
                    answer = server.getresponse()
                    answered = answer.read()
                except OSError:
                    # As if there were no proxy: a server that is away gives no answer.
                    self.close_connection = True
                    return
                finally:
                    server.close()
                proxy._wait(self.path, body)
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in _HOP_BY_HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(answered)))
                self.end_headers()
                self.wfile.write(answered)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _pass_on

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/execution/"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for held in self._held:
            held.released.set()
        self._server.shutdown()
        self._server.server_close()

    def hold(self, path: str, body: str) -> Held:
        """Keep back the answer to the next request whose path and body have these patterns."""
        held = Held(path, body)
        self._held.append(held)
        return held

    def _wait(self, path: str, body: bytes) -> None:
        for held in self._held:
            if held.is_of(path, body):
                held.reached.set()
                held.released.wait(600)
