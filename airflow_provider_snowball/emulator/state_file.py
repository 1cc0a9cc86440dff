"""
A rehearsal in a file, so that it outlives its server: what was ordered and steered, and what time it is.

Written whole before each answer to whoever changes something: so it can be relied on, and is for hundreds of
jobs, not for ten thousand. The file's own time says how long the server lived: after a kill, simulated time
is where it was or a moment further, and never goes back. While no server runs, it stands still. What was
announced since the last change is announced once more after a kill.

moto's other services are not in it: buckets, topics and queues are gone with the process.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import cbor
from .control import PREFIX
from .rehearsal.kept import as_text, from_text
from .rehearsal.models import all_backends, snowball_backends, snowball_clock, snowball_faults
from .wire import TARGET

__all__ = ["StateFile"]

log = logging.getLogger(__name__)

_FORM = 1
#: Real seconds between two signs of life.
_BEAT = 0.25
#: moto's own.
_RESET = "/moto-api/reset"


class StateFile:
    """
    Keeps the rehearsal of this process in a file.

    :param path: of the file; made at the first write, for its owner only, as it has unlock codes.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def load(self) -> bool:
        """
        Go on with what the file has; tell whether there is one.

        :raises ValueError: if it is not one of these files.
        """
        try:
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            return False
        try:
            state = from_text(text)
            if state["form"] != _FORM:
                raise ValueError(f"its form is {state['form']}, and this version reads {_FORM}")
            clock = state["clock"]
            lived = self.path.stat().st_mtime + _BEAT - state["written"] if state["running"] else 0.0
            ran = 0.0 if clock["paused"] else max(lived, 0.0) * clock["speed"]
            for each in state["backends"]:
                snowball_backends[each["account"]][each["region"]].restore(each)
            snowball_faults.restore(state["faults"])
            snowball_clock.restore(clock["now"] + ran, clock["speed"], paused=clock["paused"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{self.path} is no state of a local Snowball ({error}); move it away to begin anew"
            ) from error
        log.info("Going on with what %s has", self.path)
        return True

    def begin(self) -> None:
        """Give signs of life from now on."""
        self.write()
        self._ended.clear()
        self._thread = threading.Thread(target=self._beat, name="snowball-state", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Write that the rehearsal stands still."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            self.write(running=False)

    def write(self, *, running: bool = True) -> None:
        """Write all of it; whoever reads has the file of before or this one, whole."""
        with self._lock:
            text = as_text(_state(running=running))
            aside = self.path.with_name(f"{self.path.name}.new")
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(self.path)

    def keeping(self, app: Any) -> Any:
        """Return a WSGI app like ``app``, which writes before it answers whoever may have changed a thing."""

        def kept(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            try:
                return app(environ, start_response)  # type: ignore[no-any-return]
            finally:
                # A connection that is reset by a fault comes after what was carried out.
                if _changes(environ):
                    self.write()

        return kept

    def _beat(self) -> None:
        while not self._ended.wait(_BEAT):
            try:
                with self._lock:
                    os.utime(self.path)
            except OSError as error:
                log.warning("Cannot keep %s: %s", self.path, error)


def _state(*, running: bool) -> dict[str, Any]:
    clock = snowball_clock
    return {
        "form": _FORM,
        "running": running,
        "written": time.time(),
        "clock": {"now": clock.now(), "speed": clock.speed, "paused": clock.paused},
        "faults": [fault.described() for fault in snowball_faults.list()],
        "backends": [backend.snapshot() for backend in all_backends()],
    }


def _changes(environ: dict[str, Any]) -> bool:
    """Tell whether a request may have changed a rehearsal."""
    path = str(environ.get("PATH_INFO", ""))
    if path.startswith(PREFIX) or path == _RESET:
        return environ.get("REQUEST_METHOD") not in ("GET", "HEAD")
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    found = cbor.PATH.fullmatch(path)
    operation = found["operation"] if found else target.removeprefix(TARGET)
    is_ours = found is not None or target.startswith(TARGET)
    return is_ours and not operation.startswith(("List", "Describe", "Get"))
