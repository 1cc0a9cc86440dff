"""An HTTP proxy that passes requests on, and breaks off before the answers to one operation."""

from __future__ import annotations

from http.client import HTTPConnection
from urllib.parse import urlsplit

from tests.fakes.local_server import LocalServer, QuietHandler


class CuttingProxy(LocalServer):
    """
    The proxy, as a context manager.

    :param operation: the API's name of what it never brings an answer to; its requests arrive.
    """

    def __init__(self, operation: str) -> None:
        self.operation = operation
        #: How many answers it has kept back.
        self.cut = 0

    def handler(self) -> type[QuietHandler]:
        """Return what passes a request on."""
        proxy = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                to = urlsplit(self.path)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                there = HTTPConnection(str(to.hostname), to.port)
                there.request("POST", to.path or "/", body, dict(self.headers))
                answer = there.getresponse()
                data = answer.read()
                there.close()
                if self.headers.get("X-Amz-Target", "").endswith(f".{proxy.operation}"):
                    proxy.cut += 1
                    self.close_connection = True
                else:
                    self.reply(answer.status, answer.headers["Content-Type"], data)

        return Handler
