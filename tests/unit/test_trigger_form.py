"""
What Airflow stores of a wait, and every released form of it, replayed.

A trigger's class path and arguments, the name of the method that takes its event, the event, and what a
task remembers between its pokes outlive the version that wrote them. The files in stored/ are never
changed once they were released: a new form is a new file.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_snowball.compat import (
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    TaskDeferralError,
)
from airflow_provider_snowball.exceptions import (
    SnowballJobsOverdueError,
    SnowballOutageError,
    SnowballPermanentError,
    SnowballTargetUnreachableError,
    SnowballTriggerError,
)
from airflow_provider_snowball.links.snowball import console_url
from airflow_provider_snowball.sensors import base as sensors
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor, JobsSensor
from airflow_provider_snowball.triggers.events import (
    event_of,
    interim_event_of,
    interim_of,
    region_of,
    step_of,
)
from airflow_provider_snowball.triggers.snowball import ClusterJobsTrigger, JobsTrigger
from airflow_provider_snowball.waiting.machine import FailKind
from tests.fakes.scripted_snowball import CLUSTER, Error, ScriptedSnowball, job, job_id

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG  # type: ignore[no-redef]  # the same class
try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:  # before 3.2
    from airflow.exceptions import TaskDeferred  # type: ignore[assignment, no-redef, unused-ignore]  # the same class
try:
    from airflow.utils.module_loading import import_string  # type: ignore[import-not-found, unused-ignore]  # moved
except ImportError:  # moved in Airflow 3.2
    from airflow._shared.module_loading import import_string

STORED = Path(__file__).with_name("stored")


def _stored(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((STORED / f"{name}.json").read_text())
    return found


TRIGGERS = {file.stem: _stored(file.stem) for file in sorted(STORED.glob("trigger_*.json"))}
EVENTS = {
    f"{file.stem} {name}": event
    for file in sorted(STORED.glob("events_*.json"))
    for name, event in _stored(file.stem).items()
}
_WAITING = {file.stem: _stored(file.stem) for file in sorted(STORED.glob("event_*_waiting.json"))}
INTERIM_EVENTS = {name: event for name, event in _WAITING.items() if "news" not in event}
NEWS = {name: event for name, event in _WAITING.items() if "news" in event}
#: What a memory knows of the log, since there is a log of devices.
OF_THE_LOG = ("changed_at", "told_at", "polls", "failed_polls")
TASK_STATES = {file.stem: _stored(file.stem) for file in sorted(STORED.glob("task_state_*.json"))}
FULL = TRIGGERS["trigger_v1_cluster_told"]
#: What a stored trigger means by the arguments that it does not have: this stays, too.
MEANT = {
    "target_state": "Complete",
    "job_ids": None,
    "ignore_cancelled": False,
    "timeout": 34560000.0,
    "poke_interval": 900.0,
    "exponential_backoff": False,
    "max_wait": None,
    "silent_fail": False,
    "outage_timeout": 172800.0,
    "max_days_in_state": None,
    "on_overdue": "warn",
    "describe_jobs": False,
    "tell_changes": False,
    "change_interval": 0.0,
    "aws_conn_id": "aws_default",
    "region_name": None,
    "verify": None,
    "botocore_config": None,
    "memory": None,
    "next_poll": None,
}
MEANT_BY: dict[Any, dict[str, Any]] = {
    ClusterJobsTrigger: {**MEANT, "cluster_id": None, "min_jobs": 1},
    JobsTrigger: MEANT,
}
SENSORS: dict[Any, tuple[Any, dict[str, Any]]] = {
    ClusterJobsTrigger: (ClusterJobsSensor, {"cluster_id": CLUSTER}),
    JobsTrigger: (JobsSensor, {"job_ids": [job_id(1), job_id(2)]}),
}
#: Long enough that a wait of the stored files goes on.
CENTURY = timedelta(days=36500)


def rebuild(classpath: str, kwargs: dict[str, Any]) -> Any:
    """Build a trigger as the triggerer does."""
    return import_string(classpath)(**kwargs)


def through_json(kwargs: dict[str, Any]) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(json.dumps(kwargs))
    return stored


def through_airflow(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Store and read the arguments as Airflow's table of triggers does."""
    from airflow.models.trigger import Trigger

    return Trigger(classpath=FULL["classpath"], kwargs=kwargs).kwargs


