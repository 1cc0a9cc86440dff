"""
SnowballJobsEventTrigger, for asset watchers: devices that begin DAG runs.

Airflow stores its class path: it stays. A DAG file imports it: what is heavy is imported where it runs.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from airflow.triggers.base import TriggerEvent

try:
    from airflow.triggers.base import BaseEventTrigger
except ImportError:  # Airflow 2.11 has no asset watchers
    from airflow.triggers.base import BaseTrigger as BaseEventTrigger  # type: ignore[assignment]

from airflow_provider_snowball.aws import AWS_PARAMETERS, check_botocore_config
from airflow_provider_snowball.compat import conf
from airflow_provider_snowball.lifecycle import ArgumentError
from airflow_provider_snowball.waiting.calls import RequestError
from airflow_provider_snowball.waiting.config import SHORTEST_DELAY
from airflow_provider_snowball.waiting.text import write_lines
from airflow_provider_snowball.waiting.watch import Watch, WatchConfig

if TYPE_CHECKING:
    from airflow_provider_snowball.triggers.shared_polls import PollResult, SharedPolls

__all__ = ["SnowballJobsEventTrigger"]

log = logging.getLogger(__name__)

#: Seconds after which Airflow has an event for certain, once the supervisor has answered meanwhile: the
#: triggerer hands events over once a second.
_HANDED_OVER = 15.0
#: Up to so many seconds, left to chance, a watcher waits before it fires again what it may have fired before
#: a restart. Each event keeps the supervisor from its heartbeat, and a triggerer that comes late with that
#: loses its triggers to another: did all fire again at once, that one would be late, too.
_BEFORE_REPEATS = 30.0
#: What makes a watcher another.
_IDENTITY = ("cluster_id", "job_ids", "target_state", "fire", "also", "aws_conn_id", "region_name")
#: What Airflow's API answers about an asset that is in no DAG file any more.
_NOT_FOUND = 404
#: Seconds until a store that did not answer is asked again.
_AGAIN = 60.0


class _WatcherArgumentError(ArgumentError, TypeError):
    """
    What a watcher is asked for makes no sense to this version.

    A TypeError, too: a triggerer ends of anything else that a stored trigger raises when it is made, and all
    its waits with it, at each of its starts.
    """


class SnowballJobsEventTrigger(BaseEventTrigger):
    """
    Fire when devices are at or past a state, for an ``AssetWatcher``: Airflow 3.0 and later.

    It never ends by itself. Whatever it fires has an ``id``. From Airflow 3.3 on it remembers in the asset's
    state store what it has fired: each event is in Airflow's database, and is fired again, with the same
    ``id``, only if a process dies, or a triggerer loses the watcher to another, within the quarter of a
    minute until it is known that Airflow has it. A DAG that is paused then gets no run for it. What is
    remembered is deleted soon after no DAG refers to the asset any more. Before, it can remember nothing:
    only ``fire="all"`` is taken, which fires again, with the same ``id``, whenever a triggerer starts.

    An outage delays events and ends nothing. All watchers and waits of a triggerer share their polls.

    :param cluster_id: whose jobs are watched; or else
    :param job_ids: which jobs are.
    :param target_state: one of :class:`~airflow_provider_snowball.lifecycle.JobState`.
    :param fire: "each" fires for each device that is at or past the target, "all" once when all are.
    :param also: "cancelled" and "late" fire for devices that are that ("late" needs ``max_days_in_state``);
        "ended" fires once when no device will reach the target any more: all are cancelled, or the cluster
        has ended.
    :param min_jobs: how many jobs must be listed before they can be all, at the target or cancelled.
    :param max_days_in_state: days by state after which a device is late.
    :param poke_interval: default: ``[snowball] poke_interval``, which is 900 seconds.
    :raises ValueError: if an argument has the wrong form, when the DAG is parsed.
    """

    def __init__(
        self,
        *,
        cluster_id: str | None = None,
        job_ids: Sequence[str] | None = None,
        target_state: str = "WithCustomer",
        fire: Literal["each", "all"] = "each",
        also: Sequence[str] = (),
        min_jobs: int = 1,
        max_days_in_state: Mapping[str, float] | None = None,
        poke_interval: timedelta | float | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **later: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's own
        if poke_interval is None:
            poke_interval = conf.getfloat("snowball", "poke_interval", fallback=900.0)
        asked = {
            "cluster_id": cluster_id,
            "job_ids": job_ids,
            "target_state": target_state,
            "fire": fire,
            "also": also,
            "min_jobs": min_jobs,
            "max_days_in_state": max_days_in_state,
            "poke_interval": poke_interval,
        }
        try:
            self._config = WatchConfig.read(asked)
            if not hasattr(self, "asset_state_store"):
                self._config.check_memory()
            checked = check_botocore_config(botocore_config)
        except ArgumentError as error:
            raise _WatcherArgumentError(str(error)) from None
        self._arguments = self._config.arguments() | {
            "aws_conn_id": aws_conn_id,
            "region_name": region_name,
            "verify": verify,
            "botocore_config": checked,
        }
        if later:
            # Stored by a newer version, before a downgrade.
            names = ", ".join(sorted(later))
            log.warning("%s ignores arguments unknown to it: %s", type(self).__name__, names)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and all arguments, as Airflow stores them."""
        return f"airflow_provider_snowball.triggers.watching.{type(self).__name__}", self._arguments

    @property
    def _aws_parameters(self) -> dict[str, Any]:
        return {name: self._arguments[name] for name in AWS_PARAMETERS}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll for ever, and fire what was not fired."""
        from airflow_provider_snowball.triggers.shared_polls import SharedPolls

        aws = self._aws_parameters
        store = _Store(getattr(self, "asset_state_store", None), self._arguments)
        watch = Watch(self._config, await store.read())
        polls = SharedPolls.of_this_loop()
        subscription = polls.subscribe(aws, self._config.of.listing)
        # Whoever comes late is served what others got meanwhile.
        subscription.first_after(0.0, age=self._config.of.poke_interval)
        try:
            # Of those nobody knows whether Airflow has them.
            due = list(watch.pending.values())
            if due:
                await asyncio.sleep(random.uniform(0, _BEFORE_REPEATS))  # noqa: S311  spreads them
            while True:
                for event in due:
                    yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # Airflow's own
                if due:
                    await asyncio.sleep(_HANDED_OVER)
                    watch.mark_told(due, datetime.now(UTC))
                    await store.write(watch.memory())
                due = await self._judge(watch, await subscription.result(), polls)
                if due or watch.has_moved:
                    await store.write(watch.memory())
                subscription.again_after(max(SHORTEST_DELAY, self._config.of.poke_interval))
        finally:
            subscription.end()

    async def _judge(self, watch: Watch, result: PollResult, polls: SharedPolls) -> list[dict[str, Any]]:
        """Return the events that a poll makes due, and write what there is to say."""
        from airflow_provider_snowball.waiting.machine import drive_async

        aws = self._aws_parameters
        where = {"region": polls.region_of(aws), "aws_conn_id": aws["aws_conn_id"]}
        due: list[dict[str, Any]] = []
        try:
            if result.error is not None:
                raise result.error.copy()
            judging = watch.judge(result.reply, lambda: datetime.now(UTC), where)
            due = await drive_async(judging, lambda call: polls.ask_now(aws, call))
        except RequestError as error:
            watch.note_failure(error)
        if lines := watch.take_lines():
            # Not on the loop: a line is a write that waits for Airflow's supervisor (docs/upstream).
            await asyncio.to_thread(write_lines, lines, log)
        return due


class _Store:
    """What a watcher remembers, in the state store of its assets (Airflow 3.3 and later)."""

    def __init__(self, accessors: Any, arguments: Mapping[str, Any]) -> None:
        self._accessors = _each_of(accessors)
        # An asset may have several watchers; one whose pace is edited is the same.
        text = json.dumps({name: arguments[name] for name in _IDENTITY}, sort_keys=True)
        self._key = f"snowball_watch_{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    async def read(self) -> dict[str, Any]:
        """Return what every asset knows to be told: an asset that came later knows nothing."""
        while True:
            try:
                known = [each async for each in self._memories()]
            except Exception as error:
                await self._wait("read", error)
                continue
            if not known or not all(known):
                return {}
            first, *others = known
            told = {
                name: at
                for name, at in first.get("told", {}).items()
                if all(name in each.get("told", {}) for each in others)
            }
            return first | {"told": told}

    async def write(self, memory: dict[str, Any]) -> None:
        """Keep it, however long that takes: what is not kept must not be fired."""
        while True:
            try:
                # Not a generator: each is asked, whatever another has answered.
                kept = [await self._keep(each, memory) for each in self._accessors]
                if kept and not any(kept):
                    raise LookupError("Airflow has none of its assets any more")
            except Exception as error:
                await self._wait("kept", error)
                continue
            return

    async def _memories(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what each asset knows that there still is: Airflow goes on naming those that are gone."""
        for each in self._accessors:
            memory = await _get(each, self._key)
            if not isinstance(memory, dict):
                memory = {}
            # Of an asset that is gone a store has nothing, as of one that knows nothing; but takes nothing.
            if not memory and len(self._accessors) > 1 and not await self._keep(each, memory):
                continue
            yield memory

    async def _keep(self, accessor: Any, memory: dict[str, Any]) -> bool:
        """Have an asset know, and return whether there still is such an asset."""
        # Supervisor and runner talk in turns: once this is answered, it has had the turn before.
        await _get(accessor, self._key)
        try:
            await _set(accessor, self._key, memory)
        except Exception as error:
            if not _is_not_found(error):
                raise
            return False
        return True

    async def _wait(self, what: str, error: Exception) -> None:
        text = f"What this watcher has fired cannot be {what}, will try again: {error}"
        await asyncio.to_thread(log.warning, "%s", text)
        await asyncio.sleep(_AGAIN)


async def _get(accessor: Any, key: str) -> Any:
    # Its asynchronous methods came with Airflow 3.3.2; the others must not be called on the loop.
    if hasattr(accessor, "aget"):
        return await accessor.aget(key, default={})
    return await asyncio.to_thread(accessor.get, key, {})


async def _set(accessor: Any, key: str, value: dict[str, Any]) -> None:
    if hasattr(accessor, "aset"):
        await accessor.aset(key, value)
    else:
        await asyncio.to_thread(accessor.set, key, value)


def _is_not_found(error: Exception) -> bool:
    """Tell whether it is Airflow's word that there is no such asset."""
    detail = getattr(getattr(error, "error", None), "detail", None)
    return isinstance(detail, dict) and detail.get("status_code") == _NOT_FOUND


def _each_of(accessors: Any) -> list[Any]:
    """Return the accessor of each asset: two with equal watchers share one trigger."""
    if accessors is None:
        return []
    by_name, by_uri = (getattr(accessors, name, {}) for name in ("_by_name", "_by_uri"))
    return [*by_name.values(), *by_uri.values()] or [accessors]
