"""Whom a sensor tells: what is called, and with what."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from functools import partial
from types import MethodType
from typing import Any

import pytest

from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor
from airflow_provider_snowball.sensors.telling import Teller
from airflow_provider_snowball.waiting.changes import Change, ChangeKind, News
from airflow_provider_snowball.waiting.machine import Done, Fail, FailKind
from airflow_provider_snowball.waiting.time_in_state import Overdue

CLUSTER = "CID123e4567-e89b-12d3-a456-426655440000"


async def coroutine(context: Any) -> None: ...


def generator(context: Any) -> Iterator[None]:
    yield


async def asynchronous_generator(context: Any) -> AsyncIterator[None]:
    yield


class AsynchronousNotifier:
    async def __call__(self, context: Any) -> None: ...


@pytest.mark.parametrize("name", ["on_change", "on_overdue"])
@pytest.mark.parametrize(
    "notifier",
    [
        coroutine,
        generator,
        asynchronous_generator,
        partial(coroutine),
        AsynchronousNotifier(),
        AsynchronousNotifier().__call__,
    ],
)
def test_what_nobody_would_run_is_refused(name: str, notifier: Any) -> None:
    arguments: dict[str, Any] = {name: notifier, "max_days_in_state": {"New": 1}, "deferrable": True}
    with pytest.raises(
        ValueError, match=f"^{name} must be an ordinary function, which runs when it is called"
    ):
        ClusterJobsSensor(task_id="wait", cluster_id=CLUSTER, **arguments)


class Ours:
    def __init__(self) -> None:
        self.told: list[Any] = []

    def __private(self, context: Any) -> None:
        self.told.append(context)

    @property
    def method(self) -> Any:
        return self.__private


def tell(on_change: Any) -> None:
    """Tell of the end of a wait, at which one device has changed."""
    change = Change("JID1", "tray 1", ChangeKind.MOVED, 1, "New", "Pending")
    news = News((change,), ({"job_id": "JID1"},), due=True)

    class TaskInstance:
        def xcom_push(self, key: str, value: Any) -> None: ...

    teller = Teller(
        {"ti": TaskInstance()},  # type: ignore[typeddict-item]
        on_overdue="warn",
        on_change=on_change,
        is_poke=False,
        log=logging.getLogger(__name__),
    )
    teller.tell_at_end(Done([], news=news))


def test_a_method_is_called_whatever_its_name() -> None:
    ours = Ours()
    tell(ours.method)
    told: list[Any] = []
    tell(MethodType(lambda self, context: self.append(context), told))
    assert [len(ours.told), len(told)] == [1, 1]


@pytest.mark.parametrize("failures", [0, 2, 3])
def test_who_is_late_at_the_end_is_told_of(monkeypatch: pytest.MonkeyPatch, failures: int) -> None:
    monkeypatch.setattr("airflow_provider_snowball.sensors.telling._PAUSES", (0.0, 0.0))
    counted: list[int] = []
    monkeypatch.setattr("airflow_provider_snowball.triggers.metrics.count_overdue", counted.append)
    told: list[list[str]] = []

    def page(context: Any) -> None:
        told.append(context["overdue_jobs"])
        if len(told) <= failures:
            raise RuntimeError("no mail server")

    teller = Teller({}, on_overdue=page, on_change=None, is_poke=False, log=logging.getLogger(__name__))
    late = Overdue("JID1", "New", 11.0, 10.0)
    teller.tell_at_end(Fail(FailKind.TIMEOUT, "too late", overdue=(late,)))
    assert told == [["JID1 in New for 11 days (at most 10)"]] * min(failures + 1, 3)
    assert counted == ([1] if failures < 3 else [])


def test_what_it_does_to_its_context_the_next_call_does_not_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_snowball.sensors.telling._PAUSES", (0.0, 0.0))
    seen = []

    def spoil(context: Any) -> None:
        seen.append([dict(each) for each in context["devices"]])
        context["devices"][0].clear()
        raise RuntimeError("no mail server")

    tell(spoil)
    assert seen == [[{"job_id": "JID1"}]] * 3