def test_every_form_is_replayed() -> None:
    """A file by a name of its own would be none of the tables above."""
    replayed = {name.partition(" ")[0] for name in EVENTS} | {*TRIGGERS, *_WAITING, *TASK_STATES}
    assert replayed == {file.stem for file in STORED.iterdir()}


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
        assert set(stored["kwargs"]) <= set(MEANT_BY[import_string(stored["classpath"])])

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
        assert [(event["status"], event.get("message")) for event in events] == [("done", None)]
        sensor_class, arguments = SENSORS[type(trigger)]
        task = sensor_class(task_id="wait", deferrable=True, **arguments)
        listed = task.resume_execution(stored["next_method"], {"event": events[0]}, {})
        assert [entry["JobId"] for entry in listed] == [job_id(1), job_id(2)]
        assert snowball.polls == 1


@pytest.mark.parametrize("name", [name for name in TRIGGERS if "memory" in TRIGGERS[name]["kwargs"]])
def test_it_goes_on_with_what_it_remembers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It had a listing, so that a denial is borne, and began so long ago that its time is over."""
    stored = TRIGGERS[name]
    with ScriptedSnowball([Error("AccessDeniedException")]) as snowball:
        trigger = rebuild(stored["classpath"], stored["kwargs"])
        monkeypatch.setenv(f"AIRFLOW_CONN_{trigger.aws_conn_id.upper()}", snowball.connection())
        [event] = asyncio.run(_events_of(trigger))
    assert (event["status"], event["kind"]) == ("failed", "timeout")
    assert event["message"].startswith("Timed out after 90 days [SNB407]: the last poll of ")
    assert "AccessDeniedException" in event["message"]
    # A worker has had the task before, and has kept a link.
    assert "region" not in event


async def _events_of(trigger: Any) -> list[Any]:
    return [event.payload async for event in trigger.run()]


def _sensor(**arguments: Any) -> ClusterJobsSensor:
    given: dict[str, Any] = {"task_id": "wait", "cluster_id": CLUSTER, "deferrable": True}
    return ClusterJobsSensor(**given | arguments)


def _end(event: Any, **arguments: Any) -> Any:
    """End a task as a worker does that resumes it."""
    return _sensor(**arguments).resume_execution("execute_complete", {"event": event}, {})


class TestBegunInTheTriggerer:
    """A wait that no worker has had knows from Airflow when it began: its deferral ends ten minutes late."""

    ENDS_AT = datetime(2026, 4, 1, 12, 10, tzinfo=UTC)
    BEGAN_AT = datetime(2026, 3, 31, 12, tzinfo=UTC)

    @pytest.mark.parametrize(
        "where",
        [
            pytest.param({"timeout_after": ENDS_AT}, id="Airflow 3"),
            pytest.param({"trigger_timeout": ENDS_AT.replace(tzinfo=None)}, id="Airflow 2"),
            pytest.param({"trigger_timeout": ENDS_AT}, id="Airflow 2, should it say so one day"),
        ],
    )
    def test_it_goes_on_with_its_own_deadline(self, where: dict[str, datetime]) -> None:
        trigger = ClusterJobsTrigger(cluster_id=CLUSTER, timeout=86400.0)
        told: Any = SimpleNamespace(task_id="wait", trigger_timeout=where.get("trigger_timeout"))
        trigger.task_instance = told
        if "timeout_after" in where:
            vars(trigger)["timeout_after"] = where["timeout_after"]
        assert trigger._wait().started_at == self.BEGAN_AT

    def test_without_an_end_it_begins_now(self) -> None:
        trigger = ClusterJobsTrigger(cluster_id=CLUSTER, timeout=86400.0)
        trigger.task_instance = None
        before = datetime.now(UTC)
        assert before <= trigger._wait().started_at <= datetime.now(UTC)


@pytest.mark.parametrize("count", [49, 50, 120])
def test_a_crowd_that_begins_in_the_triggerer_is_warned_of_once(
    count: int, warned: Callable[[], list[str]]
) -> None:
    with DAG("crowd", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        for number in range(count):
            _sensor(task_id=f"worker_{number}")
            _sensor(task_id=f"wait_{number}", start_from_trigger=True)
    warnings = [text for text in warned() if "start_from_trigger" in text]
    assert len(warnings) == (count >= 50)
    assert all("DAG crowd has 50 tasks with start_from_trigger, or more" in text for text in warnings)


@pytest.mark.parametrize("trigger_class", [ClusterJobsTrigger, JobsTrigger])
class TestLeastArguments:
    """A new argument without a default would break every stored trigger."""

    def test_each_may_be_missing(self, trigger_class: Any) -> None:
        classpath, kwargs = trigger_class().serialize()
        assert import_string(classpath) is trigger_class
        assert kwargs == MEANT_BY[trigger_class]

    def test_without_anybody_to_wait_for_the_task_is_told(self, trigger_class: Any) -> None:
        [event] = asyncio.run(_events_of(trigger_class()))
        name = "cluster_id" if trigger_class is ClusterJobsTrigger else "job_ids"
        assert (event["status"], event["kind"]) == ("failed", "permanent")
        assert event["message"].startswith(f"{name} must ")


@pytest.fixture
def warned(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    """Return what tells the warnings logged: by structlog on Airflow 3, by the standard library before."""
    try:
        from structlog.testing import capture_logs
    except ImportError:
        capture_logs = nullcontext  # type: ignore[assignment]  # yields nothing
    structured: Any
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
    "outage_timeout": timedelta(days=1),
    "silent_fail": True,
    "max_days_in_state": {"InTransitToCustomer": 10},
    "on_overdue": "fail",
    "describe_jobs": True,
    "publish_devices": True,
    "change_interval": timedelta(hours=1),
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
        now = {key: kwargs[key] for key in ("memory", "next_poll")}
        assert (classpath, kwargs) == (FULL["classpath"], FULL["kwargs"] | now)
        assert now["memory"].pop("try_number") == "1"
        assert [now["memory"].pop(name) for name in ("polls", "failed_polls")] == ["0", "0"]
        shown = {f"shown {job_id(number)}": '[0, "New", ""]' for number in (1, 2)}
        assert {name: now["memory"].pop(name) for name in shown} == shown
        memory = {name: datetime.fromisoformat(time) for name, time in now["memory"].items()}
        assert list(memory) == [
            "started_at",
            "listed_at",
            f"since {job_id(1)} New",
            f"since {job_id(2)} New",
            "changed_at",
            "told_at",
            "shown_at",
        ]
        started_at = memory["started_at"]
        assert all(started_at <= time for time in memory.values())
        next_poll = datetime.fromisoformat(now["next_poll"])
        # The first step of a growing delay: half the interval, plus up to as much again.
        assert timedelta(seconds=300) <= next_poll - started_at < timedelta(seconds=660)
        assert deferred.method_name == FULL["next_method"]

    def test_a_sensor_of_jobs_stores_all_of_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        arguments: dict[str, Any] = {name: ARGUMENTS[name] for name in ARGUMENTS if name != "min_jobs"}
        arguments |= {"target_state": "Complete", "on_overdue": print}
        with ScriptedSnowball([[job(1, "New"), job(2, "New")]]) as snowball:
            monkeypatch.setenv("AIRFLOW_CONN_SNOWBALL_STORED", snowball.connection())
            with pytest.raises(TaskDeferred) as deferred:
                JobsSensor(task_id="wait", deferrable=True, **arguments).execute({})
        classpath, kwargs = deferred.value.trigger.serialize()
        stored = TRIGGERS["trigger_v1_jobs_told"]
        now = {key: kwargs[key] for key in ("memory", "next_poll")}
        assert (classpath, kwargs) == (stored["classpath"], stored["kwargs"] | now)

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
    "unreachable": SnowballTargetUnreachableError,
    "cluster_ended": SnowballTargetUnreachableError,
    "permanent": SnowballPermanentError,
    "timeout": AirflowSensorTimeout,
    "outage": SnowballOutageError,
    "transient": SnowballTriggerError,
    "overdue": SnowballJobsOverdueError,
}


class TaskInstance:
    """What a sensor asks of Airflow's: the try, its first poke, and a place for a link."""

    def __init__(self, try_number: int = 1, first_poke: datetime | None = None) -> None:
        self.try_number = try_number
        #: Of a task without retries that was cleared before each of its tries.
        self.max_tries = try_number - 1
        self.pushed: list[str] = []
        self._first_poke = first_poke

    def xcom_push(self, key: str, value: str) -> None:
        self.pushed.append(value)

    def get_first_reschedule_date(self, context: Any) -> datetime | None:
        return self._first_poke


