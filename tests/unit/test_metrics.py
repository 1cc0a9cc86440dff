"""What operations may watch of waits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_snowball.compat import AirflowSensorTimeout, TaskDeferralTimeout
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor
from airflow_provider_snowball.triggers import metrics
from airflow_provider_snowball.triggers.snowball import ClusterJobsTrigger
from airflow_provider_snowball.waiting.calls import ErrorKind, RequestError
from tests.fakes.module_clock import ModuleClock
from tests.fakes.scripted_snowball import CLUSTER, ScriptedSnowball, job

OUTAGE = "snowball.outage_seconds.aws_default.eu-west-1"
LAST_SUCCESS = "snowball.last_success_timestamp.aws_default.eu-west-1"
LATE = "snowball.waits_past_deadline"
DOWN = RequestError(ErrorKind.TRANSIENT, "down", code="503")


class Sent:
    """Takes the place of Airflow's Stats, and keeps what was sent."""

    def __init__(self) -> None:
        self.gauges: list[tuple[str, float]] = []
        self.counted: list[str] = []

    def gauge(self, stat: str, value: float, **more: Any) -> None:
        self.gauges.append((stat, value))

    def incr(self, stat: str, count: int = 1, **more: Any) -> None:
        self.counted += [stat] * count


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    sent = Sent()
    monkeypatch.setattr(metrics, "Stats", sent)
    return sent


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ModuleClock:
    clock = ModuleClock(1000.0)
    monkeypatch.setattr(metrics, "time", clock)
    return clock


@pytest.fixture
def client(clock: ModuleClock) -> metrics.ClientMetrics:
    return metrics.ClientMetrics({"aws_conn_id": "aws_default", "region_name": "eu-west-1"})


class TestLastSuccess:
    def test_it_stays_while_polls_fail(
        self, sent: Sent, clock: ModuleClock, client: metrics.ClientMetrics
    ) -> None:
        client.success()
        clock.now += 60
        client.error(DOWN)
        clock.now += 60
        client.success()
        assert sent.gauges == [
            (OUTAGE, 0.0),
            (LAST_SUCCESS, 1e9 + 1000),
            (OUTAGE, 60.0),
            (LAST_SUCCESS, 1e9 + 1000),
            (OUTAGE, 0.0),
            (LAST_SUCCESS, 1e9 + 1120),
        ]

    def test_there_is_none_before_the_first(
        self, sent: Sent, clock: ModuleClock, client: metrics.ClientMetrics
    ) -> None:
        clock.now += 5
        client.error(DOWN)
        assert sent.gauges == [(OUTAGE, 5.0)]


class TestLateEnds:
    @pytest.mark.parametrize(("late", "counted"), [(-1.0, []), (30.0, []), (30.1, [LATE])])
    def test_half_a_minute_is_on_time(self, late: float, counted: list[str], sent: Sent) -> None:
        deadline = datetime(2026, 1, 1, tzinfo=UTC)
        metrics.count_late_end(deadline, deadline + timedelta(seconds=late))
        assert sent.counted == counted

    @pytest.fixture
    def snowball(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedSnowball]:
        with ScriptedSnowball([[job(1, "New")]]) as snowball:
            monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", snowball.connection())
            yield snowball

    @pytest.mark.parametrize(("ago", "counted"), [(0, []), (60, [LATE])])
    def test_a_trigger_tells_of_one(
        self, ago: int, counted: list[str], sent: Sent, snowball: ScriptedSnowball
    ) -> None:
        started_at = (datetime.now(UTC) - timedelta(seconds=100 + ago)).isoformat()
        memory = {"started_at": started_at, "listed_at": started_at}

        async def run() -> list[Any]:
            trigger = ClusterJobsTrigger(cluster_id=CLUSTER, timeout=100.0, memory=memory)
            return [event.payload async for event in trigger.run()]

        [event] = asyncio.run(run())
        assert event["kind"] == "timeout"
        assert [name for name in sent.counted if name == LATE] == counted

    def test_so_does_a_worker_where_no_triggerer_was_there(
        self, sent: Sent, snowball: ScriptedSnowball
    ) -> None:
        task = ClusterJobsSensor(task_id="wait", cluster_id=CLUSTER, deferrable=True, timeout=100)
        error = TaskDeferralTimeout("Trigger timeout")

        def fail(*arguments: Any, **more: Any) -> None:
            raise error

        task.execute_complete = fail  # type: ignore[assignment, method-assign]  # as Airflow raises it, on each of its lines
        with pytest.raises(AirflowSensorTimeout):
            task.resume_execution("execute_complete", {"event": {}}, {})
        assert sent.counted == [LATE]

    def test_a_wait_that_times_out_on_time_is_none(self, sent: Sent, snowball: ScriptedSnowball) -> None:
        task = ClusterJobsSensor(
            task_id="wait", cluster_id=CLUSTER, mode="poke", timeout=0.01, poke_interval=0.01
        )
        with pytest.raises(AirflowSensorTimeout):
            task.execute({})
        assert sent.counted == []
