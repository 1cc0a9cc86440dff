"""An endpoint of AWS's JSON protocol that knows what it was asked, and answers raw bytes, whole or not."""

from __future__ import annotations

import json
from abc import abstractmethod
from typing import Any

from tests.fakes.local_server import LocalServer, QuietHandler

__all__ = ["FRAMINGS", "WireServer", "framed"]

#: The ways in which HTTP says where a body ends.
FRAMINGS = ("length", "chunked", "close")
#: Bytes of a chunk: few, so that a small body has several.
_CHUNK = 48


def framed(body: bytes, framing: str, status: str = "200 OK") -> bytes:
    """
    Return an HTTP answer, after which the connection ends.

    :param framing: one of ``FRAMINGS``: by Content-Length, in chunks, or by the connection's end.
    """
    head = [f"HTTP/1.1 {status}", "Connection: close", "Content-Type: application/x-amz-json-1.1"]
    sent = body
    if framing == "length":
        head.append(f"Content-Length: {len(body)}")
    elif framing == "chunked":
        head.append("Transfer-Encoding: chunked")
        # With leading zeros: cut in its length, a chunk looks like the last one.
        chunks = [body[start : start + _CHUNK] for start in range(0, len(body), _CHUNK)]
        sent = b"".join(b"%04x\r\n%s\r\n" % (len(each), each) for each in chunks) + b"0\r\n\r\n"
    return "\r\n".join([*head, "", ""]).encode() + sent


class WireServer(LocalServer):
    """The server, as a context manager. Each connection takes one request."""

    @abstractmethod
    def answer(self, operation: str, body: dict[str, Any]) -> bytes:
        """Return all bytes of the answer, head included."""

    def connection(self) -> str:
        """Return an Airflow connection to the server, as JSON; each error is met once, not five times."""
        extra = {
            "region_name": "us-east-1",
            "endpoint_url": self.endpoint_url,
            "config_kwargs": {"retries": {"total_max_attempts": 1}},
        }
        return json.dumps({"conn_type": "aws", "login": "testing", "password": "testing", "extra": extra})

    def handler(self) -> type[QuietHandler]:
        """Return what puts each request to :meth:`answer`."""
        script = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["Content-Length"]))
                operation = self.headers["X-Amz-Target"].rpartition(".")[2]
                self.wfile.write(script.answer(operation, json.loads(sent or b"{}")))
                self.close_connection = True

        return Handler