def context_of(ti: TaskInstance, **more: Any) -> Any:
    return {"ti": ti, **more}


@pytest.mark.parametrize("name", INTERIM_EVENTS)
class TestStoredInterimEvents:
    """The task tells whom it is to tell, and hands the wait to another trigger."""

    def resume(self, name: str, on_overdue: Any, ti: TaskInstance) -> Any:
        task = _sensor(timeout=CENTURY, max_days_in_state={"New": 10, "Pending": 1}, on_overdue=on_overdue)
        before = datetime.now(UTC)
        with pytest.raises(TaskDeferred) as deferred:
            task.resume_execution("execute_complete", {"event": INTERIM_EVENTS[name]}, context_of(ti))
        assert deferred.value.method_name == "execute_complete"
        classpath, kwargs = deferred.value.trigger.serialize()
        assert classpath == FULL["classpath"]
        assert kwargs["on_overdue"] == "notify"
        delay = timedelta(seconds=INTERIM_EVENTS[name]["delay"])
        assert before + delay <= datetime.fromisoformat(kwargs["next_poll"]) <= datetime.now(UTC) + delay
        assert kwargs["memory"].pop("try_number") == str(ti.try_number)
        return kwargs["memory"]

    def test_the_wait_goes_on(self, name: str) -> None:
        event = INTERIM_EVENTS[name]
        told: list[list[str]] = []
        ti = TaskInstance()
        memory = self.resume(name, lambda context: told.append(context["overdue_jobs"]), ti)
        assert told == ([[f"{job_id(1)} in New for 11 days (at most 10)"]] if event["overdue"] else [])
        new = {f"told {each['job_id']} {each['state']}" for each in event["overdue"]}
        assert {key: memory[key] for key in memory if key not in new} == event["memory"]
        assert new <= memory.keys()
        assert ti.pushed == ([console_url(event["region"])] if "region" in event else [])

    def test_if_nobody_was_told_it_is_not_remembered(self, name: str) -> None:
        def fail(context: Any) -> None:
            raise RuntimeError("no mail server")

        assert self.resume(name, fail, TaskInstance()) == INTERIM_EVENTS[name]["memory"]

    def test_this_version_writes_the_same(self, name: str) -> None:
        event = INTERIM_EVENTS[name]
        interim = interim_of(event)
        assert interim is not None
        step, memory = interim
        assert interim_event_of(step, memory=memory, region=region_of(event)) == event
        assert through_json(event) == event

    def test_a_later_version_may_tell_more(self, name: str) -> None:
        event = INTERIM_EVENTS[name]
        more = event | {"version": 2, "overdue": [each | {"more": 1} for each in event["overdue"]], "x": 1}
        assert interim_of(more) == interim_of(event)


