"""What was told is known to the next poke and the next try, though Airflow's store does not always answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_snowball.compat import (
    AirflowRescheduleException,
    AirflowSkipException,
    remembers_between_pokes,
)
from airflow_provider_snowball.exceptions import SnowballOutageError, SnowballPermanentError
from airflow_provider_snowball.sensors import base
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor
from airflow_provider_snowball.triggers.events import event_of
from airflow_provider_snowball.waiting.calls import ErrorKind, RequestError
from airflow_provider_snowball.waiting.machine import Again, Fail, Wait, drive
from tests.fakes.scripted_snowball import CLUSTER, Error, ScriptedSnowball, job, job_id

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:  # before 3.2
    from airflow.exceptions import TaskDeferred  # type: ignore[assignment,no-redef,unused-ignore]  # the same there

LONG_AGO = datetime(2024, 12, 1, tzinfo=UTC)
CENTURY = timedelta(days=36500)


class Store:
    """Airflow's task state store, which may be away."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.is_away = False

    def get(self, key: str) -> Any:
        if self.is_away:
            raise RuntimeError("the API server is away")
        return json.loads(json.dumps(self.kept.get(key)))

    def set(self, key: str, value: Any, *, retention: timedelta) -> None:
        if self.is_away:
            raise RuntimeError("the API server is away")
        self.kept[key] = json.loads(json.dumps(value))


class TaskInstance:
    def __init__(self, try_number: int, max_tries: int, *, is_first: bool = True) -> None:
        self.try_number = try_number
        self.max_tries = max_tries
        self.is_first = is_first

    def get_first_reschedule_date(self, context: Any) -> datetime | None:
        return None if self.is_first else LONG_AGO

    def xcom_push(self, key: str, value: Any) -> None: ...


class Task:
    """A task that waits for two devices, with three retries, and whoever is told of changes."""

    def __init__(self, snowball: ScriptedSnowball, monkeypatch: pytest.MonkeyPatch, **arguments: Any) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", snowball.connection())
        monkeypatch.setattr(base, "_PAUSES", (0.0, 0.0))
        monkeypatch.setattr("airflow_provider_snowball.sensors.telling._PAUSES", (0.0, 0.0))
        self.told: list[str] = []
        self.store = Store()
        self.arguments: dict[str, Any] = {
            "target_state": "WithCustomer",
            "min_jobs": 2,
            "retries": 3,
            "timeout": CENTURY,
            "on_change": lambda context: self.told.extend(each["text"] for each in context["device_changes"]),
        } | arguments
        self.pokes = 0

    def sensor(self) -> Any:
        return ClusterJobsSensor(task_id="wait", cluster_id=CLUSTER, **self.arguments)

    def context(self, try_number: int) -> Any:
        ti = TaskInstance(try_number, self.arguments["retries"], is_first=self.pokes == 0)
        return {"ti": ti, "task_state_store": self.store}

    def run(self, try_number: int = 1) -> str:
        """Have a worker run it, and return what became of that."""
        try:
            self.sensor().execute(self.context(try_number))
        except (AirflowRescheduleException, TaskDeferred) as parked:
            return type(parked).__name__
        finally:
            self.pokes += 1
        return "done"


BEFORE = [job(1, "New"), job(2, "New")]
MOVED = [job(1, "Pending"), job(2, "New")]
AFTER = [job(1, "WithCustomer"), job(2, "WithCustomer")]
TEXTS = ["node-001: New -> WithCustomer", "node-002: New -> WithCustomer"]
AWAY = (
    rf"^What was told of the jobs of cluster {CLUSTER} cannot be read from Airflow's task state store, and "
    r"nothing was judged, lest a change be lost: the API server is away; see that the store answers: .* "
    r"\[SNB415\]$"
)


#: It runs pokes of reschedule mode with on_change, which is refused there.
NEEDS_MEMORY = pytest.mark.xfail(
    not remembers_between_pokes(), reason="before 3.3, Airflow has no place where a poke can leave anything"
)


