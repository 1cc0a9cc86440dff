"""ClusterJobsTrigger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_snowball.aws import AWS_PARAMETERS
from airflow_provider_snowball.triggers.events import event_of
from airflow_provider_snowball.triggers.polling import ThreadedPoller
from airflow_provider_snowball.wait import Again, Done, Fail, FailKind, Terms, Wait, drive_async

__all__ = ["ClusterJobsTrigger"]


class ClusterJobsTrigger(BaseTrigger):
    """
    Wait for the jobs of a cluster in a triggerer, and fire once, when the wait has ended.

    Airflow stores the class path and these arguments for as long as the wait goes on, and a later
    version of this package rebuilds it from them: arguments are only added, with defaults.

    :param started_at: when this try's wait began, ISO 8601 with offset; ``timeout`` seconds later it fails.
    :param succeeded: whether the wait had an answer before it was handed to the triggerer.
    :param next_poll: when to poll first, ISO 8601 with offset; None or past means at once.

    The other parameters are those of :class:`~airflow_provider_snowball.sensors.snowball.ClusterJobsSensor`,
    times in seconds.
    """

    def __init__(
        self,
        *,
        cluster_id: str,
        target_state: str,
        started_at: str,
        timeout: float,
        job_ids: list[str] | None = None,
        min_jobs: int = 1,
        ignore_cancelled: bool = False,
        poke_interval: float = 900.0,
        exponential_backoff: bool = False,
        max_wait: float | None = None,
        max_blind_time: float = 172800.0,
        silent_fail: bool = False,
        succeeded: bool = True,
        next_poll: str | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, Any] | None = None,
        **unknown: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._kwargs: dict[str, Any] = {
            "cluster_id": cluster_id,
            "target_state": target_state,
            "started_at": started_at,
            "timeout": timeout,
            "job_ids": job_ids,
            "min_jobs": min_jobs,
            "ignore_cancelled": ignore_cancelled,
            "poke_interval": poke_interval,
            "exponential_backoff": exponential_backoff,
            "max_wait": max_wait,
            "max_blind_time": max_blind_time,
            "silent_fail": silent_fail,
            "succeeded": succeeded,
            "next_poll": next_poll,
            "aws_conn_id": aws_conn_id,
            "region_name": region_name,
            "verify": verify,
            "botocore_config": botocore_config,
        }
        if unknown:
            # Stored by a newer version, before a downgrade: the wait is worth more than the argument.
            self.log.warning("ClusterJobsTrigger ignores arguments unknown to it: %s", ", ".join(unknown))

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and all arguments, as Airflow stores them."""
        return "airflow_provider_snowball.triggers.snowball.ClusterJobsTrigger", dict(self._kwargs)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the wait has ended, then say how."""
        try:
            step = await self._wait()
        except Exception as error:
            # A trigger that raises leaves its task to Airflow's own rules, which differ between its lines.
            self.log.exception("The wait for cluster %s broke off", self._kwargs["cluster_id"])
            step = Fail(FailKind.ERROR, f"The trigger broke off: {type(error).__name__}: {error}")
        yield TriggerEvent(event_of(step))  # type: ignore[no-untyped-call]

    async def _wait(self) -> Done | Fail:
        arguments = self._kwargs
        terms = Terms(
            subject=f"cluster {arguments['cluster_id']}",
            target_state=arguments["target_state"],
            job_ids=arguments["job_ids"],
            min_jobs=arguments["min_jobs"],
            ignore_cancelled=arguments["ignore_cancelled"],
            started_at=datetime.fromisoformat(arguments["started_at"]),
            timeout=arguments["timeout"],
            interval=arguments["poke_interval"],
            exponential_backoff=arguments["exponential_backoff"],
            max_wait=arguments["max_wait"],
            max_blind_time=arguments["max_blind_time"],
            silent_fail=arguments["silent_fail"],
            shortest_delay=1.0,
        )
        if arguments["next_poll"] is not None:
            first = datetime.fromisoformat(arguments["next_poll"])
            await asyncio.sleep(max((first - datetime.now(UTC)).total_seconds(), 0.0))
        wait = Wait(terms, now=datetime.now(UTC), succeeded=arguments["succeeded"])
        poller = ThreadedPoller(arguments["cluster_id"], {name: arguments[name] for name in AWS_PARAMETERS})
        while True:
            step = await drive_async(wait.poll(lambda: datetime.now(UTC)), poller)
            for news in wait.take_news():
                self.log.log(news.level, "%s", news.text)
            if not isinstance(step, Again):
                return step
            if step.new_client:
                poller.renew()
            await asyncio.sleep(step.delay)
