"""What a wait says: durations as a person says them, and log lines that say only what changed. Pure."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "NAMED",
    "LogLine",
    "LogLines",
    "capitalized",
    "format_bytes",
    "format_duration",
    "write_lines",
]

#: How many jobs a text names before it says "and N more"; a cluster has 16 at most.
NAMED = 20


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line for the log, with its level."""

    level: int
    text: str


class LogLines:
    """What a wait has to say that it has not said before, topic by topic."""

    __slots__ = ("_new", "_said")

    def __init__(self) -> None:
        self._said: dict[str, str] = {}
        # A tuple: of an empty one there is only one, however many waits.
        self._new: tuple[LogLine, ...] = ()

    def add(self, text: str, level: int = logging.INFO) -> None:
        """Say something, whatever was said before."""
        self._new += (LogLine(level, text),)

    def say(self, topic: str, text: str, level: int = logging.INFO) -> None:
        """Say something, unless it is what was said of the topic last."""
        if self._said.get(topic) != text:
            self._said[topic] = text
            self.add(text, level)

    def forget(self, topic: str) -> bool:
        """Forget what was said of a topic; return whether anything was."""
        return self._said.pop(topic, None) is not None

    def take(self) -> tuple[LogLine, ...]:
        """Return the lines that are new since the last call."""
        new, self._new = self._new, ()
        return new


def write_lines(lines: Sequence[LogLine], log: Any) -> None:
    """Write lines to a logger, the standard library's or structlog's."""
    for line in lines:
        log.log(line.level, "%s", line.text)


def format_duration(seconds: float) -> str:
    """Return a duration as a person says it, in its two largest units: ``90 days``, ``1 hour 30 minutes``."""
    if seconds < 1:
        return f"{seconds:.2g} seconds"
    parts = []
    rest = round(seconds)
    for name, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    return " ".join(parts[:2])


def format_bytes(count: float) -> str:
    """Return a number of bytes as a person says it, in units of 1,000: ``1.2 TB``."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.1f} PB"


def capitalized(text: str) -> str:
    """Return a text as it begins a sentence; the rest of it stays as it is."""
    return text[:1].upper() + text[1:]