@NEEDS_MEMORY
class TestReschedule:
    def test_it_comes_back_and_tells_then(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: Any
    ) -> None:
        with ScriptedSnowball([BEFORE, AFTER]) as snowball:
            task = Task(snowball, monkeypatch, mode="reschedule", deferrable=False, poke_interval=60)
            assert task.run() == "AirflowRescheduleException"
            kept, asked = dict(task.store.kept), snowball.polls
            task.store.is_away = True
            before = datetime.now(UTC)
            with pytest.raises(AirflowRescheduleException) as parked:
                task.sensor().execute(task.context(1))
            assert timedelta(0) < parked.value.reschedule_date - before < timedelta(seconds=70)
            assert snowball.polls == asked
            assert "[SNB415]" in caplog.text + capsys.readouterr().out
            task.store.is_away = False
            assert task.store.kept == kept
            assert task.run() == "done"
            assert task.told == TEXTS

    def test_one_that_never_had_a_listing_bears_no_refusal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """That it was rescheduled does not say that its first poke had one."""
        with ScriptedSnowball([Error("AccessDeniedException")]) as snowball:
            task = Task(snowball, monkeypatch, mode="reschedule", deferrable=False)
            task.store.is_away = True
            assert task.run() == "AirflowRescheduleException"
            task.store.is_away = False
            with pytest.raises(SnowballPermanentError, match="AccessDeniedException"):
                task.run()

    def test_at_its_deadline_it_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with ScriptedSnowball([BEFORE, AFTER]) as snowball:
            task = Task(snowball, monkeypatch, mode="reschedule", deferrable=False, timeout=60)
            task.run()
            task.store.is_away = True
            with pytest.raises(SnowballOutageError, match=AWAY):
                task.run()
            # Another try finds what has changed.
            task.store.is_away = False
            assert task.run(2) == "done"
            assert task.told == TEXTS


