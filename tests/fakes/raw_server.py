"""A Snowball endpoint that answers raw bytes: what stands on the wire is what a test says, whole or not."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from typing import Any, Self

__all__ = ["Answer", "RawServer", "answer"]

#: Bytes of a whole HTTP answer, head included; or what makes them of the number of the request.
Answer = bytes | Callable[[int], bytes]


def answer(
    body: Any = b"",
    status: str = "200 OK",
    *,
    length: int | None = None,
    delimited: bool = True,
    **headers: Any,
) -> bytes:
    """
    Return an HTTP answer.

    :param body: bytes as they are; text in UTF-8; anything else as JSON.
    :param length: what Content-Length says; default: the truth.
    :param delimited: whether there is a Content-Length; without, the connection's end ends the answer.
    :param headers: further headers, with ``_`` for ``-``.
    """
    if not isinstance(body, bytes | str):
        body = json.dumps(body)
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", "Connection: close"]
    named = {"Content_Type": "application/x-amz-json-1.1"} | headers
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in named.items()]
    if delimited:
        lines.append(f"Content-Length: {len(data) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + data


class RawServer:
    """
    The server, as a context manager.

    ``answer_to`` may be set anew at any time. Each connection takes one request.
    ``requests`` are the bodies that came so far.

    :param answer_to: returns the answer to a request, of its body and its number.
    """

    def __init__(self, answer_to: Callable[[dict[str, Any], int], bytes]) -> None:
        self.answer_to = answer_to
        self.requests: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        # Wakes the thread that accepts, which closing alone does not.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    @property
    def endpoint_url(self) -> str:
        """Where the server is."""
        return f"http://127.0.0.1:{self._port}"

    def connection(self, **extra: Any) -> str:
        """Return an Airflow connection to the server, as JSON; each error is met once, not five times."""
        return json.dumps(
            {
                "conn_type": "aws",
                "login": "testing",
                "password": "testing",
                "extra": {
                    "region_name": "us-east-1",
                    "endpoint_url": self.endpoint_url,
                    "config_kwargs": {"retries": {"total_max_attempts": 1}},
                }
                | extra,
            }
        )

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        with peer, peer.makefile("rb") as stream:
            try:
                if not stream.readline():
                    return
                length = 0
                while (line := stream.readline().strip()) != b"":
                    name, _, value = line.partition(b":")
                    if name.lower() == b"content-length":
                        length = int(value)
                body = _read(stream.read(length))
                with self._lock:
                    self.requests.append(body)
                    number = len(self.requests)
                peer.sendall(self.answer_to(body, number))
                peer.shutdown(socket.SHUT_WR)
            except (OSError, ValueError):
                # Whoever asked has gone.
                return


def _read(body: bytes) -> dict[str, Any]:
    """Return the body of a request; of one to another service than Snowball, as text."""
    try:
        return dict(json.loads(body or b"{}"))
    except ValueError:
        return {"text": body.decode("utf-8", "replace")}
