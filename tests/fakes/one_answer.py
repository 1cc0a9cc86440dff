"""Snowball endpoints that answer every request alike."""

from __future__ import annotations

from typing import Any

from tests.fakes.json_server import JsonServer


class OneAnswer(JsonServer):
    """The server, as a context manager; what it answers is the HTTP status and the members of the body."""

    def __init__(self, status: int = 200, **body: Any) -> None:
        super().__init__()
        self.status = status
        self.body = body

    def answer(self, operation: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer as always."""
        return self.status, self.body


class Refusal(OneAnswer):
    """Refuses every request; ``{operation}`` in the message is the one asked for."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(400, __type=code)
        self.message = message

    def answer(self, operation: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Refuse."""
        message = self.message.replace("{operation}", operation)
        return self.status, self.body | {"message": message, "Message": message}
