"""
A rehearsal in a file, so that it outlives its server: what was ordered and steered, and what time it is.

Written whole before each answer to whoever changes something: so it can be relied on, and is for hundreds of
jobs, not for ten thousand. The file's own time says how long its server lived, at each answer and in between:
after a kill, simulated time is where it was, and never goes back. While no server runs, it stands still. What
was announced since the last change is announced once more after a kill.

moto's other services are not in it: buckets, topics and queues are gone with the process.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from . import cbor
from .control import PREFIX
from .rehearsal.clock import go_on_from
from .rehearsal.faults import go_on_with
from .rehearsal.kept import as_text, from_text
from .rehearsal.links import signing_key
from .rehearsal.models import all_backends, snowball_backends, snowball_clock, snowball_faults
from .wire import TARGET

try:
    import fcntl
except ImportError:  # Windows has none: there, two servers at one file are not kept apart.
    fcntl = None  # type: ignore[assignment]

__all__ = ["StateFile"]

log = logging.getLogger(__name__)

_FORM = 1
#: Real seconds between two signs of life while nobody asks.
_BEAT = 0.25
#: moto's own.
_RESET = "/moto-api/reset"


class StateFile:
    """
    Keeps the rehearsal of this process in a file; another one beside it, ``.lock``, says that it is in use.

    :param path: of the file; made at the first write, for its owner only, as it has unlock codes.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._in_use: IO[str] | None = None
        #: When the file was written last, by the wall clock and by one that nobody sets.
        self._written = (0.0, 0.0)

    def load(self) -> bool:
        """
        Take the file for oneself, and go on with what it has; tell whether there is one.

        :raises OSError: if it cannot be read.
        :raises ValueError: if it is not one of these files, or another server has it.
        """
        self._take()
        try:
            return self._read()
        except BaseException:
            self._give_back()
            raise

    def _read(self) -> bool:
        try:
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            return False
        try:
            state = from_text(text)
            if state["form"] != _FORM:
                raise ValueError(f"its form is {state['form']}, and this version reads {_FORM}")
            clock = state["clock"]
            lived = self.path.stat().st_mtime - state["written"] if state["running"] else 0.0
            ran = 0.0 if clock["paused"] else max(lived, 0.0) * clock["speed"]
            for each in state["backends"]:
                snowball_backends[each["account"]][each["region"]].restore(each)
            signing_key.value = bytes.fromhex(state["signing_key"])
            go_on_with(snowball_faults, state["faults"])
            go_on_from(snowball_clock, clock["now"] + ran, clock["speed"], paused=clock["paused"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{self.path} is no state of a local Snowball ({error}); move it away to begin anew"
            ) from error
        log.info("Going on with what %s has", self.path)
        return True

    def begin(self) -> None:
        """
        Give signs of life from now on.

        :raises OSError: if it cannot be written.
        """
        self._ended.clear()
        try:
            self.write()
        except OSError:
            self._give_back()
            raise
        self._thread = threading.Thread(target=self._beat, name="snowball-state", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Write that the rehearsal stands still. Requests that are still under way change nothing of it."""
        if self._thread is None:
            return
        try:
            with self._lock:
                self._ended.set()
                self._write(running=False)
        finally:
            self._thread.join()
            self._thread = None
            self._give_back()

    def write(self) -> None:
        """
        Write all of it; whoever reads has the file of before or this one, whole.

        :raises OSError: if that cannot be done.
        """
        with self._lock:
            if not self._ended.is_set():
                self._write(running=True)

    def _write(self, *, running: bool) -> None:
        self._written = (time.time(), time.monotonic())
        state = {
            "form": _FORM,
            "running": running,
            "written": self._written[0],
            "clock": _clock(),
            "signing_key": signing_key.value.hex(),
            "faults": [fault.described() for fault in snowball_faults.list()],
            "backends": [backend.snapshot() for backend in all_backends()],
        }
        # Nobody else's file, whatever lies there, and for its owner only.
        number, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(as_text(state))
                file.flush()
                os.fsync(file.fileno())
            os.utime(name, (self._written[0],) * 2)
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        self._sign()

    def _sign(self) -> None:
        """Let the file's time say how long its server has lived."""
        at, since = self._written
        os.utime(self.path, (at + time.monotonic() - since,) * 2)

    def keeping(self, app: Any) -> Any:
        """Return a WSGI app like ``app``, which writes before it answers whoever may have changed a thing."""

        def kept(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            try:
                return app(environ, start_response)  # type: ignore[no-any-return]
            finally:
                # A connection that is reset by a fault comes after what was carried out.
                self._keep(environ)

        return kept

    def _keep(self, environ: dict[str, Any]) -> None:
        try:
            if _changes(environ):
                self.write()
            else:
                with self._lock:
                    if not self._ended.is_set():
                        self._sign()
        except OSError:
            # What was carried out was: it is answered, and whoever looks after the server is told.
            log.exception(
                "Cannot keep the rehearsal in %s; what changes now is lost with this process", self.path
            )

    def _beat(self) -> None:
        while not self._ended.wait(_BEAT):
            with self._lock:
                try:
                    self._sign()
                except OSError as error:
                    log.warning("Cannot keep the rehearsal in %s: %s", self.path, error)

    def _take(self) -> None:
        file = self.path.with_name(f"{self.path.name}.lock").open("a")
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.close()
                raise ValueError(
                    f"{self.path} is in use by another local Snowball; end that one, or name another file"
                ) from None
        self._in_use = file

    def _give_back(self) -> None:
        if self._in_use is not None:
            self._in_use.close()
            self._in_use = None


def _clock() -> dict[str, Any]:
    return {"now": snowball_clock.now(), "speed": snowball_clock.speed, "paused": snowball_clock.paused}


def _changes(environ: dict[str, Any]) -> bool:
    """Tell whether a request may have changed a rehearsal."""
    path = str(environ.get("PATH_INFO", ""))
    if path.startswith(PREFIX) or path == _RESET:
        return environ.get("REQUEST_METHOD") not in ("GET", "HEAD")
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    found = cbor.PATH.fullmatch(path)
    if found is None and not target.startswith(TARGET):
        return False
    operation = found["operation"] if found else target.removeprefix(TARGET)
    # A fault that strikes a number of requests has struck one more.
    return not operation.startswith(("List", "Describe", "Get")) or any(
        fault.count is not None for fault in snowball_faults.list()
    )
