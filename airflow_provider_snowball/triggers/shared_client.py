"""The boto3 client that all waits of a triggerer with the same AWS parameters share."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from asgiref.sync import sync_to_async

from airflow_provider_snowball.triggers.metrics import ClientMetrics
from airflow_provider_snowball.triggers.rate_cap import RateCap
from airflow_provider_snowball.waiting.calls import Call, ErrorKind, RequestError

if TYPE_CHECKING:
    from airflow_provider_snowball.hooks.snowball import SnowballHook

__all__ = ["SharedClient"]

log = logging.getLogger(__name__)
T = TypeVar("T")

#: Seconds between two looks at an Airflow connection: a triggerer serves lookups one by one.
LOOK_UP_EVERY = 900.0
#: Seconds after which a lookup that failed, or a client that was denied, is tried anew; doubled each time.
_FIRST_DELAY = 15.0
#: Seconds after which a lookup has failed.
_LONGEST_LOOK_UP = 60.0
#: Calls are short and rare, and the cap on them comes first.
_THREADS = 8
#: boto3 clients may be used by several threads at once, but not built.
_BUILDING = threading.Lock()


class SharedClient:
    """
    Makes calls off the event loop, with a client that is built once.

    The connection is looked up again every quarter of an hour and after a denial. The client is
    replaced if the connection was edited, or if it was denied access: its credentials may be a file's or a
    role's that have changed. A lookup that fails changes nothing.

    :param parameters: the four AWS parameters.
    :param calls_per_second: the most calls that go out, of all waits together.
    """

    def __init__(self, parameters: Mapping[str, Any], *, calls_per_second: float) -> None:
        self._parameters = dict(parameters)
        self._cap = RateCap(calls_per_second)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="snowball-poll")
        self._metrics = ClientMetrics(parameters)
        self._lock = asyncio.Lock()
        self._hook: SnowballHook | None = None
        self._fingerprint: str | None = None
        self._local_url: str | None = None
        self._failure: RequestError | None = None
        self._denied = False
        self._look_up_at = 0.0
        self._built_at = 0.0
        self._delay = _FIRST_DELAY

    async def call(self, call: Call) -> Any:
        """
        Make a call.

        :raises RequestError: for any error, told apart.
        """
        self._metrics.poll()
        try:
            hook = await self._current()
            reply = await self._in_thread(_make_call, hook, call)
        except RequestError as error:
            self._metrics.error(error)
            if error.kind is ErrorKind.DENIED:
                self._on_denial()
            raise
        self._delay = _FIRST_DELAY
        self._metrics.success()
        return reply

    @property
    def region(self) -> str | None:
        """The region that is asked, None as long as there is no client."""
        return None if self._hook is None else self._hook.conn_region_name

    @property
    def local_url(self) -> str | None:
        """Where the local Snowball that is asked lists its jobs; None for AWS."""
        return self._local_url

    def close(self) -> None:
        """Let go of everything; calls under way end without a further request."""
        self._cap.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._hook is not None:
            self._hook.close()

    async def _current(self) -> SnowballHook:
        async with self._lock:
            if time.monotonic() >= self._look_up_at:
                try:
                    # What looks connections up may be busy with another's that hangs, and all polls wait.
                    async with asyncio.timeout(_LONGEST_LOOK_UP):
                        await self._look_up()
                except Exception as error:
                    self._failure = _failed_look_up(error)
                    self._put_off(time.monotonic())
                    if self._hook is not None:
                        log.warning(
                            "The client is kept, since its connection could not be looked up: %s",
                            self._failure,
                        )
                else:
                    self._failure = None
                    self._look_up_at = time.monotonic() + LOOK_UP_EVERY
            if self._hook is not None:
                return self._hook
            raise self._failure.copy() if self._failure else AssertionError("neither a client nor an error")

    async def _look_up(self) -> None:
        # Importing botocore takes longer than the loop may be blocked for, too.
        hook = await self._in_thread(_make_hook, self._parameters)
        # Airflow 3 before 3.1.8 and 3.2.1 can look a connection up only where asgiref runs things; how it
        # does has changed up to apache/airflow#66412.
        fingerprint = await sync_to_async(_fingerprint_of)(hook)
        if self._hook is not None and fingerprint == self._fingerprint and not self._denied:
            return
        if self._hook is not None and self._hook.has_connection and not hook.has_connection:
            # Of the default one: a lookup that failed looks like a connection that is not there, and the
            # account would be another, whatever boto3 finds.
            raise RequestError(ErrorKind.DENIED, hook.missing_connection())
        await self._in_thread(_build, hook, self._cap)
        self._local_url = None
        hook.when_local(self._note_local)
        old, self._hook = self._hook, hook
        self._fingerprint = fingerprint
        self._denied = False
        self._built_at = time.monotonic()
        if old is not None:
            old.close()

    def _note_local(self, address: str) -> None:
        self._local_url = address

    def _on_denial(self) -> None:
        if self._denied or self._hook is None:
            return
        self._denied = True
        now = time.monotonic()
        # At once where this client has worked; later and later where it never does.
        if now - self._built_at >= self._delay:
            self._look_up_at = now
        else:
            self._put_off(now)

    def _put_off(self, now: float) -> None:
        self._look_up_at = now + self._delay
        self._delay = min(self._delay * 2, LOOK_UP_EVERY)

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


def _make_hook(parameters: dict[str, Any]) -> SnowballHook:
    from airflow_provider_snowball.hooks.snowball import SHARED_RETRIES, SnowballHook

    try:
        hook = SnowballHook.of(**parameters)
    except Exception as error:
        raise _classified(error) from None
    hook.default_retries = SHARED_RETRIES
    return hook


def _fingerprint_of(hook: SnowballHook) -> str:
    try:
        return hook.connection_fingerprint()
    except Exception as error:
        raise _classified(error) from None


def _build(hook: SnowballHook, cap: RateCap) -> None:
    try:
        with _BUILDING:
            hook.before_each_request(cap)
        _forget_models(hook.conn)
    except Exception as error:
        raise _classified(error) from None


def _forget_models(client: Any) -> None:
    """
    Let go of what botocore read to build a client, and keeps for as long as the client lives.

    That is 26,000 objects, the endpoints of all services among them, and Python's garbage collector looks at
    each of them while the event loop stands still. What is needed again is read again.
    """
    # botocore has no public way; where it keeps them elsewhere, they stay.
    cache = getattr(getattr(client, "_loader", None), "_cache", None)
    if isinstance(cache, dict):
        cache.clear()


def _forget_frames(error: BaseException) -> None:
    """
    Let go of the frames of an exception and of those behind it.

    botocore's hold answers, and with them the pool of their connections, which closes when it is garbage:
    that of a client that was closed would stay open until Python looks for cycles among all its objects.
    """
    left = {error}
    while left:
        each = left.pop()
        each.__traceback__ = None
        left |= {behind for behind in (each.__cause__, each.__context__) if behind is not None}


def _make_call(hook: SnowballHook, call: Call) -> Any:
    from airflow_provider_snowball.hooks.snowball import make_call

    try:
        return make_call(hook, call)
    except RequestError as error:
        # Here, not where it is awaited: whoever did may be gone.
        _forget_frames(error)
        raise


def _failed_look_up(error: Exception) -> RequestError:
    if isinstance(error, RequestError):
        return error
    if isinstance(error, TimeoutError):
        text = f"the Airflow connection was not found within {_LONGEST_LOOK_UP:g} seconds"
        return RequestError(ErrorKind.TRANSIENT, text, code="TimeoutError")
    return _classified(error)


def _classified(error: Exception) -> RequestError:
    from airflow_provider_snowball.hooks.errors import classify

    return classify(error)
