"""Calls to Snowball off a triggerer's event loop, in a few threads of our own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from asgiref.sync import sync_to_async

from airflow_provider_snowball.wait import Request, RequestError

if TYPE_CHECKING:
    from airflow_provider_snowball.hooks.snowball import SnowballHook

__all__ = ["ThreadedPoller"]

T = TypeVar("T")

#: Enough for many waits, since polls are rare and short; asyncio's own pool is not ours to fill.
_THREADS = 8
#: boto3 clients may be used by several threads at once, but not built.
_BUILDING = threading.Lock()


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="snowball-poll")


class ThreadedPoller:
    """
    Answers a wait's requests with a hook that lives in threads.

    :param cluster_id: the cluster waited for.
    :param parameters: the four AWS parameters.
    """

    def __init__(self, cluster_id: str, parameters: dict[str, Any]) -> None:
        self._cluster_id = cluster_id
        self._parameters = parameters
        self._hook: SnowballHook | None = None

    def renew(self) -> None:
        """Drop the client, so that the next call looks the connection up and builds another."""
        self._hook = None

    async def __call__(self, request: Request) -> Any:
        """
        Make the call asked for, building the client first where there is none.

        :raises RequestError: for any error, told apart.
        """
        if self._hook is None:
            self._hook = await self._new_hook()
        return await self._in_thread(_answer, self._hook, request, self._cluster_id)

    async def _new_hook(self) -> SnowballHook:
        # Importing botocore takes longer than the loop may be blocked for, too.
        hook = await self._in_thread(_make_hook, self._parameters)
        try:
            # Older 3.x lines can look a connection up only where asgiref runs things.
            await sync_to_async(_look_up)(hook)
        except Exception as error:
            raise _classified(error) from error
        await self._in_thread(_build, hook)
        return hook

    @staticmethod
    async def _in_thread(function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(_pool(), function, *arguments)


def _make_hook(parameters: dict[str, Any]) -> SnowballHook:
    from airflow_provider_snowball.hooks.snowball import SnowballHook

    try:
        return SnowballHook.of(**parameters)
    except Exception as error:
        raise _classified(error) from error


def _look_up(hook: SnowballHook) -> None:
    _ = hook.conn_config


def _build(hook: SnowballHook) -> None:
    try:
        with _BUILDING:
            _ = hook.conn
    except Exception as error:
        raise _classified(error) from error


def _answer(hook: SnowballHook, request: Request, cluster_id: str) -> Any:
    from airflow_provider_snowball.hooks.snowball import answer

    return answer(hook, request, cluster_id)


def _classified(error: Exception) -> RequestError:
    from airflow_provider_snowball.hooks.snowball import classify

    return classify(error)
