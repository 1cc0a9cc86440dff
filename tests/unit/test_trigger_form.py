"""
What Airflow stores of a wait, and every released form of it, replayed.

A trigger's class path and arguments, the name of the method that takes its event, and the event outlive
the version that wrote them. The files in stored/ are never changed: a new form is a new file.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from airflow_provider_snowball.compat import AirflowSensorTimeout, AirflowSkipException
from airflow_provider_snowball.exceptions import (
    ClusterJobsFailed,
    JobsOverdue,
    SnowballPollingFailed,
    SnowballRequestFailed,
)
from airflow_provider_snowball.links.snowball import console_url
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor, JobsSensor
from airflow_provider_snowball.triggers.base import SnowballTrigger
from airflow_provider_snowball.triggers.events import event_of, region_of, step_of
from airflow_provider_snowball.triggers.snowball import ClusterJobsTrigger, JobsTrigger
from tests.integration.scripted_snowball import CLUSTER, ScriptedSnowball, job, job_id

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:  # before 3.2
    from airflow.exceptions import TaskDeferred
try:
    from airflow.utils.module_loading import import_string
except ImportError:  # moved in Airflow 3.2
    from airflow._shared.module_loading import import_string

STORED = Path(__file__).with_name("stored")
TRIGGERS = {file.stem: json.loads(file.read_text()) for file in sorted(STORED.glob("trigger_*.json"))}
EVENTS = {
    f"{file.stem} {name}": event
    for file in sorted(STORED.glob("events_*.json"))
    for name, event in json.loads(file.read_text()).items()
}
FULL = TRIGGERS["trigger_0.1.0_overdue"]
LEAST = TRIGGERS["trigger_0.1.0_least"]
#: What a stored trigger means by the arguments that it does not have: this stays, too.
MEANT = {
    "job_ids": None,
    "ignore_cancelled": False,
    "poke_interval": 900.0,
    "exponential_backoff": False,
    "max_wait": None,
    "max_blind_time": 172800.0,
    "silent_fail": False,
    "succeeded": True,
    "next_poll": None,
    "max_days_in_state": None,
    "on_overdue": "warn",
    "seen": None,
    "aws_conn_id": "aws_default",
    "region_name": None,
    "verify": None,
    "botocore_config": None,
}
MEANT_BY: dict[Any, dict[str, Any]] = {ClusterJobsTrigger: {**MEANT, "min_jobs": 1}, JobsTrigger: MEANT}
SENSORS: dict[Any, tuple[Any, dict[str, Any]]] = {
    ClusterJobsTrigger: (ClusterJobsSensor, {"cluster_id": CLUSTER}),
    JobsTrigger: (JobsSensor, {"job_ids": [job_id(1), job_id(2)]}),
}


def rebuild(classpath: str, kwargs: dict[str, Any]) -> Any:
    """Build a trigger as the triggerer does."""
    return import_string(classpath)(**kwargs)


def parameters_of(trigger_class: Any) -> dict[str, inspect.Parameter]:
    """Return the named parameters of a trigger, those that it hands on to its base included."""
    return {
        name: parameter
        for base in reversed(trigger_class.__mro__)
        if issubclass(base, SnowballTrigger)
        for name, parameter in inspect.signature(base.__init__).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def through_json(kwargs: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(kwargs))


def through_airflow(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Store and read the arguments as Airflow's table of triggers does."""
    from airflow.models.trigger import Trigger

    return Trigger(classpath=FULL["classpath"], kwargs=kwargs).kwargs