@pytest.mark.parametrize("name", NEWS)
class TestStoredNews:
    """The task tells of changes, and hands the wait to another trigger."""

    def resume(self, name: str, on_change: Any, ti: TaskInstance) -> dict[str, str]:
        task = _sensor(timeout=CENTURY, on_change=on_change)
        with pytest.raises(TaskDeferred) as deferred:
            task.resume_execution("execute_complete", {"event": NEWS[name]}, context_of(ti))
        kwargs = deferred.value.trigger.serialize()[1]
        assert kwargs["tell_changes"] is True
        del kwargs["memory"]["try_number"]
        return dict(kwargs["memory"])

    def test_the_wait_goes_on(self, name: str) -> None:
        event = NEWS[name]
        told: list[Any] = []
        ti = TaskInstance()
        memory = self.resume(name, told.append, ti)
        assert [context["device_changes"] for context in told] == [event["news"]["changes"]]
        assert [context["devices"] for context in told] == [event["news"]["devices"]]
        assert ti.pushed == [event["news"]["devices"]]
        told_now = {"shown_at": memory["shown_at"], f"shown {job_id(1)}": '[1, "WithCustomer", "reached"]'}
        assert memory == event["memory"] | told_now
        assert memory["shown_at"] > event["memory"]["shown_at"]

    def test_if_nobody_was_told_it_is_not_remembered(self, name: str) -> None:
        def fail(context: Any) -> None:
            raise RuntimeError("no mail server")

        assert self.resume(name, fail, TaskInstance()) == NEWS[name]["memory"]

    def test_this_version_writes_the_same(self, name: str) -> None:
        interim = interim_of(NEWS[name])
        assert interim is not None
        assert interim_event_of(interim[0], memory=interim[1]) == NEWS[name]

    def test_a_later_version_may_tell_more(self, name: str) -> None:
        event = NEWS[name]
        changes = [each | {"more": 1} for each in event["news"]["changes"]]
        assert interim_of(event | {"news": event["news"] | {"changes": changes, "x": 1}}) == interim_of(event)

    def test_a_task_that_tells_nobody_any_more_goes_on(self, name: str) -> None:
        """Its DAG was edited while it waited."""
        with pytest.raises(TaskDeferred) as deferred:
            _sensor(timeout=CENTURY).resume_execution(
                "execute_complete", {"event": NEWS[name]}, context_of(TaskInstance())
            )
        assert not any(key.startswith("shown") for key in deferred.value.trigger.serialize()[1]["memory"])


