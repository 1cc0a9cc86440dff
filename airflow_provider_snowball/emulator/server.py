"""
A local Snowball over HTTP, with the rest of moto's services (STS, SNS, S3 and so on) beside it.

Point a client at :attr:`SnowballServer.endpoint_url`, or set ``AWS_ENDPOINT_URL_SNOWBALL`` to it.
Requests must be signed, with any credentials: moto tells its services, accounts and regions apart by
the signature.

Each answer has the header ``X-Snowball-Local``, which AWS's have not.

Control endpoints, unsigned, JSON in and out; a mistake answers 400 or 404 with ``{"error": ...}``. So
that no web page can use them, a POST takes ``Content-Type: application/json`` (or answers 415), and each
request a Host that is loopback or what the server is bound to (or 403); bound to every address, as
``0.0.0.0`` is, it takes any IP address for a Host, and of names ``localhost`` only:

``GET /_snowball/``
    A page for people: where the devices are, the clock, what goes wrong. It uses the endpoints below.
``GET /_snowball/clock``
    ``{"now": simulated seconds, "speed": simulated seconds per second, "paused": false}``
``POST /_snowball/clock``
    Any of ``{"speed": "6h/s", "paused": true, "jump": "3d"}``, applied in this order. A speed starts a
    clock that is paused, unless the same body pauses it.
``GET /_snowball/jobs``, ``GET /_snowball/jobs/JID…``
    Every job of every account and region, or one: its state, the journey so far, its plan.
``POST /_snowball/jobs/JID…``
    One of these, each a method of :class:`.rehearsal.steering.SteeredStore`:
    ``{"state": "WithCustomer"}`` pins a state, also one that AWS does not know;
    ``{"plan": [["InTransitToCustomer", "2d"], ["Cancelled", null]]}`` replaces what is to come;
    ``{"delay": {"by": "20d", "state": "PreparingAppliance"}}`` makes it lag (by default where it is);
    ``{"hold": "WithCustomer"}`` keeps it there until ``{"send_on": true}`` or UpdateJobShipmentState;
    ``{"cancel_in": "InProgress"}`` lets AWS cancel it at the end of that;
    ``{"objects": {"a.jpg": 1024}}`` says what its device carries, in bytes;
    ``{"failed_objects": 3}`` or ``{"failed_objects": {"a.jpg": "reason"}}`` lets some of that fail;
    ``{"parts": 3}`` spreads an export over so many devices.
``GET /_snowball/clusters``
    Every cluster of every account and region, with its state and the ids of its jobs.
``POST /_snowball/clusters/CID…/jobs``
    ``{"count": 250}`` adds as many nodes, beyond AWS's limit of 16.
``GET /_snowball/limits``, ``POST /_snowball/limits``
    How many devices an account may have at a time: ``{"limit": 2}``, null for no limit, also with
    ``"account"`` and ``"region"`` (123456789012 in us-east-1). Orders beyond it are refused.
``GET /_snowball/faults``, ``POST /_snowball/faults``
    The faults with how many requests each has struck; ``{"kind": "throttle", "rate": 0.5}`` adds one:
    the arguments of :meth:`.rehearsal.faults.Faults.add`.
``DELETE /_snowball/faults``, ``DELETE /_snowball/faults/1``
    Removes all of them, or one.
``POST /moto-api/reset``
    moto's own: forgets everything, faults too, and puts the clock back to its usual speed.
"""

from __future__ import annotations

import importlib
import logging
import os
import socket
import struct
import threading
from types import TracebackType
from typing import Any, Self

from moto.core.base_backend import BackendDict
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from . import register
from .control import ConnectionReset, is_loopback, with_control
from .extra import not_installed
from .rehearsal.clock import parse_speed
from .rehearsal.models import announcer, snowball_clock, snowball_faults
from .state_file import StateFile

__all__ = ["SnowballServer"]

log = logging.getLogger(__name__)


class SnowballServer:
    """
    A server in threads of this process; a context manager.

    It begins empty, and leaves moto's state and the clock of this process as if new: a mock_aws
    that is active in the same process shares them.

    :param host: what to bind; anything but loopback takes ``allow_remote``.
    :param port: 0 picks a free one.
    :param speed: simulated seconds per second, or text such as ``"1d/s"``.
    :param allow_remote: let other machines in. Nothing is authenticated.
    :param state: a file from which it goes on, if there is one, and in which it keeps what becomes of the
        rehearsal; see :mod:`.state_file`. The clock goes on at the speed that is in it.
    :raises ValueError: if ``speed`` is none, or ``host`` is not loopback and ``allow_remote`` is not set.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        speed: float | str = 1.0,
        allow_remote: bool = False,
        state: str | os.PathLike[str] | None = None,
    ) -> None:
        if not allow_remote and not is_loopback(host):
            raise ValueError(f"{host} can be reached from other machines, which takes allow_remote=True")
        self.host = host
        self.port = port
        self.speed = parse_speed(speed)
        #: Whether it goes on from where an earlier one was.
        self.resumed = False
        self._state = None if state is None else StateFile(state)
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def endpoint_url(self) -> str:
        """The URL for ``endpoint_url`` or ``AWS_ENDPOINT_URL_SNOWBALL``; the port is known once started."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self) -> None:
        """
        Begin to serve, and return as soon as requests are taken.

        :raises OSError: if the port is taken, or the state cannot be kept.
        :raises ValueError: if the file with the state is none, or another server has it.
        :raises ModuleNotFoundError: if the extra ``emulator`` is not installed whole.
        """
        # Flask and its friends are wanted by a server only.
        try:
            for name in ("flask", "flask_cors"):  # before moto, which warns that they are missing
                importlib.import_module(name)
            from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(not_installed(error.name), name=error.name) from error

        if self._server is not None:
            raise RuntimeError(f"This server is already running at {self.endpoint_url}")
        register()
        BackendDict.reset()
        snowball_faults.clear()
        snowball_clock.configure(self.speed)
        # Bound here, as werkzeug ends the process if the port is taken.
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.create_server((self.host, self.port), family=family, backlog=128) as listening:
            if self._state is not None:
                try:
                    self.resumed = self._state.load()
                except BaseException:
                    self._forget()
                    raise
            app = with_control(
                DomainDispatcherApplication(create_backend_app), create_backend_app("snowball"), self.host
            )
            if self._state is not None:
                app = self._state.keeping(app)
                self._state.begin()
            self._server = make_server(
                self.host,
                listening.getsockname()[1],
                app,
                threaded=True,
                request_handler=_QuietHandler,
                fd=listening.fileno(),
            )
        self.port = self._server.port
        announcer.watch()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def keep(self) -> None:
        """Write the state, if it is kept in a file: for what was changed other than by a request."""
        if self._state is not None:
            self._state.write()

    def stop(self) -> None:
        """End serving and forget everything. Stopping twice does no harm."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        announcer.unwatch()
        self._server = None
        try:
            if self._state is not None:
                self._state.end()
        finally:
            self._forget()

    def _forget(self) -> None:
        BackendDict.reset()
        snowball_faults.clear()
        snowball_clock.configure(1.0)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


class _QuietHandler(WSGIRequestHandler):
    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        """Reset the connection if a fault wants that; otherwise the client has left by itself."""
        if isinstance(error, ConnectionReset):
            self.close_connection = True
            # Closed without lingering, a socket sends RST and not FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socket.close(self.connection.detach())

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base class's names
        """Keep requests at DEBUG: what matters are the transitions."""
        log.debug("%s %s", self.address_string(), message % args)