@pytest.mark.parametrize("name", TRIGGERS)
class TestStoredTriggers:
    @pytest.mark.parametrize("store", [through_json, through_airflow])
    def test_rebuilt_twice(self, name: str, store: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        stored = TRIGGERS[name]
        trigger = rebuild(stored["classpath"], stored["kwargs"])
        expected = (stored["classpath"], MEANT_BY[type(trigger)] | stored["kwargs"])
        assert trigger.serialize() == expected
        classpath, kwargs = trigger.serialize()
        again = rebuild(classpath, store(kwargs))
        assert again.serialize() == expected
        assert {key: type(value) for key, value in again.serialize()[1].items()} == {
            key: type(value) for key, value in expected[1].items()
        }

    def test_no_argument_was_renamed(self, name: str) -> None:
        """Airflow would not complain: an unknown argument is ignored, so that it would be lost."""
        stored = TRIGGERS[name]
        assert set(stored["kwargs"]) <= set(parameters_of(import_string(stored["classpath"])))

    def test_its_task_goes_on_with_a_method_that_is_there(self, name: str) -> None:
        sensor_class, _ = SENSORS[import_string(TRIGGERS[name]["classpath"])]
        assert callable(getattr(sensor_class, TRIGGERS[name]["next_method"]))

    def test_it_polls_and_its_task_ends(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        stored = TRIGGERS[name]
        jobs = [job(1, "Complete"), job(2, "Complete")]
        with ScriptedSnowball([jobs]) as snowball:
            trigger = rebuild(stored["classpath"], stored["kwargs"])
            monkeypatch.setenv(f"AIRFLOW_CONN_{trigger.aws_conn_id.upper()}", snowball.connection())
            events = asyncio.run(_events_of(trigger))
        assert [through_json(event) for event in events] == events
        assert [event["status"] for event in events] == ["done"]
        sensor_class, arguments = SENSORS[type(trigger)]
        task = sensor_class(task_id="wait", deferrable=True, **arguments)
        listed = task.resume_execution(stored["next_method"], {"event": events[0]}, {})
        assert [entry["JobId"] for entry in listed] == [job_id(1), job_id(2)]
        assert snowball.polls == 1


async def _events_of(trigger: Any) -> list[Any]:
    return [event.payload async for event in trigger.run()]


def _sensor(**arguments: Any) -> ClusterJobsSensor:
    return ClusterJobsSensor(**{"task_id": "wait", "cluster_id": CLUSTER, "deferrable": True} | arguments)


def _end(event: Any, method: str = "execute_complete", **arguments: Any) -> Any:
    """End a task as a worker does that resumes it."""
    return _sensor(**arguments).resume_execution(method, {"event": event}, {})


@pytest.mark.parametrize(
    ("trigger_class", "more"), [(ClusterJobsTrigger, {"cluster_id"}), (JobsTrigger, set())]
)
def test_required_arguments_stay_few(trigger_class: Any, more: set[str]) -> None:
    """A new argument without a default would break every stored trigger."""
    required = {name for name, each in parameters_of(trigger_class).items() if each.default is each.empty}
    assert required == {"target_state", "timeout"} | more


@pytest.fixture
def warned(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    """Return what tells the warnings logged: by structlog on Airflow 3, by the standard library before."""
    try:
        from structlog.testing import capture_logs
    except ImportError:
        capture_logs = nullcontext  # type: ignore[assignment]
    with caplog.at_level(logging.WARNING), capture_logs() as structured:
        yield lambda: [
            *(record.getMessage() for record in caplog.records if record.levelno == logging.WARNING),
            *(
                line["event"] % line.get("positional_args", ())
                for line in structured or ()
                if line["log_level"] == "warning"
            ),
        ]


def test_arguments_of_a_later_version_are_ignored(warned: Callable[[], list[str]]) -> None:
    trigger = rebuild(FULL["classpath"], FULL["kwargs"] | {"added_later": 1, "added_still_later": ["x"]})
    assert trigger.serialize() == (FULL["classpath"], FULL["kwargs"])
    assert warned() == ["ClusterJobsTrigger ignores arguments unknown to it: added_later, added_still_later"]


#: The arguments that the fullest form was stored for.
ARGUMENTS = {
    "target_state": "WithCustomer",
    "job_ids": (job_id(1), job_id(2)),
    "min_jobs": "2",
    "ignore_cancelled": True,
    "poke_interval": timedelta(minutes=10),
    "timeout": timedelta(days=90),
    "exponential_backoff": True,
    "max_wait": timedelta(hours=6),
    "max_blind_time": timedelta(days=1),
    "silent_fail": True,
    "max_days_in_state": {"InTransitToCustomer": 10},
    "on_overdue": "fail",
    "aws_conn_id": "snowball_stored",
    "region_name": "eu-central-1",
    "verify": False,
    "botocore_config": {"connect_timeout": 5, "retries": {"total_max_attempts": 1}},
}


class TestWhatASensorStores:
    def defer(self, monkeypatch: pytest.MonkeyPatch, **arguments: Any) -> Any:
        """Return what Airflow is handed when a sensor defers after its first poll."""
        with ScriptedSnowball([[job(1, "New"), job(2, "New")]]) as snowball:
            for name in ("SNOWBALL_STORED", "AWS_DEFAULT"):
                connection = json.loads(snowball.connection()) | {
                    "login": "AKIAhunter2",
                    "password": "hunter2",
                }
                monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(connection))
            with pytest.raises(TaskDeferred) as deferred:
                _sensor(**arguments).execute({})
        return deferred.value

    def test_every_argument_reaches_the_trigger(self, monkeypatch: pytest.MonkeyPatch) -> None:
        deferred = self.defer(monkeypatch, **ARGUMENTS)
        classpath, kwargs = deferred.trigger.serialize()
        times = {key: kwargs[key] for key in ("started_at", "next_poll")}
        seen = kwargs["seen"]
        assert (classpath, kwargs) == (FULL["classpath"], FULL["kwargs"] | times | {"seen": seen})
        started_at, next_poll = map(datetime.fromisoformat, times.values())
        assert list(seen) == [f"since {job_id(1)} New", f"since {job_id(2)} New"]
        assert all(started_at <= datetime.fromisoformat(since) for since in seen.values())
        # The first step of a growing delay: half the interval, plus up to as much again.
        assert timedelta(seconds=300) <= next_poll - started_at < timedelta(seconds=660)
        assert deferred.method_name == FULL["next_method"]

    def test_airflows_own_timeout_is_a_backstop(self, monkeypatch: pytest.MonkeyPatch) -> None:
        deferred = self.defer(monkeypatch, timeout=3600)
        assert timedelta(minutes=69) < deferred.timeout <= timedelta(minutes=70)

    @pytest.mark.parametrize("least", [True, False], ids=["least", "full"])
    def test_no_secret(self, monkeypatch: pytest.MonkeyPatch, least: bool) -> None:
        deferred = self.defer(monkeypatch, **({} if least else ARGUMENTS))
        assert "hunter2" not in repr(deferred.trigger)
        assert "hunter2" not in json.dumps(deferred.trigger.serialize())

    def test_a_botocore_config_with_a_secret_is_stored_nowhere(self) -> None:
        proxies = {"https": "http://user:hunter2@proxy.example"}
        with pytest.raises(ValueError, match="holds a password, which would be stored in clear"):
            _sensor(botocore_config={"proxies": proxies})


RAISED = {
    "unreachable": ClusterJobsFailed,
    "cluster_ended": ClusterJobsFailed,
    "request": SnowballRequestFailed,
    "timeout": AirflowSensorTimeout,
    "blind": SnowballPollingFailed,
    "error": SnowballPollingFailed,
    "overdue": JobsOverdue,
}


def test_a_stored_notice_of_overdue_jobs_goes_on_with_the_wait() -> None:
    """The task tells whom it is to tell, and hands the wait to another trigger."""
    notice = json.loads((STORED / "notice_v1_overdue.json").read_text())
    told: list[list[str]] = []
    task = _sensor(
        target_state="WithCustomer",
        timeout=timedelta(days=90),
        max_days_in_state={"New": 10},
        on_overdue=lambda context: told.append(context["overdue_jobs"]),
    )
    with pytest.raises(TaskDeferred) as deferred:
        task.resume_execution("execute_complete", {"event": notice}, {})
    assert told == [notice["overdue"]]
    _, kwargs = deferred.value.trigger.serialize()
    assert (kwargs["started_at"], kwargs["seen"]) == (notice["started_at"], notice["seen"])
    assert (kwargs["on_overdue"], kwargs["succeeded"]) == ("notify", True)


class TestStoredEvents:
    def test_done(self) -> None:
        event = EVENTS["events_v1 done"]
        assert _end(event) == event["jobs"]

    @pytest.mark.parametrize("name", [name for name in EVENTS if not name.endswith(" done")])
    def test_failed(self, name: str) -> None:
        raised = RAISED[EVENTS[name]["kind"]]
        with pytest.raises(raised) as error:
            _end(EVENTS[name])
        assert type(error.value) is raised
        assert str(error.value) == EVENTS[name]["message"]

    @pytest.mark.parametrize("name", EVENTS)
    def test_this_version_writes_the_same(self, name: str) -> None:
        assert event_of(step_of(EVENTS[name]), region=region_of(EVENTS[name])) == EVENTS[name]

    @pytest.mark.parametrize(
        ("name", "region"),
        [
            ("events_v1 done", None),
            ("events_v1_region done", "eu-central-1"),
            ("events_v1_region request", "us-gov-west-1"),
        ],
    )
    def test_the_region_makes_a_link(self, name: str, region: str | None) -> None:
        """Of a wait that began in a triggerer, no worker has kept one."""

        class TaskInstance:
            pushed: ClassVar[list[str]] = []

            def xcom_push(self, key: str, value: str) -> None:
                self.pushed.append(value)

        with contextlib.suppress(SnowballRequestFailed):
            _sensor().resume_execution("execute_complete", {"event": EVENTS[name]}, {"ti": TaskInstance()})
        assert TaskInstance.pushed == ([] if region is None else [console_url(region)])

    @pytest.mark.parametrize(
        ("event", "message"),
        [
            pytest.param(
                {"version": 2, "status": "failed", "kind": "quota", "message": "Too many", "more": [1]},
                "Too many",
                id="kind of a later version",
            ),
            pytest.param(
                {"version": 2, "status": "paused"},
                "The trigger reported {'version': 2, 'status': 'paused'}",
                id="status of a later version",
            ),
            pytest.param(
                {"version": 1, "status": "failed", "message": "no kind"}, "no kind", id="without a kind"
            ),
            pytest.param({}, "The trigger reported {}", id="empty"),
            pytest.param(None, "The trigger ended without an event", id="None"),
        ],
    )
    def test_what_is_not_understood_may_be_retried(self, event: Any, message: str) -> None:
        with pytest.raises(SnowballPollingFailed) as error:
            _end(event)
        assert str(error.value) == message

    def test_done_by_a_later_version(self) -> None:
        assert _end({"version": 2, "status": "done", "jobs": [{"JobId": "J1"}], "more": 1}) == [
            {"JobId": "J1"}
        ]

    @pytest.mark.parametrize(
        ("kind", "flag", "raised", "message"),
        [
            ("timeout", "soft_fail", AirflowSkipException, None),
            ("unreachable", "soft_fail", AirflowSkipException, "Skipping due to soft_fail is set to True."),
            ("request", "soft_fail", AirflowSkipException, "Skipping due to soft_fail is set to True."),
            ("blind", "soft_fail", SnowballPollingFailed, None),
            ("error", "soft_fail", SnowballPollingFailed, None),
            ("timeout", "never_fail", AirflowSensorTimeout, None),
            ("unreachable", "never_fail", AirflowSkipException, "Skipping due to never_fail is set to True."),
            ("blind", "never_fail", AirflowSkipException, "Skipping due to never_fail is set to True."),
            ("unreachable", "silent_fail", ClusterJobsFailed, None),
        ],
    )
    def test_by_the_rules_of_a_synchronous_sensor(
        self, kind: str, flag: str, raised: type[BaseException], message: str | None
    ) -> None:
        """Without a text of its own, the exception has the event's."""
        event = EVENTS[f"events_v1 {kind}"]
        with pytest.raises(raised) as error:
            _end(event, **{flag: True})
        assert type(error.value) is raised
        assert str(error.value) == (message or event["message"])