@pytest.mark.parametrize("status", ["done", "unreachable"])
def test_an_end_tells_of_the_last_changes(status: str) -> None:
    event = EVENTS[f"events_v1_told {status}"]
    told: list[Any] = []
    ti = TaskInstance()
    with contextlib.suppress(SnowballTargetUnreachableError):
        _sensor(on_change=told.append).resume_execution("execute_complete", {"event": event}, context_of(ti))
    assert [context["device_changes"] for context in told] == [event["news"]["changes"]]
    assert ti.pushed == [event["news"]["devices"]]


@pytest.mark.parametrize("event", [None, {}, *EVENTS.values()], ids=["None", "empty", *EVENTS])
def test_an_end_is_not_interim(event: Any) -> None:
    assert interim_of(event) is None


class Store:
    """Airflow's task state store (3.3 and later), of one task."""

    def __init__(self, state: Any = None) -> None:
        self.states = {"snowball_wait": state}

    def get(self, key: str) -> Any:
        return self.states.get(key)

    def set(self, key: str, value: Any, *, retention: timedelta) -> None:
        assert retention >= timedelta(days=30)
        self.states[key] = through_json(value)


@pytest.mark.parametrize("name", TASK_STATES)
class TestStoredTaskStates:
    """What a wait in reschedule mode keeps between its pokes."""

    def poke(
        self,
        monkeypatch: pytest.MonkeyPatch,
        listing: Any,
        store: Any,
        try_number: int = 2,
        retries: int = 0,
    ) -> datetime:
        """Poke once in a later process, and return when the first poke of the try was."""
        first_poke = datetime(2024, 12, 1, tzinfo=UTC)
        ti = TaskInstance(try_number, first_poke)
        with ScriptedSnowball([listing], cluster=Error("AccessDeniedException")) as snowball:
            monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", snowball.connection())
            task = _sensor(
                deferrable=False,
                mode="reschedule",
                timeout=CENTURY,
                outage_timeout=CENTURY,
                target_state="WithCustomer",
                min_jobs=3,
                retries=retries,
            )
            with pytest.raises(AirflowRescheduleException):
                task.execute(context_of(ti, task_state_store=store))
        return first_poke

    def test_it_is_gone_on_with(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        state = TASK_STATES[name]
        store = Store(state)
        self.poke(monkeypatch, [job(1, "New")], store)
        [kept] = store.states.values()
        # A listing ends what was failing, and is told of; the rest is as it was.
        ended, told = ("failing_since", "failed_at"), ("listed_at", *OF_THE_LOG)
        assert kept == {key: value for key, value in state.items() if key not in ended} | {
            key: kept[key] for key in told
        }
        assert kept["listed_at"] > state["listed_at"]

    def test_it_is_written_in_the_same_form(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        store = Store(TASK_STATES[name])
        self.poke(monkeypatch, Error("ThrottlingException"), store)
        [kept] = store.states.values()
        assert kept.keys() == TASK_STATES[name].keys()
        # Nobody has asked since: that time is none of the outage.
        moved = {key for key, value in kept.items() if value != TASK_STATES[name][key]}
        assert moved == {"failing_since", "failed_at"}

    def test_once_the_task_was_cleared_nothing_counts(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = Store(TASK_STATES[name])
        first_poke = self.poke(monkeypatch, [job(1, "New")], store, try_number=3)
        [kept] = store.states.values()
        assert (kept["try_number"], kept["started_at"]) == (3, first_poke.isoformat())
        assert kept.keys() == {
            "try_number",
            "first_try",
            "started_at",
            "listed_at",
            "described_at",
            "description_denied_at",
            *OF_THE_LOG,
            f"since {job_id(1)} New",
        }

    def test_of_an_earlier_try_its_times_count_on(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        state = TASK_STATES[name]
        store = Store(state)
        # The third, of a task that was cleared after the first.
        first_poke = self.poke(monkeypatch, [job(1, "New")], store, try_number=3, retries=1)
        [kept] = store.states.values()
        assert (kept["try_number"], kept["first_try"]) == (3, 2)
        stays = ("started_at", f"since {job_id(1)} New", f"told {job_id(1)} New")
        assert {key: kept[key] for key in stays} == {key: state[key] for key in stays}
        # What is wrong now counts from now.
        assert kept["listed_at"] > first_poke.isoformat() > state["described_at"]
        assert kept["described_at"] > first_poke.isoformat()

    @pytest.mark.parametrize(
        "state", [None, "text", [], {"try_number": 2}, {"try_number": 2, "later": 1}], ids=str
    )
    def test_what_is_no_memory_is_none(self, name: str, state: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        store = Store(state)
        first_poke = self.poke(monkeypatch, [job(1, "New")], store)
        [kept] = store.states.values()
        assert kept["started_at"] == first_poke.isoformat()

    def test_a_store_that_fails_is_none(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        class Broken(Store):
            def get(self, key: str) -> Any:
                raise RuntimeError("no such table")

            def set(self, key: str, value: Any, *, retention: timedelta) -> None:
                raise RuntimeError("no such table")

        monkeypatch.setattr(sensors, "_PAUSES", (0.0,))
        self.poke(monkeypatch, [job(1, "New")], Broken())
        self.poke(monkeypatch, [job(1, "New")], None)

    @pytest.mark.parametrize("failures", [1, 5])
    def test_what_could_not_be_read_is_not_written_over(
        self, name: str, failures: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Away(Store):
            left = failures

            def get(self, key: str) -> Any:
                self.left -= 1
                if self.left >= 0:
                    raise RuntimeError("the API server is away")
                return super().get(key)

        monkeypatch.setattr(sensors, "_PAUSES", (0.0,))
        store = Away(TASK_STATES[name])
        self.poke(monkeypatch, [job(1, "New")], store)
        [kept] = store.states.values()
        assert kept["started_at"] == TASK_STATES[name]["started_at"]
        assert (kept == TASK_STATES[name]) is (failures == 5)


class TestDeferralErrors:
    """What Airflow itself says of a deferral, in the place of a trigger's event."""

    def resume(self, monkeypatch: pytest.MonkeyPatch, listing: Any, error: str, **arguments: Any) -> Any:
        with ScriptedSnowball([listing]) as snowball:
            monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", snowball.connection())
            task = _sensor(target_state="WithCustomer", **arguments)
            return task.resume_execution("__fail__", {"error": error}, {})

    def test_what_changed_meanwhile_is_told_at_a_late_deadline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where the task can remember what it knew as it was deferred."""
        told: list[Any] = []
        store = Store()
        with ScriptedSnowball([[job(1, "New")], [job(1, "WithCustomer")]]) as snowball:
            monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", snowball.connection())
            task = _sensor(target_state="WithCustomer", on_change=told.append)
            context = context_of(TaskInstance(), task_state_store=store)
            with pytest.raises(TaskDeferred):
                task.execute(context)
            task.resume_execution("__fail__", {"error": "Trigger timeout"}, context)
        [said] = told
        assert [each["text"] for each in said["device_changes"]] == ["node-001: New -> WithCustomer"]

    def test_an_outage_of_before_is_none_at_a_late_deadline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What the task had remembered as it was deferred may be over for long."""
        long_ago = "2024-12-01T08:00:00+00:00"
        memory = dict.fromkeys(("started_at", "listed_at", "failing_since", "failed_at"), long_ago)
        store = Store({"try_number": 1, "first_try": 1} | memory)
        with ScriptedSnowball([Error("ThrottlingException")]) as snowball:
            monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", snowball.connection())
            task = _sensor(target_state="WithCustomer")
            with pytest.raises(AirflowSensorTimeout):
                task.resume_execution(
                    "__fail__",
                    {"error": "Trigger timeout"},
                    context_of(TaskInstance(), task_state_store=store),
                )

    def test_done_at_a_late_deadline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        listed = self.resume(monkeypatch, [job(1, "WithCustomer")], "Trigger timeout")
        assert [each["JobId"] for each in listed] == [job_id(1)]

    @pytest.mark.parametrize(
        ("listing", "raised", "text"),
        [
            pytest.param(
                [job(1, "New")],
                AirflowSensorTimeout,
                f"Timed out after 90 days [SNB407]: 0 of 1 jobs at or past WithCustomer ({job_id(1)} New)",
                id="not yet",
            ),
            pytest.param(
                [],
                AirflowSensorTimeout,
                "Timed out after 90 days [SNB407]: "
                "0 of 0 jobs at or past WithCustomer; 0 of at least 1 listed",
                id="none",
            ),
            pytest.param(
                [job(1, "Cancelled")],
                SnowballTargetUnreachableError,
                f"1 of 1 jobs of cluster {CLUSTER} cannot reach WithCustomer: {job_id(1)} Cancelled [SNB401]",
                id="unreachable",
            ),
            pytest.param(
                Error("ThrottlingException"),
                AirflowSensorTimeout,
                f"Timed out after 90 days [SNB407]: the last poll of cluster {CLUSTER} failed: "
                "ThrottlingException when calling ListClusterJobs: scripted",
                id="transient",
            ),
            pytest.param(
                Error("AccessDeniedException"),
                AirflowSensorTimeout,
                f"Timed out after 90 days [SNB407]: the last poll of cluster {CLUSTER} failed: "
                "AccessDeniedException when calling ListClusterJobs: scripted; "
                "allow the IAM action snowball:ListClusterJobs (region us-east-1, "
                "Airflow connection 'aws_default') [SNB304]",
                id="denied",
            ),
            pytest.param(
                Error("InvalidResourceException"),
                SnowballPermanentError,
                f"Cannot list the jobs of cluster {CLUSTER}: "
                "InvalidResourceException when calling ListClusterJobs: scripted (region us-east-1, "
                "Airflow connection 'aws_default') [SNB303]",
                id="not found",
            ),
        ],
    )
    def test_failed_at_a_late_deadline(
        self, monkeypatch: pytest.MonkeyPatch, listing: Any, raised: Any, text: str
    ) -> None:
        with pytest.raises(raised) as error:
            self.resume(monkeypatch, listing, "Trigger timeout", timeout=timedelta(days=90))
        assert type(error.value) is raised
        assert str(error.value) == text

    def test_soft_fail_at_a_late_deadline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(AirflowSkipException, match=r"^Timed out after 400 days \[SNB407\]: "):
            self.resume(monkeypatch, [job(1, "New")], "Trigger timeout", soft_fail=True)

    def test_any_other_is_airflows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(TaskDeferralError, match=r"^Trigger failure$"):
            self.resume(monkeypatch, [job(1, "WithCustomer")], "Trigger failure")

    @pytest.mark.parametrize("flag", ["soft_fail", "never_fail"])
    def test_unless_it_is_to_be_skipped(self, monkeypatch: pytest.MonkeyPatch, flag: str) -> None:
        with pytest.raises(AirflowSkipException, match=f"^Skipping due to {flag} is set to True.$") as error:
            self.resume(monkeypatch, [job(1, "WithCustomer")], "Trigger failure", **{flag: True})
        assert isinstance(error.value.__cause__, TaskDeferralError)

    @pytest.mark.parametrize(
        ("flags", "raised"),
        [({}, AirflowTaskTimeout), ({"soft_fail": True}, AirflowSkipException)],
        ids=["", "soft_fail"],
    )
    def test_a_time_out_of_the_task_itself(self, flags: dict[str, Any], raised: Any) -> None:
        def too_slow(context: Any) -> None:
            raise AirflowTaskTimeout("Timeout")

        event = INTERIM_EVENTS["event_v1_waiting"]
        with pytest.raises(raised):
            _end(event, timeout=CENTURY, max_days_in_state={"New": 10}, on_overdue=too_slow, **flags)


class TestStoredEvents:
    @pytest.mark.parametrize("name", [name for name in EVENTS if EVENTS[name]["status"] == "done"])
    def test_done(self, name: str) -> None:
        event = EVENTS[name]
        assert _end(event) == event["jobs"]

    @pytest.mark.parametrize("name", [name for name in EVENTS if EVENTS[name]["status"] == "failed"])
    def test_failed(self, name: str) -> None:
        raised = RAISED[EVENTS[name]["kind"]]
        with pytest.raises(raised) as error:
            _end(EVENTS[name])
        assert type(error.value) is raised
        assert str(error.value) == EVENTS[name]["message"]

    def test_who_was_late_at_the_end_is_told_of(self) -> None:
        told: list[list[str]] = []
        with pytest.raises(AirflowSensorTimeout):
            _end(
                EVENTS["events_v1 timeout with a job that is late"],
                max_days_in_state={"New": 10},
                on_overdue=lambda context: told.append(context["overdue_jobs"]),
            )
        assert told == [[f"{job_id(1)} in New for 11 days (at most 10)"]]

    @pytest.mark.parametrize("try_number", [2, 3])
    def test_a_try_ends_by_its_own_event(self, monkeypatch: pytest.MonkeyPatch, try_number: int) -> None:
        """Before 3.1.1, Airflow resumes a retry with what failed the try before (apache/airflow#56704)."""
        event = EVENTS["events_v1 outage of a second try"]
        with ScriptedSnowball([[job(1, "New")]]) as snowball:
            monkeypatch.setenv("AIRFLOW_CONN_SNOWBALL_TEST", snowball.connection())
            with pytest.raises((SnowballOutageError, TaskDeferred)) as raised:
                _sensor(aws_conn_id="snowball_test").resume_execution(
                    "execute_complete", {"event": event}, context_of(TaskInstance(try_number))
                )
        if try_number == 2:
            assert (str(raised.value), snowball.polls) == (event["message"], 0)
        else:
            assert isinstance(raised.value, TaskDeferred)
            assert raised.value.trigger.serialize()[1]["memory"]["try_number"] == "3"
            assert snowball.polls == 1

    def test_there_is_one_of_each_kind(self) -> None:
        assert {event.get("kind") for event in EVENTS.values()} == {None, *FailKind} == {None, *RAISED}

    @pytest.mark.parametrize("name", EVENTS)
    def test_this_version_writes_the_same(self, name: str) -> None:
        event = EVENTS[name]
        more = {"region": region_of(event), "try_number": event.get("try_number")}
        assert event_of(step_of(event), **more) == event

    @pytest.mark.parametrize(
        ("name", "region"),
        [
            ("events_v1 done", None),
            ("events_v1 done with region", "eu-central-1"),
            ("events_v1 permanent with region", "us-gov-west-1"),
        ],
    )
    def test_the_region_makes_a_link(self, name: str, region: str | None) -> None:
        """Of a wait that began in a triggerer, no worker has kept one."""
        ti = TaskInstance()
        with contextlib.suppress(SnowballPermanentError):
            _sensor().resume_execution("execute_complete", {"event": EVENTS[name]}, context_of(ti))
        assert ti.pushed == ([] if region is None else [console_url(region)])

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
                "The trigger reported {'version': 2, 'status': 'paused'} [SNB408]",
                id="status of a later version",
            ),
            pytest.param(
                {"version": 1, "status": "failed", "message": "no kind"}, "no kind", id="without a kind"
            ),
            pytest.param({}, "The trigger reported {} [SNB408]", id="empty"),
            pytest.param(None, "The trigger ended without an event [SNB408]", id="None"),
        ],
    )
    def test_what_is_not_understood_may_be_retried(self, event: Any, message: str) -> None:
        with pytest.raises(SnowballTriggerError) as error:
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
            ("permanent", "soft_fail", AirflowSkipException, "Skipping due to soft_fail is set to True."),
            ("outage", "soft_fail", SnowballOutageError, None),
            ("transient", "soft_fail", SnowballTriggerError, None),
            ("timeout", "never_fail", AirflowSensorTimeout, None),
            ("unreachable", "never_fail", AirflowSkipException, "Skipping due to never_fail is set to True."),
            ("outage", "never_fail", AirflowSkipException, "Skipping due to never_fail is set to True."),
            ("unreachable", "silent_fail", SnowballTargetUnreachableError, None),
        ],
    )
    def test_by_the_rules_of_a_synchronous_sensor(
        self, kind: str, flag: str, raised: type[BaseException], message: str | None
    ) -> None:
        """Without a text of its own, the exception has the event's."""
        event = EVENTS[f"events_v1 {kind}"]
        with pytest.raises(raised) as error:
            _sensor(**{flag: True}).resume_execution("execute_complete", {"event": event}, {})
        assert type(error.value) is raised
        assert str(error.value) == (message or event["message"])