@pytest.mark.parametrize("mode", [{"deferrable": True}, {"mode": "poke", "deferrable": False}], ids=str)
class TestAnotherTry:
    def test_it_fails_so_that_it_is_tried_again(
        self, mode: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with ScriptedSnowball([BEFORE, AFTER]) as snowball:
            task = Task(snowball, monkeypatch, deferrable=True)
            assert task.run() == "TaskDeferred"
            # The worker, or what it left to a trigger, was lost.
            task.arguments |= mode
            task.store.is_away = True
            with pytest.raises(SnowballOutageError, match=AWAY):
                task.run(2)
            task.store.is_away = False
            assert task.run(3) == "done"
            assert task.told == TEXTS

    def test_never_fail_applies(self, mode: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        with ScriptedSnowball([AFTER]) as snowball:
            task = Task(snowball, monkeypatch, never_fail=True, **mode)
            task.store.is_away = True
            with pytest.raises(AirflowSkipException):
                task.run(2)

    @pytest.mark.parametrize(
        ("try_number", "told"),
        [
            (1, {"on_change": print}),
            (2, {"on_change": None, "publish_devices": True}),
            (2, {"on_change": None}),
        ],
        ids=str,
    )
    def test_where_nothing_can_be_lost_it_goes_on(
        self, try_number: int, told: dict[str, Any], mode: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first try begins here, and a wait that tells nothing knows of nothing to tell."""
        with ScriptedSnowball([AFTER]) as snowball:
            task = Task(snowball, monkeypatch, **told, **mode)
            task.store.is_away = True
            assert task.run(try_number) == "done"


def test_at_a_late_deadline_another_try_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedSnowball([BEFORE, AFTER]) as snowball:
        task = Task(snowball, monkeypatch, deferrable=True)
        task.run()
        task.store.is_away = True
        with pytest.raises(SnowballOutageError, match=AWAY):
            task.sensor().resume_execution("__fail__", {"error": "Trigger timeout"}, task.context(1))
        task.store.is_away = False
        assert task.run(2) == "done"
        assert task.told == TEXTS


class TestAnOutage:
    """Before which somebody could not be told of a change, and of a device that is late."""

    def deaf(self, snowball: ScriptedSnowball, monkeypatch: pytest.MonkeyPatch, **mode: Any) -> Task:
        """Return a task whose first try has been without a listing for longer than it bears."""
        task = Task(
            snowball,
            monkeypatch,
            max_days_in_state={"New": 1},
            outage_timeout=60,
            **mode,
        )
        task.arguments["on_overdue"] = lambda context: task.told.extend(context["overdue_jobs"])
        wait, now = Wait(task.sensor()._config(), started_at=LONG_AGO), datetime.now(UTC)
        drive(wait.judge(BEFORE, lambda: now - timedelta(days=3)), lambda _: {})
        step = drive(wait.judge(MOVED, lambda: now - timedelta(days=1)), lambda _: {})
        assert isinstance(step, Again)
        assert len(step.overdue) == 1
        failing = {
            name: (now - timedelta(seconds=ago)).isoformat()
            for name, ago in {"failing_since": 90, "failed_at": 30}.items()
        }
        task.store.kept["snowball_wait"] = {"try_number": 1, "first_try": 1} | wait.memory() | failing
        return task

    def memory(self, task: Task) -> dict[str, str]:
        """Return what a trigger was given."""
        kept = task.store.get("snowball_wait")
        return {name: each for name, each in kept.items() if isinstance(each, str)}

    def end(self, task: Task, memory: dict[str, str] | None = None) -> None:
        """End the first try, by a worker or by what a trigger found."""
        if not task.arguments.get("deferrable"):
            task.run()
            return
        wait = Wait(task.sensor()._config(), started_at=LONG_AGO, memory=memory or self.memory(task))
        step = drive(
            wait.judge(RequestError(ErrorKind.TRANSIENT, "down"), lambda: datetime.now(UTC)), lambda _: {}
        )
        assert isinstance(step, Fail)
        task.sensor().execute_complete(task.context(1), json.loads(json.dumps(event_of(step))))

    TOLD = (
        f"{job_id(2)} in New for 2 days (at most 1)",
        "node-001: New -> Pending",
        "node-002 is late in New",
    )
    MODES = pytest.mark.parametrize(
        "mode", [{"deferrable": True}, {"mode": "poke"}, {"mode": "reschedule"}], ids=str
    )

    @NEEDS_MEMORY
    @MODES
    def test_what_was_told_at_the_end_of_a_try_the_next_does_not_tell(
        self, mode: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with ScriptedSnowball([Error("ThrottlingException")]) as snowball:
            task = self.deaf(snowball, monkeypatch, **mode)
            with pytest.raises(SnowballOutageError):
                self.end(task)
            assert tuple(task.told) == self.TOLD
            snowball.listings = [*[MOVED] * (snowball.polls + 1), AFTER]
            task.arguments |= {"deferrable": False, "mode": "reschedule"}
            assert [task.run(2), task.run(2)] == ["AirflowRescheduleException", "done"]
            assert task.told[3:] == ["node-001: Pending -> WithCustomer", "node-002: New -> WithCustomer"]

    @NEEDS_MEMORY
    @MODES
    def test_of_what_nobody_was_told_the_next_tells(
        self, mode: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(context: Any) -> None:
            raise RuntimeError("no mail server")

        with ScriptedSnowball([Error("ThrottlingException")]) as snowball:
            task = self.deaf(snowball, monkeypatch, **mode)
            works = {name: task.arguments[name] for name in ("on_change", "on_overdue")}
            task.arguments |= {"on_change": fail, "on_overdue": fail}
            with pytest.raises(SnowballOutageError):
                self.end(task)
            snowball.listings = [MOVED]
            task.arguments |= works | {"deferrable": False, "mode": "reschedule"}
            task.run(2)
            assert [each.split(" for ")[0] for each in task.told] == [
                f"{job_id(2)} in New",
                "node-001: New -> Pending",
                "node-002 is late in New",
            ]

    def test_what_cannot_be_read_is_not_written_over(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with ScriptedSnowball([MOVED]) as snowball:
            task = self.deaf(snowball, monkeypatch, deferrable=True)
            kept, memory = dict(task.store.kept), self.memory(task)
            task.store.is_away = True
            monkeypatch.setattr(task.store, "set", lambda *_, **__: pytest.fail("is written over"))
            with pytest.raises(SnowballOutageError):
                self.end(task, memory)
            assert tuple(task.told) == self.TOLD
            assert task.store.kept == kept


@NEEDS_MEMORY
def test_a_failure_for_good_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """No try comes after it."""
    with ScriptedSnowball([BEFORE, [job(1, "Cancelled"), job(2, "New")]]) as snowball:
        task = Task(snowball, monkeypatch, mode="reschedule", deferrable=False)
        task.run()
        kept = dict(task.store.kept)
        with pytest.raises(Exception, match="SNB401"):
            task.run()
        assert task.told == ["node-001: New -> Cancelled"]
        assert task.store.kept == kept
